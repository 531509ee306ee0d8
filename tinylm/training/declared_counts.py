"""The counts that an architecture of one's own declares, compared with PyTorch's before its training, and a module's after it too."""

from tinylm import flops
from tinylm.config import ConfigError, ModelConfig, ModuleConfig, RunSpec
from tinylm.models.networks import LanguageModel, build, n_params
from tinylm.models.networks.flop_count import count, own_random_numbers


def check_counts(spec: RunSpec, vocab_size: int) -> None:
    """Raise ConfigError with both numbers where a model's declared FLOPs, parameters or Muon's matrices are not those of the built one.

    FLOPs may differ by `flop_count.TOLERANCE`. Costs one forward pass on the CPU. The library's own configs are not looked at: tests
    compare theirs, and `own_module` has counted a ModuleConfig.
    """
    if type(spec.model).__module__ == ModelConfig.__module__:
        return
    kind = spec.model.kind
    with own_random_numbers():
        model = build(spec.model, vocab_size)
    n_declared, n_built = flops.n_params(spec.model, vocab_size), n_params(model)
    if n_declared != n_built:
        raise ConfigError(f"n_params of {kind} says {n_declared:,} parameters, the built model has {n_built:,}; correct n_params")
    declared = sum(flops.forward_parts(spec.model, vocab_size, spec.n_targets, spec.n_targets).values())
    found = count(model, spec.model.context_length, vocab_size, spec.n_targets)
    if not found.agrees(declared):
        raise ConfigError(
            f"forward_parts of {kind} says {declared:,} FLOPs for a window that scores {spec.n_targets} positions, but {found}; correct it"
        )
    if spec.train.optimizer == "muon":
        shapes = [sorted(found) for found in (flops.hidden_shapes(spec.model), [tuple(p.shape) for p in model.hidden_matrices()])]
        if shapes[0] != shapes[1]:
            raise ConfigError(f"hidden_shapes of {kind} says {shapes[0]}, the built model has {shapes[1]}; correct hidden_shapes")


def check_unchanged(spec: RunSpec, model: LanguageModel, vocab_size: int) -> None:
    """Raise ConfigError where a module of one's own does not cost after its training what was counted before it.

    Before it few calls are tried, and a module may know how often it was called. It is left on the CPU.
    """
    if not isinstance(spec.model, ModuleConfig):
        return
    counted = spec.model.forward_flops
    found = count(model.cpu(), spec.model.context_length, vocab_size, spec.model.context_length)
    if not found.agrees(counted):
        raise ConfigError(
            f"{spec.model.name} cost {counted:,} FLOPs for a window before its training, but {found} after it, so that no budget was kept;"
            " each call must do the same work"
        )
