"""Forward FLOPs of a model while it runs: matrix products as PyTorch counts them, and elementwise work beyond the usual.

Softmax, norms, activations and residual sums are free in this library, and every ordinary model has a few of them for each element that a
matrix product gives. A product written by broadcasting has far more, so what exceeds USUAL is counted, at one FLOP an element: that is a
product's multiplications and additions. What neither rule covers is named, and not guessed.
"""

import math
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from tinylm.models.networks.base import LanguageModel

# How far a stated count may be from the measured one. Without the product with a recurrence's initial state, a count is 1 / (2 T) lower:
# 0.4 % at 128 positions. Where the loss falls as FLOPs^-0.1, 1 % of the FLOPs moves it by 0.1 %, less than another seed does.
TOLERANCE = 0.01
# Elementwise operations for each element that a product gives. Measured on 23 kinds of modules, widths 8 to 128, contexts 16 to 512: at
# most 5 in Transformers, 2 in convolutions, GRUs, LSTMs and mixtures of experts, 6 to 21 in selective scans, and 9 to 230 in attention by
# broadcasting at widths above 8.
USUAL = 5
aten = torch.ops.aten
Shape = tuple[int, ...]


def _lstm(x: Shape, w_input: Shape, w_state: Shape, *rest: Any, **kwargs: Any) -> int:
    return 2 * math.prod(x[:-1]) * (math.prod(w_input) + math.prod(w_state))


def _distances(a: Shape, b: Shape, *rest: Any, out_shape: Shape, **kwargs: Any) -> int:
    return 2 * math.prod(out_shape) * a[-1]


def _convolution_gradients(given: Shape, x: Shape, weight: Shape, *rest: Any, output_mask: Any = None, **kwargs: Any) -> int:
    """Each gradient costs as much as the convolution; PyTorch's own formula forgets its groups."""
    is_transposed, mask = rest[4], output_mask or rest[-1]
    return 2 * math.prod(x if is_transposed else given) * math.prod(weight[1:]) * sum(mask[:2])


# FLOPs by the arguments' shapes of products that PyTorch's counter takes for nothing, or miscounts.
ALSO_COUNTED: dict[Any, Callable[..., int]] = {
    aten.mkldnn_rnn_layer: _lstm,
    aten.mv: lambda matrix, vector, **_: 2 * math.prod(matrix),
    aten.addmv: lambda bias, matrix, vector, **_: 2 * math.prod(matrix),
    aten.dot: lambda a, b, **_: 2 * math.prod(a),
    aten._int_mm: lambda a, b, **_: 2 * math.prod(a) * b[-1],
    aten._cdist_forward: _distances,
    aten._euclidean_dist: _distances,
    aten.convolution_backward: _convolution_gradients,
}


def _packets(names: str) -> set[Any]:
    """Operators of PyTorch by name, those that this version has."""
    return {getattr(aten, name) for name in names.split() if hasattr(aten, name)}


LOOKUPS = _packets("embedding _embedding_bag _embedding_bag_forward_only index index_select gather")
# What costs nothing by the library's rules although a matrix takes part: lookups, sums, copies, norms.
FREE = LOOKUPS | _packets("add add_ sub rsub cat where copy_ native_layer_norm _fused_rms_norm")
COPIES = LOOKUPS | _packets(
    "clone _to_copy copy_ fill_ zero_ cat stack repeat roll flip constant_pad_nd tril triu scatter scatter_ index_put index_put_"
    " _index_put_impl_ masked_scatter masked_scatter_ masked_select slice_scatter select_scatter nonzero im2col unfold_copy take bernoulli"
    " bernoulli_ uniform_ normal_ exponential_ rand_like randn_like empty_like zeros_like ones_like full_like new_zeros new_ones new_empty"
    " new_full _local_scalar_dense unsafe_split unsafe_split_with_sizes unsafe_chunk _unsafe_view _reshape_copy argsort sort topk"
    " _unique2 unique_dim unique_consecutive searchsorted bucketize diag_embed resize_ set_ repeat_interleave"
)
# Elementwise like the operators with the tag `pointwise` or `reduction`: so many operations for each element read or written.
BY_ROWS = _packets(
    "_softmax _safe_softmax _log_softmax native_layer_norm _fused_rms_norm native_group_norm native_batch_norm _native_batch_norm_legit"
    " _native_batch_norm_legit_no_training _batch_norm_with_update native_dropout cumsum cumsum_ cumprod cumprod_ _cummax_helper"
    " _cummin_helper cummax cummin logcumsumexp _logcumsumexp nll_loss_forward index_add index_add_ scatter_add scatter_add_"
    " scatter_reduce scatter_reduce_ index_reduce index_reduce_ max min median kthvalue mode aminmax renorm glu hardswish hardswish_"
    " log_sigmoid_forward _prelu_kernel rrelu_with_noise linalg_cross"
)
TRANSFORMS = _packets("_fft_r2c _fft_c2r _fft_c2c")
LEAVING = (Tensor.numpy, Tensor.tolist, Tensor.__array__)  # work on what they give is not PyTorch's


