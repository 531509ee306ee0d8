"""Causal multi-head attention for the last N of T positions."""

import functools
import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tinylm.config import TransformerConfig
from tinylm.config.attention_spans import spans
from tinylm.models.networks.convolution import ShortConvolution
from tinylm.models.networks.dropout import DROPOUTS, keep_mask, keep_scale
from tinylm.models.networks.layers import RMSNorm, last, linear, time_last, time_last_like
from tinylm.models.networks.positions import ROTATIONS, SCORE_BIASES, NoRotation
from tinylm.models.networks.turning import turned

ScoreBias = Callable[[Tensor, Tensor], Tensor]  # positions of queries (N,) and of keys (T,) -> biases (H, N, T)
BYTES_PER_CHUNK = 2**21  # of scores: what stays in a CPU core's cache between passes
Values = Callable[[Tensor], Tensor]  # a block's values as they are projected -> as its attention takes them
FEW_PRODUCTS = 2**19  # multiplications in a batch of small matrices


def unmixed(v_BHTK: Tensor) -> Tensor:
    """The values as they are."""
    return v_BHTK


class FirstValues:
    """The values of one pass: the first block's as they are, each later block's mixed with them by its share (Zhou et al. 2024)."""

    def __init__(self, shares: Iterable[Tensor]) -> None:
        self.shares, self.first = iter(shares), None

    def __call__(self, v_BHTK: Tensor) -> Tensor:
        if self.first is None:
            self.first = v_BHTK
            return v_BHTK
        return torch.lerp(v_BHTK, self.first, next(self.shares))


class Attention(nn.Module):
    """Multi-head attention with grouped keys and values (Vaswani et al. 2017; Ainslie et al. 2023).

    Queries, gates and the output projection run at the last `n_out` positions only, keys, values and the short convolution at all T.
    Positions may rotate queries and keys, or bias their scores.
    """

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.n_head, self.kv_heads, self.d_head = config.n_head, config.kv_heads, config.d_head
        kv_width = 2 * self.kv_heads * self.d_head
        self.convolution = ShortConvolution(config.d_model, config.convolution) if config.convolution else nn.Identity()
        self.query = linear(config, config.d_model, config.d_model)
        self.key_value = linear(config, config.d_model, kv_width)
        self.out = linear(config, config.d_model, config.d_model)
        self.gate = linear(config, config.d_model, config.n_head) if config.head_gates else None
        self.exclusive = config.exclusive
        self.query_norm = RMSNorm(self.d_head) if config.qk_norm else nn.Identity()
        self.key_norm = RMSNorm(self.d_head) if config.qk_norm else nn.Identity()
        self.rotate = ROTATIONS[config.position](config) if config.position in ROTATIONS else NoRotation()
        self.score_bias = _score_bias(config)
        self.attention_dropout, self.window = config.attention_dropout, config.attention_window
        self.dropout = DROPOUTS[config.dropout_kind](config.projection_dropout)

    def forward(self, x_BTD: Tensor, n_out: int, values: Values = unmixed) -> Tensor:
        n_positions, x_BTD = x_BTD.shape[1], self.convolution(x_BTD)
        if n_out < n_positions:
            q_BHNK = self.queries(last(x_BTD, n_out), n_positions)
            return self.mix(last(x_BTD, n_out), q_BHNK, *self.keys_values(x_BTD, n_positions, values))
        # All in one product and one turn: half of the kernels.
        heads_BHTK, n_heads = self._heads([self.query, self.key_value], x_BTD), [self.n_head, self.kv_heads, self.kv_heads]
        q_BHTK, k_BHTK, v_BHTK = turned(heads_BHTK, n_heads, [self.query_norm, self.key_norm], self.rotate, n_positions)
        return self.mix(x_BTD, q_BHTK, k_BHTK, values(v_BHTK))

    def queries(self, x_BND: Tensor, n_positions: int) -> Tensor:
        """Queries (B, H, N, K) of the last N of `n_positions` positions, from their inputs as the convolution leaves them."""
        return turned(self._heads([self.query], x_BND), [self.n_head], [self.query_norm], self.rotate, n_positions)[0]

    def keys_values(self, x_BND: Tensor, n_positions: int, values: Values = unmixed) -> tuple[Tensor, Tensor]:
        """Keys and values (B, kv heads, N, K), likewise."""
        heads_BHNK = self._heads([self.key_value], x_BND)
        k_BHNK, v_BHNK = turned(heads_BHNK, [self.kv_heads, self.kv_heads], [self.key_norm], self.rotate, n_positions)
        return k_BHNK, values(v_BHNK)

    def mix(self, x_BND: Tensor, q_BHNK: Tensor, k_BHTK: Tensor, v_BHTK: Tensor) -> Tensor:
        """What the last N positions, given their inputs, take from the values of all T, projected (B, N, D)."""
        mixed_BHNK = attend(q_BHNK, k_BHTK, v_BHTK, self.attention_dropout * self.training, self.window, self.score_bias)
        return self.projected(x_BND, mixed_BHNK, v_BHTK)

    def projected(self, x_BND: Tensor, mixed_BHNK: Tensor, v_BHTK: Tensor) -> Tensor:
        """What the heads took, exclusive and gated where the config says so, projected (B, N, D)."""
        if self.exclusive:
            mixed_BHNK = _without_own(mixed_BHNK, v_BHTK[:, :, -x_BND.shape[1] :])
        if self.gate is not None:
            mixed_BHNK = mixed_BHNK * (2 * torch.sigmoid(self.gate(x_BND))).mT[..., None]
        return self.dropout(self.out(mixed_BHNK.transpose(1, 2).flatten(2)))

    def _heads(self, layers: list[nn.Linear], x_BTD: Tensor) -> Tensor:
        return time_last(layers, x_BTD).unflatten(-1, (-1, self.d_head)).transpose(1, 2)


