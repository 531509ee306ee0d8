"""A module of one's own, (B, T) -> (B, T, V): tried once, counted, and kept in this process, so that its config can be built."""

import functools
import inspect
import numbers
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from tinylm.config import ConfigError, ModelConfig, ModuleConfig, TinylmError
from tinylm.models.networks.base import LanguageModel, build, n_params
from tinylm.models.networks.code_hash import code_hash
from tinylm.models.networks.flop_count import Count, own_random_numbers
from tinylm.models.networks.layers import last
from tinylm.models.networks.own_checks import check_causal, check_gradients, check_logits, check_seeded, checked_count, told
from tinylm.models.networks.threads import threads

Factory = Callable[..., nn.Module]


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
    later one, where its initial weights do not follow torch's seed, where its FLOPs cannot be counted, and where they change from call to
    call. FLOPs are `flop_count`'s of one window, unless the module states its own: a number `forward_flops`, or a method that is given the
    context length. What the user's code raises is the cause of the ConfigError, which ends with it and its line.
    """
    ModelConfig(context_length=context_length)  # ConfigError for one that no window has
    _check_factory(factory)
    with own_random_numbers(), threads(1):
        model = OwnModule(_made(factory, context_length, vocab_size))
        name = type(model.module).__name__ if _name(factory) == "<lambda>" else _name(factory)
        check_seeded(lambda: _made(factory, context_length, vocab_size), model.module, name)
        check_logits(model.module, name, context_length, vocab_size)
        found = checked_count(model, name, context_length, vocab_size)
        check_causal(model.module, name, context_length, vocab_size, found.counted)
        flops = _flops(model.module, name, found, context_length)
        check_gradients(model, name, context_length, vocab_size, max(flops, found.counted))
    kept = _Kept(factory, _hidden(model, found, vocab_size))
    parameters = dict(model.named_parameters())
    config = ModuleConfig(
        name=name,
        code=code_hash(factory),
        context_length=context_length,
        vocab_size=vocab_size,
        forward_flops=flops,
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
            f"the code of {config.name} ({config.code}) is not in this Python process; "
            "define it again as it was, and give it to the same tl.train"
        )
    if code_hash(kept.factory) != config.code:
        raise ConfigError(
            f"{config.name}, or a value or function that it uses, has changed since it was counted; give it to tl.train again"
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
    except TinylmError:
        raise
    except Exception as error:  # of a user's code, anything
        takes_any = any(parameter.kind is inspect.Parameter.VAR_POSITIONAL for parameter in signature.parameters.values())
        problem = "cannot be made from a vocabulary size alone; wrap it as lambda vocab_size: ..., for" if takes_any else "cannot be made:"
        raise ConfigError(f"{_name(factory)} {problem} {told(error)}") from error
    if not isinstance(module, nn.Module):
        raise ConfigError(f"{_name(factory)} gave {module!r}; it must give an nn.Module")
    return module


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
        if found.unknown:
            raise ConfigError(f"{name} must state its FLOPs, by a method forward_flops(context_length): {found}")
        return found.counted
    try:
        flops = stated(context_length) if callable(stated) else stated
    except Exception as error:  # of a user's code, anything
        raise ConfigError(f"forward_flops(context_length) of {name} fails: {told(error)}") from error
    if not isinstance(flops, numbers.Real) or not found.agrees(flops):
        shown = f"{flops:,}" if isinstance(flops, numbers.Real) else repr(flops)
        raise ConfigError(f"{name} states {shown} FLOPs for a window of {context_length} tokens, but {found}; correct forward_flops")
    return int(flops)