@dataclass(frozen=True)
class Count:
    """What one call costs forward in FLOPs: matrix `products`, and elementwise work `beyond` the usual, of `elementwise` in all.

    `unknown` names the operators whose cost is not known and which have at least `more` FLOPs. `multiplied` names the matrices that
    products take, in the order of their last use, and `looked_up` those of which rows are taken.
    """

    products: int
    beyond: int = 0
    elementwise: int = 0
    unknown: tuple[str, ...] = ()
    more: int = 0
    multiplied: tuple[str, ...] = ()
    looked_up: frozenset[str] = frozenset()

    @property
    def counted(self) -> int:
        """FLOPs of what is known."""
        return self.products + self.beyond

    def agrees(self, flops: float) -> bool:
        """Whether a stated number can be right, within the tolerance: of elementwise work that is counted, the usual may be stated too."""
        high = math.inf if self.unknown else self.products + bool(self.beyond) * self.elementwise
        return (1 - TOLERANCE) * (self.counted + self.more) <= flops <= (1 + TOLERANCE) * high

    def __str__(self) -> str:
        said = f"PyTorch counts {self.products:,}"
        if self.beyond:
            said += f", and elementwise work beyond the usual costs {self.beyond:,}, {self.counted:,} in all"
        return said + (f", and what {', '.join(self.unknown)} costs is not known, but at least {self.more:,}" if self.unknown else "")


def count(model: LanguageModel, context_length: int, vocab_size: int, n_out: int) -> Count:
    """The forward FLOPs of one window whose last `n_out` positions are scored, as in training; the model draws its own random numbers.

    Attention is computed by matrix products (PyTorch's MATH backend), because the counter sees no fused kernel.
    """
    return count_call(model, torch.arange(context_length)[None] % vocab_size, n_out)


def count_call(model: LanguageModel, x_BT: Tensor, n_out: int, seed: int = 0) -> Count:
    """The same of a call with ids (B, T) and random numbers of a seed."""
    y_BN = torch.zeros(x_BT.shape[0], n_out, dtype=torch.long)
    counter, uses = FlopCounterMode(display=False, custom_mapping=ALSO_COUNTED), _Uses(model, (x_BT, y_BN))
    was_training = model.training
    with own_random_numbers(seed), torch.enable_grad(), sdpa_kernel(SDPBackend.MATH), counter:
        uses.counted = counter.flop_registry.keys()
        with uses, _Left(uses):
            model.train().nlls(x_BT, y_BN)
    model.train(was_training)
    return Count(
        products=counter.get_total_flops(),
        beyond=uses.with_matrices + max(0, uses.elementwise - USUAL * uses.n_products),
        elementwise=uses.with_matrices + uses.elementwise,
        unknown=tuple(uses.unknown),
        more=uses.more,
        multiplied=tuple(uses.multiplied),
        looked_up=frozenset(uses.looked_up),
    )


def training_products(model: LanguageModel, x_BT: Tensor) -> int:
    """FLOPs of the matrix products of a call and of its gradients, which are left cleared."""
    counter, was_training = FlopCounterMode(display=False, custom_mapping=ALSO_COUNTED), model.training
    with own_random_numbers(), torch.enable_grad(), sdpa_kernel(SDPBackend.MATH), counter:
        model.train().nlls(x_BT, torch.zeros_like(x_BT)).mean().backward()
    model.zero_grad()
    model.train(was_training)
    return counter.get_total_flops()