def _without_own(mixed_BHNK: Tensor, v_BHNK: Tensor) -> Tensor:
    """What each position took less its part along the position's own value, which the residual path has anyway (Zhai 2026)."""
    v_BHNK = v_BHNK.repeat_interleave(mixed_BHNK.shape[1] // v_BHNK.shape[1], 1)
    tiny = torch.finfo(v_BHNK.dtype).tiny  # of a value of zeros, which has no direction
    share_BHN1 = (mixed_BHNK * v_BHNK).sum(-1, keepdim=True) / (v_BHNK * v_BHNK).sum(-1, keepdim=True).clamp(min=tiny)
    return mixed_BHNK - share_BHN1 * v_BHNK


def _score_bias(config: TransformerConfig) -> ScoreBias | None:
    found = SCORE_BIASES.get(config.position)
    return functools.partial(found, n_head=config.n_head) if found else None


def attend(q_BHNK: Tensor, k_BHTK: Tensor, v_BHTK: Tensor, dropout: float, window: int = 0, score_bias: ScoreBias | None = None) -> Tensor:
    """softmax(q k^T / sqrt(K) + bias) v where each of the last N queries sees no later key; keys are shared by groups of query heads.

    A query meets the keys of its block of `window` positions and of the block before only (0: all). `dropout` acts on the weights. A GPU
    takes PyTorch's fused kernel, a CPU the one below: the same function.
    """
    n_shared = q_BHNK.shape[1] // k_BHTK.shape[1]
    if n_shared > 1:
        k_BHTK, v_BHTK = k_BHTK.repeat_interleave(n_shared, 1), v_BHTK.repeat_interleave(n_shared, 1)
    groups = _groups(k_BHTK.shape[2], q_BHNK.shape[2], window, score_bias is not None)
    biases = [_bias(score_bias, group, q_BHNK) for group in groups] if score_bias else [None] * len(groups)
    attention = _fused if q_BHNK.is_cuda else _Blocks.apply
    return attention(q_BHNK, k_BHTK, v_BHTK, dropout, groups, *biases)


@dataclass(frozen=True)
class Group:
    """`n` blocks of queries of one size, each with its keys: stretches of positions that follow one another `step` by `step`."""

    n: int
    step: int
    first_query: int
    n_queries: int
    first_key: int
    n_keys: int

    @property
    def n_before(self) -> int:
        """How many of the keys are those of the block before, which is a whole one."""
        return self.step if self.n_keys > self.step else 0


@functools.lru_cache(maxsize=64)
def _groups(n_positions: int, n_out: int, window: int, apart: bool) -> list[Group]:
    """Blocks of one shape go through attention as windows of one batch: all but the first and those cut short; with `apart` none do."""
    size, groups, first = window or n_positions, [], 0
    for _, alike in itertools.groupby(spans(n_positions, n_out, window), None if apart else lambda span: (span.n_queries, span.n_keys)):
        span, *others = alike
        n = 1 + len(others)
        groups.append(Group(n, size, first, span.n_queries, span.first_block * size, span.n_keys))
        first += n * span.n_queries
    return groups


def _bias(score_bias: ScoreBias, group: Group, like: Tensor) -> Tensor:
    """The biases (H, queries, keys) of a block's scores, whose queries stand at its last keys' positions."""
    positions = torch.arange(group.first_key, group.first_key + group.n_keys, device=like.device)
    return score_bias(positions[-group.n_queries :], positions).to(like.dtype)


def _stretches(x_BHTK: Tensor, group: Group, first: int, width: int) -> Tensor:
    """A view (B, n, H, K, width) of one stretch for each of a group's blocks, of which the first starts at position `first`."""
    n_batch, n_head, _, d_head = x_BHTK.shape
    by_batch, by_head, by_time, by_feature = x_BHTK.stride()
    shape, strides = (n_batch, group.n, n_head, d_head, width), (by_batch, group.step * by_time, by_head, by_feature, by_time)
    return x_BHTK.as_strided(shape, strides, x_BHTK.storage_offset() + first * by_time)


def _blocks(q_BHNK: Tensor, k_BHTK: Tensor, v_BHTK: Tensor, group: Group) -> tuple[Tensor, Tensor, Tensor]:
    """Queries (M, K, queries), keys and values (M, K, keys) of a group's blocks, the M = B n H of them as matrices of one batch."""
    return (
        _matrices(q_BHNK, group, group.first_query, group.n_queries),
        _matrices(k_BHTK, group, group.first_key, group.n_keys),
        _matrices(v_BHTK, group, group.first_key, group.n_keys),
    )


def _matrices(x_BHTK: Tensor, group: Group, first: int, width: int) -> Tensor:
    """Stretches as matrices (B n H, K, width) of one batch; small ones in fp32, where a call takes 5 us at the least, and in bf16 25."""
    x_MKW = _stretches(x_BHTK, group, first, width).flatten(0, 2)
    n_products = len(x_MKW) * group.n_queries * group.n_keys * x_MKW.shape[1]
    return x_MKW.float() if x_MKW.dtype == torch.bfloat16 and n_products < FEW_PRODUCTS else x_MKW


def _fused(q_BHNK: Tensor, k_BHTK: Tensor, v_BHTK: Tensor, dropout: float, groups: list[Group], *biases: Tensor | None) -> Tensor:
    """Attention by PyTorch's kernel, which wants the features last and gradients that have one order."""
    mixed = []
    for group, bias_HQS in zip(groups, biases, strict=True):
        q = _windows(q_BHNK, group, group.first_query, group.n_queries)
        k, v = (_windows(x_BHTK, group, group.first_key, group.n_keys) for x_BHTK in (k_BHTK, v_BHTK))
        if group.n_queries in (1, group.n_keys) and bias_HQS is None:
            mixed_MHQK = F.scaled_dot_product_attention(q, k, v, dropout_p=dropout, is_causal=group.n_queries > 1)
        else:
            mask = torch.ones(group.n_queries, group.n_keys, dtype=torch.bool, device=q.device).tril(group.n_keys - group.n_queries)
            mask = mask if bias_HQS is None else bias_HQS.masked_fill(~mask, float("-inf"))
            mixed_MHQK = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, dropout_p=dropout)
        mixed.append(mixed_MHQK.unflatten(0, (-1, group.n)).transpose(1, 2).flatten(2, 3))
    return torch.cat(mixed, 2)


