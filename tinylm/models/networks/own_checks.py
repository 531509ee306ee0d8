"""What is tried on a module of one's own before it is trained: its seed, its logits, what its positions see, and what its calls cost."""

import random
import traceback
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from tinylm.config import ConfigError
from tinylm.models.networks.base import LanguageModel
from tinylm.models.networks.code_hash import is_library
from tinylm.models.networks.flop_count import TOLERANCE, Count, count_call, own_random_numbers, training_products

ROUNDING = 1e-5  # of the largest logit: what a position may change by, as in convolutions by FFT
BETWEEN_WINDOWS = 1e-4  # the same, between batches of other sizes
PROBED_FLOPS = 2e10  # as many as may be spent on trying every position, forward; of a costlier module some are tried
FEW = 3  # tokens of a text that repeats itself
MAX_ROWS, MAX_LOGITS = 16, 2**23  # windows and logits of one call of the probe
N_SEEDS = 6  # calls with random tokens and numbers in the search for a cost that changes
MAX_SET = 1000  # random numbers of a call that are set, so that drawing until one is small ends
aten = torch.ops.aten


def check_seeded(made: Callable[[], nn.Module], module: nn.Module, name: str) -> None:
    """Raise ConfigError unless a second module has weights of its own, the same from the same seed."""
    with own_random_numbers():
        first, second = module.state_dict(), made().state_dict()
    if {t.data_ptr() for t in first.values() if t.numel()} & {t.data_ptr() for t in second.values() if t.numel()}:
        raise ConfigError(f"{name} gives the same weights at each call; build the whole module inside it, so that a run begins anew")
    alike = first.keys() == second.keys() and all(torch.equal(t, second[key]) for key, t in first.items())
    if not alike:
        raise ConfigError(f"{name} gives other weights from the same seed; draw them with torch's random numbers")