@contextmanager
def own_random_numbers(seed: int = 0):
    """Random numbers of a seed inside, as if none had been drawn outside."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


class _Uses(TorchDispatchMode):
    """What is done with the tokens: elementwise work, operators of unknown cost, and which operators bring them together with a matrix.

    A tensor computed from weights alone, such as a transposed or masked one, stands for them. Of work on weights alone only matrix
    products and solvers cost anything: it is done once for a batch, however large.
    """

    counted: Any = ()  # operators that the counter knows

    def __init__(self, model: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        super().__init__()
        parameters = dict(model.named_parameters())
        self.matrices = {_memory(p): p for p in parameters.values() if p.ndim >= 2}
        self.sources = {_memory(p): {name} for name, p in parameters.items()}
        self.computed = {_memory(x) for x in inputs}
        self.n_products = 0  # elements that products give
        self.elementwise = self.with_matrices = self.more = 0
        self.unknown: dict[str, None] = {}
        self.multiplied: dict[str, None] = {}
        self.looked_up: set[str] = set()
        self.kept: list[Tensor] = []  # so that no memory is used twice

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        out = func(*args, **(kwargs or {}))
        taken, given = ([t for t in tree_leaves(tree) if isinstance(t, Tensor)] for tree in ((args, kwargs or {}), out))
        matrices = [t for t in taken if _memory(t) in self.sources and (t.ndim >= 2 or _memory(t) in self.matrices)]
        if any(_memory(t) in self.computed for t in taken):
            self._meet(func, matrices)
            self._work(func, args, taken, given, any(self._is_wide(t) for t in matrices))
            self.computed |= {_memory(t) for t in given}
        else:
            names = self._names([t for t in taken if _memory(t) in self.sources])
            for t in given if names else []:
                self.sources.setdefault(_memory(t), set()).update(names)
            if names and "linalg" in func.name() and torch.Tag.reduction not in func.tags:  # its gradients are products, which count
                self._work(func, args, taken, given, False)
        self.kept += [*taken, *given]
        return out

    def _names(self, tensors: list[Tensor]) -> list[str]:
        return sorted(set().union(*(self.sources[_memory(t)] for t in tensors)))

    def _meet(self, func: Any, matrices: list[Tensor]) -> None:
        """Note the matrices that a product or a lookup takes beside what was computed from the tokens."""
        if func._overloadpacket in self.counted:
            for name in self._names(matrices):
                self.multiplied.pop(name, None)
                self.multiplied[name] = None
        elif func._overloadpacket in LOOKUPS:
            self.looked_up.update(self._names(matrices))

    def _work(self, func: Any, args: tuple, taken: list[Tensor], given: list[Tensor], has_matrix: bool) -> None:
        """Add what an operator costs that takes something computed from the tokens."""
        packet, n_taken, n_given = func._overloadpacket, _n_floats(taken), _n_floats(given)
        if packet in self.counted:
            self.n_products += given[0].numel()
        elif func.namespace != "aten":
            self.note(str(packet), n_taken + n_given)
        elif packet in COPIES or func.is_view or torch.Tag.inplace_view in func.tags or not n_taken + n_given:
            return
        elif packet in TRANSFORMS:
            self.elementwise += _transform_flops(args, max(taken + given, key=_n_real))
        elif torch.Tag.pointwise in func.tags and has_matrix and packet not in FREE:
            self.with_matrices += n_given
        elif torch.Tag.reduction in func.tags or packet in BY_ROWS:
            self.elementwise += n_taken
        elif torch.Tag.pointwise in func.tags:
            self.elementwise += n_given
        else:
            self.note(str(packet), n_taken + n_given)

    def note(self, unknown: str, at_least: int) -> None:
        """Note that something costs what is not known, and what it costs at least."""
        self.unknown[unknown] = None
        self.more += at_least

    def _is_wide(self, t: Tensor) -> bool:
        """Whether a matrix, or what was computed from a weight, has more than one side; a part of a matrix counts as it."""
        whole = self.matrices.get(_memory(t), t)
        return sum(side > 1 and stride > 0 for side, stride in zip(whole.shape, whole.stride(), strict=True)) > 1


class _Left(TorchFunctionMode):
    """Notes where what was computed from the tokens leaves PyTorch."""

    def __init__(self, uses: _Uses) -> None:
        super().__init__()
        self.uses = uses

    def __torch_function__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        if func in LEAVING and _memory(args[0]) in self.uses.computed:
            self.uses.note(f"the work after Tensor.{func.__name__}", args[0].numel())
        return func(*args, **(kwargs or {}))


def _memory(t: Tensor) -> int:
    return t.untyped_storage()._cdata


def _n_floats(tensors: list[Tensor]) -> int:
    return sum(_n_real(t) for t in tensors if t.is_floating_point() or t.is_complex())


def _n_real(t: Tensor) -> int:
    """Numbers in a tensor, two for a complex one."""
    return t.numel() * (2 if t.is_complex() else 1)


def _transform_flops(args: tuple, largest: Tensor) -> int:
    """5 / 2 n log2 n of a fast Fourier transform of n numbers."""
    return round(2.5 * _n_real(largest) * math.log2(max(2, math.prod(largest.shape[dim] for dim in args[1]))))