def _windows(x_BHTK: Tensor, group: Group, first: int, width: int) -> Tensor:
    """Stretches as windows (B n, H, width, K) of one batch."""
    stretch = x_BHTK.narrow(2, first, (group.n - 1) * group.step + width)
    return stretch.unfold(2, width, group.step).transpose(1, 2).flatten(0, 1).mT


class _Blocks(torch.autograd.Function):
    """Attention of all groups of blocks, some matrices at a time, so that the scores never leave the cache between their passes.

    Time is the last axis in memory: what is copied into blocks and back is then rows of a block's length, not of a head's few features.
    """

    @staticmethod
    def forward(ctx, q_BHNK: Tensor, k_BHTK: Tensor, v_BHTK: Tensor, dropout: float, groups: list[Group], *biases: Tensor | None) -> Tensor:
        ctx.dropout, ctx.groups, scale = dropout, groups, q_BHNK.shape[-1] ** -0.5
        mixed_BHNK, saved = time_last_like(q_BHNK), []
        for group, bias_HQS in zip(groups, biases, strict=True):
            blocks, mixed = _blocks(q_BHNK, k_BHTK, v_BHTK, group), []
            later_QS = _later(group.n_queries, group.n_keys, blocks[0].dtype, q_BHNK.device)
            for q, k, v in _parts(group, q_BHNK.shape[1], *blocks):
                added = later_QS if bias_HQS is None else (bias_HQS + later_QS).repeat(len(q) // len(bias_HQS), 1, 1)
                weights = torch.softmax(torch.baddbmm(added, q.mT, k, alpha=scale), -1)
                mask = keep_mask(weights.shape, dropout, q.device) if dropout else None
                mixed.append(torch.bmm(v, (weights if mask is None else weights * mask).mT))
                saved += [weights, mask]
            _put(mixed_BHNK, mixed, group, group.first_query)
        ctx.save_for_backward(q_BHNK, k_BHTK, v_BHTK, *saved)
        return mixed_BHNK.mul_(keep_scale(dropout)) if dropout else mixed_BHNK

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad_BHNK: Tensor) -> tuple[Tensor | None, ...]:
        q_BHNK, k_BHTK, v_BHTK, *rest = ctx.saved_tensors
        saved, n_head, scale = iter(rest), q_BHNK.shape[1], q_BHNK.shape[-1] ** -0.5
        grad_BHNK = grad_BHNK * keep_scale(ctx.dropout) if ctx.dropout else grad_BHNK
        all_grad_q, all_grad_k, all_grad_v = (time_last_like(t) for t in (q_BHNK, k_BHTK, v_BHTK))
        if q_BHNK.shape[2] < k_BHTK.shape[2]:  # else each position's keys and values are written before they are added to
            all_grad_k.zero_(), all_grad_v.zero_()
        grad_biases = []
        for group, has_bias in zip(ctx.groups, ctx.needs_input_grad[5:], strict=True):
            grad_bias = grad_BHNK.new_zeros(n_head, group.n_queries, group.n_keys) if has_bias else None
            grads_q, grads_k, grads_v = [], [], []
            blocks = _matrices(grad_BHNK, group, group.first_query, group.n_queries)
            for q, k, v, grad in _parts(group, n_head, *_blocks(q_BHNK, k_BHTK, v_BHTK, group), blocks):
                weights, mask = next(saved), next(saved)
                grads_v.append(torch.bmm(grad, weights if mask is None else weights * mask))
                grad_weights = torch.bmm(grad.mT, v)
                grad_weights = grad_weights if mask is None else grad_weights.mul_(mask)
                grad_scores = torch.ops.aten._softmax_backward_data(grad_weights, weights, -1, weights.dtype)
                grads_q.append(torch.baddbmm(q, k, grad_scores.mT, beta=0, alpha=scale))
                grads_k.append(torch.baddbmm(k, q, grad_scores, beta=0, alpha=scale))
                if grad_bias is not None:
                    grad_bias += grad_scores.unflatten(0, (-1, n_head)).sum(0)
            _put(all_grad_q, grads_q, group, group.first_query)
            _put(all_grad_k, grads_k, group, group.first_key, group.n_before)
            _put(all_grad_v, grads_v, group, group.first_key, group.n_before)
            grad_biases.append(grad_bias)
        return all_grad_q, all_grad_k, all_grad_v, None, None, *grad_biases


