"""Forward FLOPs of a model as PyTorch counts them while it runs, and what that counter cannot see."""

import math
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from tinylm.models.networks.base import LanguageModel

# How far a stated count may be from PyTorch's. Without the product with a recurrence's initial state, a count is 1 / (2 T) lower: 0.4 % at
# 128 positions. Where the loss falls as FLOPs^-0.1, 1 % of the FLOPs moves it by 0.1 %, less than another seed does.
TOLERANCE = 0.01
aten = torch.ops.aten
Shape = tuple[int, ...]


def _lstm(x: Shape, w_input: Shape, w_state: Shape, *rest: Any, **kwargs: Any) -> int:
    return 2 * math.prod(x[:-1]) * (math.prod(w_input) + math.prod(w_state))


# FLOPs by the arguments' shapes of products that PyTorch's counter takes for nothing.
ALSO_COUNTED: dict[Any, Callable[..., int]] = {
    aten.mkldnn_rnn_layer: _lstm,
    aten.mv: lambda matrix, vector, **_: 2 * math.prod(matrix),
    aten.addmv: lambda bias, matrix, vector, **_: 2 * math.prod(matrix),
    aten.dot: lambda a, b, **_: 2 * math.prod(a),
}
LOOKUPS = {aten.embedding, aten.index, aten.index_select, aten.gather}
# What costs nothing by the library's rules although a matrix takes part: lookups, sums, copies, norms.
FREE = LOOKUPS | {aten.add, aten.add_, aten.sub, aten.rsub, aten.cat, aten.where, aten.copy_, aten.native_layer_norm, aten._fused_rms_norm}


@dataclass(frozen=True)
class Count:
    """What one window costs forward: `counted` FLOPs, and by what the counter did not see at least `low` and at most `high` in all.

    `unseen` names the matrices whose products are not in `counted`, `multiplied` all that are, in the order of their last use, and
    `looked_up` those of which rows are taken.
    """

    counted: int
    low: int
    high: int
    unseen: tuple[str, ...]
    multiplied: tuple[str, ...]
    looked_up: frozenset[str]

    @property
    def is_whole(self) -> bool:
        """Whether what the counter did not see is within the tolerance."""
        return self.high <= (1 + TOLERANCE) * self.counted

    def agrees(self, flops: int) -> bool:
        """Whether a stated number can be right, within the tolerance."""
        return (1 - TOLERANCE) * self.low <= flops <= (1 + TOLERANCE) * self.high

    def __str__(self) -> str:
        if self.is_whole:
            return f"PyTorch counts {self.counted:,}"
        return f"PyTorch counts {self.counted:,} and does not see {', '.join(self.unseen)}, so {self.low:,} to {self.high:,} are possible"


def count(model: LanguageModel, context_length: int, vocab_size: int, n_out: int) -> Count:
    """The forward FLOPs of one window whose last `n_out` positions are scored, as in training; the model draws its own random numbers.

    Attention is computed by matrix products (PyTorch's MATH backend), because the counter sees no fused kernel.
    """
    x_BT, y_BN = torch.arange(context_length)[None] % vocab_size, torch.zeros(1, n_out, dtype=torch.long)
    counter, uses = FlopCounterMode(display=False, custom_mapping=ALSO_COUNTED), _Uses(model, (x_BT, y_BN), context_length)
    was_training = model.training
    with own_random_numbers(), torch.no_grad(), sdpa_kernel(SDPBackend.MATH), counter:
        uses.counted = counter.flop_registry.keys()
        with uses:
            model.train().nlls(x_BT, y_BN)
    model.train(was_training)
    flops = counter.get_total_flops()
    return Count(
        counted=flops,
        low=flops + uses.low,
        high=flops + uses.high,
        unseen=tuple(uses.unseen),
        multiplied=tuple(uses.multiplied),
        looked_up=frozenset(uses.looked_up),
    )


@contextmanager
def own_random_numbers(seed: int = 0):
    """Random numbers of a seed inside, as if none had been drawn outside."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


class _Uses(TorchDispatchMode):
    """Which operators bring a matrix of the model together with what was computed from its input.

    A tensor computed from matrices alone, such as a transposed or masked one, stands for them.
    """

    counted: Any = ()  # operators that the counter knows

    def __init__(self, model: nn.Module, inputs: tuple[Tensor, ...], context_length: int) -> None:
        super().__init__()
        self.context_length = context_length
        matrices = {name: p for name, p in model.named_parameters() if p.ndim >= 2}
        self.matrices = {_memory(p): p for p in matrices.values()}
        self.sources = {_memory(p): {name} for name, p in matrices.items()}
        self.computed = {_memory(x) for x in inputs}
        self.low = self.high = 0
        self.unseen: dict[str, None] = {}
        self.multiplied: dict[str, None] = {}
        self.looked_up: set[str] = set()
        self.kept: list[Tensor] = []  # so that no memory is used twice

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        out = func(*args, **(kwargs or {}))
        taken, given = ([t for t in tree_leaves(tree) if isinstance(t, Tensor)] for tree in ((args, kwargs or {}), out))
        matrices = [t for t in taken if _memory(t) in self.sources]
        if any(_memory(t) in self.computed for t in taken):
            self.computed |= {_memory(t) for t in given}
            if matrices:
                self._meet(func, matrices, sum(t.numel() for t in given))
        else:
            for t in given if matrices else []:
                self.sources.setdefault(_memory(t), set()).update(self._names(matrices))
        self.kept += [*taken, *given]
        return out

    def _names(self, matrices: list[Tensor]) -> list[str]:
        return sorted(set().union(*(self.sources[_memory(t)] for t in matrices)))

    def _meet(self, func: Any, matrices: list[Tensor], n_given: int) -> None:
        """Note an operator that has both matrices and something computed among its arguments."""
        packet, names = func._overloadpacket, self._names(matrices)
        if packet in self.counted:
            for name in names:
                self.multiplied.pop(name, None)
                self.multiplied[name] = None
        elif packet in LOOKUPS:
            self.looked_up.update(names)
        elif packet not in FREE and (wide := [t for t in matrices if self._is_wide(t)]):
            self.unseen |= dict.fromkeys(self._names(wide))
            # An elementwise product is one multiplication, perhaps an addition, an element; of another operator nothing is known but
            # that it needs every element of its matrix and of its result, and hardly does more than a product at every position.
            if torch.Tag.pointwise in func.tags:
                self.low, self.high = self.low + n_given, self.high + 2 * n_given
            else:
                size = sum(t.numel() for t in wide)
                self.low, self.high = self.low + max(n_given, size), self.high + 2 * max(n_given, size * self.context_length)

    def _is_wide(self, t: Tensor) -> bool:
        """Whether a matrix, or what was computed from one, has more than one side; a part of a matrix counts as it."""
        return sum(side > 1 for side in self.matrices.get(_memory(t), t).shape) > 1


def _memory(t: Tensor) -> int:
    return t.untyped_storage()._cdata
