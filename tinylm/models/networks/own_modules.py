"""A module of one's own, (B, T) -> (B, T, V): tried once, counted, and kept in this process, so that its config can be built."""

import functools
import inspect
import numbers
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from tinylm.config import ConfigError, ModelConfig, ModuleConfig
from tinylm.models.networks.base import LanguageModel, build, n_params
from tinylm.models.networks.code_hash import code_hash
from tinylm.models.networks.flop_count import Count, count, own_random_numbers
from tinylm.models.networks.layers import last

Factory = Callable[..., nn.Module]
N_STARTS = 16  # places from which on tokens are changed in the search for a position that sees a later one
ROUNDING = 1e-5  # of the largest logit: what a position may change by, as in convolutions by FFT
BETWEEN_WINDOWS = 1e-4  # the same, between batches of other sizes


class OwnModule(LanguageModel):
    """A user's module, which computes every position, as the library's models are called."""

    def __init__(self, module: nn.Module, matrices: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.module, self._matrices = module, matrices

    def forward(self, x_BT: Tensor, n_out: int) -> Tensor:
        return last(self.module(x_BT), n_out)

    def hidden(self, x_BT: Tensor, n_out: int) -> Tensor:
        raise ConfigError(
            f"{type(self.module).__name__} gives logits only: what needs hidden states, such as a neural cache, cannot use it"
        )

    def hidden_matrices(self) -> list[nn.Parameter]:
        return [p for name, p in self.named_parameters() if name in self._matrices]


@dataclass(frozen=True)
class _Kept:
    """What builds a config: the factory and the names of the matrices that Muon updates."""

    factory: Factory
    matrices: tuple[str, ...]


_KEPT: dict[ModuleConfig, _Kept] = {}


def own_module(factory: Factory, context_length: int, vocab_size: int) -> ModuleConfig:
    """The config of a class or function that makes an nn.Module from a vocabulary size, and from `context_length` if it takes that name.

    The module maps ids (B, T), T from 1 to context_length, to logits (B, T, V). ConfigError where it does not, where a position sees a
    later one, where its initial weights do not follow torch's seed, and where its FLOPs cannot be counted. FLOPs are PyTorch's count of
    one window, unless the module states its own: a number `forward_flops`, or a method that is given the context length. What the
    module's forward pass raises is the cause of the ConfigError, and its last words.
    """
    ModelConfig(context_length=context_length)  # ConfigError for one that no window has
    _check_factory(factory)
    with own_random_numbers():
        model = OwnModule(_made(factory, context_length, vocab_size))
        name = type(model.module).__name__ if _name(factory) == "<lambda>" else _name(factory)
        _check_seeded(factory, model.module, context_length, vocab_size)
        _check_logits(model.module, name, context_length, vocab_size)
        _check_causal(model.module, name, context_length, vocab_size)
    found = count(model, context_length, vocab_size, context_length)
    kept = _Kept(factory, _hidden(model, found, vocab_size))
    parameters = dict(model.named_parameters())
    config = ModuleConfig(
        name=name,
        code=code_hash(factory),
        context_length=context_length,
        vocab_size=vocab_size,
        forward_flops=_flops(model.module, name, found, context_length),
        n_params=n_params(model),
        matrices=tuple(tuple(parameters[matrix].shape) for matrix in kept.matrices),
    )
    _KEPT[config] = kept
    return config


@build.register
def _(config: ModuleConfig, vocab_size: int) -> OwnModule:
    config.check_vocab_size(vocab_size)
    kept = _KEPT.get(config)
    if kept is None:
        raise ConfigError(
            f"the code of {config.name} ({config.code}) is not in this Python process; define it again as it was and pass it to own_module"
        )
    if code_hash(kept.factory) != config.code:
        raise ConfigError(
            f"{config.name}, or a value or function that it uses, has changed since it was counted; pass it to own_module again"
            " (what its forward pass changes itself, such as a list it appends to, must belong to the module)"
        )
    return OwnModule(_made(kept.factory, config.context_length, vocab_size), kept.matrices)


def _check_factory(factory: Any) -> None:
    """Raise ConfigError for what builds no module."""
    if isinstance(factory, nn.Module):
        kind = type(factory).__name__
        raise ConfigError(
            f"this {kind} is built already, so its initial weights would not follow the seed; pass what builds it, such as "
            f"lambda vocab_size: {kind}(...)"
        )
    if not callable(factory):
        raise ConfigError(f"{factory!r} builds no module; pass a class of nn.Module, or a function of the vocabulary size")


def _name(factory: Factory) -> str:
    """What the factory is called."""
    while isinstance(factory, functools.partial):
        factory = factory.func
    return getattr(factory, "__name__", type(factory).__name__)


def _made(factory: Factory, context_length: int, vocab_size: int) -> nn.Module:
    """A new module on the CPU; ConfigError where the factory asks for something else or makes something else."""
    try:
        signature = inspect.signature(factory)
    except ValueError as error:  # of some built-in callables
        raise ConfigError(f"{_name(factory)} does not say its arguments; wrap it as lambda vocab_size: ...") from error
    named = {"context_length": context_length} if "context_length" in signature.parameters else {}
    try:
        signature.bind(vocab_size, **named)
    except TypeError as error:
        raise ConfigError(
            f"{_name(factory)} is called with the vocabulary size (and context_length, if it takes that name), but: {error}; "
            "give its other arguments with functools.partial or a lambda"
        ) from error
    try:
        module = factory(vocab_size, **named)
    except TypeError as error:
        if all(parameter.kind is not inspect.Parameter.VAR_POSITIONAL for parameter in signature.parameters.values()):
            raise  # the call fits its signature, so the mistake is within
        raise ConfigError(
            f"{_name(factory)} cannot be made from a vocabulary size alone; wrap it as lambda vocab_size: ... ({error})"
        ) from error
    if not isinstance(module, nn.Module):
        raise ConfigError(f"{_name(factory)} gave {module!r}; it must give an nn.Module")
    return module


def _check_seeded(factory: Factory, module: nn.Module, context_length: int, vocab_size: int) -> None:
    """Raise ConfigError unless a second module has weights of its own, the same from the same seed."""
    with own_random_numbers():
        first, second = module.state_dict(), _made(factory, context_length, vocab_size).state_dict()
    name = _name(factory)
    if {t.data_ptr() for t in first.values() if t.numel()} & {t.data_ptr() for t in second.values() if t.numel()}:
        raise ConfigError(f"{name} gives the same weights at each call; build the whole module inside it, so that a run begins anew")
    alike = first.keys() == second.keys() and all(torch.equal(t, second[key]) for key, t in first.items())
    if not alike:
        raise ConfigError(f"{name} gives other weights from the same seed; draw them with torch's random numbers")


def _check_logits(module: nn.Module, name: str, context_length: int, vocab_size: int) -> None:
    """Raise ConfigError unless ids (B, T) of any length give finite logits (B, T, V), the same ones each time and in any batch."""
    module.eval()
    x_BT = torch.randint(vocab_size, (2, context_length))
    both = _logits(module, name, x_BT, vocab_size)
    if not both.isfinite().all():
        raise ConfigError(f"the first logits of {name} are not finite; look for a row of attention that is masked as a whole")
    if _first_change(both, _logits(module, name, x_BT, vocab_size), ROUNDING) is not None:
        raise ConfigError(f"{name} gives other logits for the same tokens the second time; it must keep nothing from call to call")
    alone = torch.cat([_logits(module, name, x_1T, vocab_size) for x_1T in x_BT.split(1)])
    if _first_change(both, alone, BETWEEN_WINDOWS) is not None:
        raise ConfigError(f"the logits of {name} for one window depend on the others of the batch; is the batch its first dimension?")
    for length in {1, context_length // 2 or 1}:
        _logits(module, name, x_BT[:, :length], vocab_size)


@torch.no_grad()
def _logits(module: nn.Module, name: str, x_BT: Tensor, vocab_size: int) -> Tensor:
    """Logits (B, T, V), the random numbers of each call the same; ConfigError for other ones and for whatever the module raises."""
    try:
        with own_random_numbers():
            logits = module(x_BT)
    except Exception as error:  # of a user's code, anything
        raise ConfigError(
            f"{name} fails on ids {tuple(x_BT.shape)}; it must take ids (B, T) for any T from 1 to the context length: "
            f"{type(error).__name__}: {error}"
        ) from error
    expected = (*x_BT.shape, vocab_size)
    found = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
    if found != expected or not logits.is_floating_point():
        raise ConfigError(f"{name} must map ids {tuple(x_BT.shape)} to logits {expected}; it gave {found}")
    return logits


def _first_change(before_BTV: Tensor, after_BTV: Tensor, rounding: float) -> int | None:
    """The first position whose logits differ by more than rounding does."""
    changed_T = (before_BTV - after_BTV).abs().amax((0, 2)) > rounding * before_BTV.abs().max()
    return int(changed_T.nonzero()[0]) if changed_T.any() else None


def _check_causal(module: nn.Module, name: str, context_length: int, vocab_size: int) -> None:
    """Raise ConfigError that names a position whose logits change with a later token, in evaluation or in training.

    Noise is added to the weights, because a part that starts at zero hides what it sees, unless the logits do not bear it.
    """
    x_1T = torch.randint(vocab_size, (1, context_length))
    other_1T = (x_1T + torch.randint(1, max(2, vocab_size), x_1T.shape)) % vocab_size
    starts = sorted({1 + round(i * (context_length - 2) / (N_STARTS - 1)) for i in range(N_STARTS)} if context_length > 1 else {})
    initial = {key: value.clone() for key, value in module.state_dict().items()}
    _move(module)
    if not _logits(module, name, x_1T, vocab_size).isfinite().all():
        module.load_state_dict(initial)
    for is_training in (False, True):
        module.train(is_training)
        before = _logits(module, name, x_1T, vocab_size)
        for start in starts:
            after = _logits(module, name, torch.cat([x_1T[:, :start], other_1T[:, start:]], 1), vocab_size)
            position = _first_change(before[:, :start], after[:, :start], ROUNDING)
            if position is not None:
                when = " in training" if is_training else ""
                raise ConfigError(f"{name} is not causal{when}: its logits at position {position} change with tokens from {start} on")
    module.load_state_dict(initial)


@torch.no_grad()
def _move(module: nn.Module) -> None:
    """Add noise to all weights, of a size that products keep."""
    for p in module.parameters():
        p += torch.randn_like(p) / (p.shape[-1] if p.ndim else 1) ** 0.5


def _hidden(model: OwnModule, found: Count, vocab_size: int) -> tuple[str, ...]:
    """The names of the matrices between hidden states: multiplied with, not looked up, and not the last one, which gives the logits."""
    parameters = dict(model.named_parameters())
    head = {name for name in found.multiplied[-1:] if vocab_size in parameters[name].shape}
    inner = {*found.multiplied} - found.looked_up - head
    return tuple(name for name, p in parameters.items() if name in inner and p.ndim == 2 and min(p.shape) > 1)


def _flops(module: nn.Module, name: str, found: Count, context_length: int) -> int:
    """The FLOPs of a window forward: counted, or stated by the module and not contradicted; ConfigError where neither is to be had."""
    stated = getattr(module, "forward_flops", None)
    if stated is None:
        if not found.is_whole:
            raise ConfigError(f"{name} must state its FLOPs, by a method forward_flops(context_length): {found}")
        if not found.counted:
            raise ConfigError(
                f"{name} has no matrix product, and so costs no FLOPs as they are counted here; no budget could bound its run"
            )
        return found.counted
    flops = stated(context_length) if callable(stated) else stated
    if not isinstance(flops, numbers.Real) or not found.agrees(flops):
        shown = f"{flops:,}" if isinstance(flops, numbers.Real) else repr(flops)
        raise ConfigError(f"{name} states {shown} FLOPs for a window of {context_length} tokens, but {found}; correct forward_flops")
    return int(flops)