def check_logits(module: nn.Module, name: str, context_length: int, vocab_size: int) -> None:
    """Raise ConfigError unless ids (B, T) of any length give finite logits (B, T, V), the same ones each time and in any batch."""
    x_BT = torch.randint(vocab_size, (2, context_length))
    for is_training in (True, False):
        module.train(is_training)
        drawn = _drawn_outside()
        both = _logits(module, name, x_BT, vocab_size)
        if not both.isfinite().all():
            raise ConfigError(f"the first logits of {name} are not finite; look for a row of attention that is masked as a whole")
        _logits(module, name, x_BT.flip(1), vocab_size)
        if _first_change(both, _logits(module, name, x_BT, vocab_size), ROUNDING) is not None:
            raise ConfigError(
                f"{name} gives other logits for the same tokens the second time; it must keep nothing from call to call, and draw its"
                " random numbers with torch"
            )
        if drawn != _drawn_outside():
            raise ConfigError(f"{name} draws random numbers of Python or numpy when it is called; draw them with torch, as the seed is its")
    alone = torch.cat([_logits(module, name, x_1T, vocab_size) for x_1T in x_BT.split(1)])
    if _first_change(both, alone, BETWEEN_WINDOWS) is not None:
        raise ConfigError(f"the logits of {name} for one window depend on the others of the batch; is the batch its first dimension?")
    for length in {1, context_length // 2 or 1}:
        _logits(module, name, x_BT[:, :length], vocab_size)


def _drawn_outside() -> str:
    """The state of the random numbers that torch's seed does not set."""
    return repr((random.getstate(), np.random.get_state()[1:]))


def told(error: Exception) -> str:
    """What a user's code raised, in one line, with the last line of the user's own that led to it."""
    own = [place for place in traceback.walk_tb(error.__traceback__) if not is_library(str(place[0].f_globals.get("__name__")))]
    message = f"{type(error).__name__}: {' '.join(str(error).split())}"
    if not own:
        return message
    frame, line = own[-1]
    file = Path(frame.f_code.co_filename)
    return f"{message} (line {line}{f' of {file.name}' if file.is_file() else ''}, in {frame.f_code.co_name})"


@torch.no_grad()
def _logits(module: nn.Module, name: str, x_BT: Tensor, vocab_size: int) -> Tensor:
    """Logits (B, T, V), the random numbers of each call the same; ConfigError for other ones and for whatever the module raises."""
    try:
        with own_random_numbers():
            logits = module(x_BT)
    except Exception as error:  # of a user's code, anything
        raise ConfigError(
            f"{name} fails on ids {tuple(x_BT.shape)}; it must take ids (B, T) for any T from 1 to the context length: {told(error)}"
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


def check_causal(module: nn.Module, name: str, context_length: int, vocab_size: int, flops: int) -> None:
    """Raise ConfigError that names a position whose logits change with a later token, in evaluation or in training, at any length.

    Every position is tried where windows of `flops` FLOPs allow it, otherwise those beside a power of two. Noise is added to the
    weights, because a part that starts at zero hides what it sees, unless the logits do not bear it.
    """
    initial = {key: value.clone() for key, value in module.state_dict().items()}
    _move(module)
    if not _logits(module, name, torch.randint(vocab_size, (1, context_length)), vocab_size).isfinite().all():
        module.load_state_dict(initial)
    for length, n_tokens, is_training, starts in _probes(context_length, vocab_size, flops):
        module.train(is_training)
        for rows in _rows(starts, length, vocab_size):
            found = _sees_later(module, name, length, n_tokens, rows, vocab_size)
            if found is not None:
                when = " in training" * is_training + f" of windows of {length} tokens" * (length < context_length)
                raise ConfigError(f"{name} is not causal{when}: its logits at position {found[0]} change with tokens from {found[1]} on")
    module.load_state_dict(initial)


@torch.no_grad()
def _move(module: nn.Module) -> None:
    """Add noise to all weights, of a size that products keep."""
    for p in module.parameters():
        p += torch.randn_like(p) / (p.shape[-1] if p.ndim else 1) ** 0.5


def _probes(context_length: int, vocab_size: int, flops: int) -> Iterator[tuple[int, int, bool, list[int]]]:
    """Length of the windows, number of distinct tokens, whether in training, and from where on tokens are changed."""
    few, some = min(FEW, vocab_size), _beside_powers(context_length)
    every = list(range(1, context_length)) if context_length * flops <= PROBED_FLOPS else some
    yield context_length, vocab_size, False, every
    yield context_length, few, True, every
    yield context_length, few, False, some
    yield context_length, vocab_size, True, some
    yield context_length - 1, few, False, _beside_powers(context_length - 1)
    yield context_length // 2, vocab_size, True, _beside_powers(context_length // 2)


def _beside_powers(length: int) -> list[int]:
    """Powers of two and their neighbours, and the last position."""
    powers = [2**i for i in range(length.bit_length())]
    tried = {length - 1, *(n for power in powers for n in (power - 1, power, power + 1))}
    return sorted(n for n in tried if 0 < n < length)


def _rows(starts: list[int], length: int, vocab_size: int) -> list[list[int]]:
    """Starts that are tried in one call, each in a row of its own."""
    n = max(1, min(MAX_ROWS, MAX_LOGITS // (length * vocab_size or 1)))
    return [starts[i : i + n] for i in range(0, len(starts), n)]


def _sees_later(module: nn.Module, name: str, length: int, n_tokens: int, starts: list[int], vocab_size: int) -> tuple[int, int] | None:
    """A position whose logits change when all tokens from a later start on are others, and that start."""
    tokens = torch.randperm(vocab_size)[:n_tokens]
    drawn_T = torch.randint(n_tokens, (length,))
    shifted_T = (drawn_T + torch.randint(1, max(2, n_tokens), drawn_T.shape)) % n_tokens
    is_before_RT = torch.arange(length) < torch.tensor(starts)[:, None]
    x_RT = tokens[drawn_T].expand(len(starts), -1)
    before_RTV = _logits(module, name, x_RT, vocab_size)
    after_RTV = _logits(module, name, torch.where(is_before_RT, x_RT, tokens[shifted_T]), vocab_size)
    changed_RT = ((before_RTV - after_RTV).abs().amax(-1) > ROUNDING * before_RTV.abs().max()) & is_before_RT
    if not changed_RT.any():
        return None
    row, position = changed_RT.nonzero()[0].tolist()
    return position, starts[row]


def checked_count(model: LanguageModel, name: str, context_length: int, vocab_size: int) -> Count:
    """What a window costs; ConfigError where that changes between calls or grows faster than the batch.

    Calls differ in tokens and random numbers, which are also set to the ends of their range, so that no branch on one is missed.
    """
    whole = (1, context_length)
    found = _counted(model, name, torch.arange(context_length)[None] % vocab_size)
    for i in range(N_SEEDS):
        _compare(name, found, _counted(model, name, torch.randint(vocab_size if i % 2 else min(FEW, vocab_size), whole), seed=i + 1))
    for fraction in (0.0, 1 - 2**-24):
        _compare(name, found, _counted(model, name, torch.zeros(whole, dtype=torch.long), within=_AllAlike(fraction)))
    two, three = (_counted(model, name, torch.randint(vocab_size, (n, context_length))).counted for n in (2, 3))
    if two > 2 * (1 + TOLERANCE) * found.counted or abs(three - 2 * two + found.counted) > TOLERANCE * three:
        raise ConfigError(
            f"a call of {name} costs {found.counted:,} FLOPs for one window, {two:,} for two and {three:,} for three; each window must cost"
            " the same"
        )
    _compare(name, found, _counted(model, name, torch.arange(context_length)[None] % vocab_size))
    return found


def _counted(model: LanguageModel, name: str, x_BT: Tensor, seed: int = 0, within: Any = None) -> Count:
    """What a call costs; ConfigError for whatever it raises."""
    try:
        with within or nullcontext():
            return count_call(model, x_BT, x_BT.shape[1], seed)
    except Exception as error:  # of a user's code, anything
        raise ConfigError(f"the FLOPs of {name} cannot be counted: {told(error)}") from error


def _compare(name: str, first: Count, later: Count) -> None:
    if abs(later.counted - first.counted) > TOLERANCE * first.counted or later.unknown != first.unknown:
        raise ConfigError(
            f"{name} costs {first.counted:,} FLOPs in one call and {later.counted:,} in another; no budget can be kept unless each call"
            " does the same work, whatever the tokens and random numbers are"
        )


def check_gradients(model: LanguageModel, name: str, context_length: int, vocab_size: int, flops: int) -> None:
    """Raise ConfigError where a step's matrix products are more than three times the FLOPs of the forward pass, as budgets have it."""
    x_BT = torch.arange(context_length)[None] % vocab_size
    try:
        products = training_products(model, x_BT)
    except Exception as error:  # of a user's code, anything
        raise ConfigError(f"the loss of {name} has no gradient: {told(error)}") from error
    if products > 3 * (1 + TOLERANCE) * flops:
        raise ConfigError(
            f"a window of {name} costs {products:,} FLOPs with its gradients, more than three times the {flops:,} of its forward pass,"
            " which is what budgets count; compute nothing again and nothing else there, and state no fewer FLOPs than there are"
        )


class _AllAlike(TorchDispatchMode):
    """Sets random numbers between 0 and 1 to one fraction, and random bits to its nearer end."""

    def __init__(self, fraction: float) -> None:
        super().__init__()
        self.fraction, self.left = fraction, MAX_SET

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        out, packet = func(*args, **(kwargs or {})), func._overloadpacket
        is_bit = packet in (aten.bernoulli, aten.bernoulli_)
        if self.left and (is_bit or packet in (aten.rand, aten.rand_like) or (packet is aten.uniform_ and len(args) == 1)):
            self.left -= 1
            out.fill_(round(self.fraction) if is_bit else self.fraction)
        return out