@functools.lru_cache(maxsize=8)
def _later(n_queries: int, n_keys: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """-inf (queries, keys) where a key is later than a query, else 0; the queries stand at the last keys' positions."""
    return torch.full((n_queries, n_keys), float("-inf"), dtype=dtype, device=device).triu(n_keys - n_queries + 1)


def _parts(group: Group, n_head: int, *matrices: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Matrices of as many blocks at a time as have their scores in the cache."""
    n = n_head * max(1, BYTES_PER_CHUNK // (n_head * group.n_queries * group.n_keys * matrices[0].element_size()))
    return zip(*(x.split(n) for x in matrices), strict=True) if n < len(matrices[0]) else iter([matrices])


def _put(all_BHTK: Tensor, parts: list[Tensor], group: Group, first: int, n_before: int = 0) -> None:
    """Write a group's matrices (M, K, width) to their positions from `first` on; their first `n_before` are added to the block before."""
    x_BnHKW = (torch.cat(parts) if len(parts) > 1 else parts[0]).unflatten(0, (len(all_BHTK), group.n, -1))
    width = x_BnHKW.shape[-1] - n_before
    _stretches(all_BHTK, group, first + n_before, width).copy_(x_BnHKW[..., n_before:])
    if n_before:
        before_BHKT = x_BnHKW[..., :n_before].permute(0, 2, 3, 1, 4).flatten(3)  # copied in order first: sums of short rows are slow
        all_BHTK.mT.narrow(3, first, group.n * n_before).add_(before_BHKT)
