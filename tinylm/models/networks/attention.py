"""Causal multi-head attention for the last N of T positions."""

import functools
import itertools
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tinylm.config import TransformerConfig
from tinylm.config.attention_spans import Span, spans
from tinylm.models.networks.convolution import ShortConvolution
from tinylm.models.networks.dropout import DROPOUTS, keep_mask, keep_scale
from tinylm.models.networks.layers import last, linear
from tinylm.models.networks.positions import ROTATIONS, SCORE_BIASES, NoRotation

ScoreBias = Callable[[Tensor, Tensor], Tensor]  # positions of queries (N,) and of keys (T,) -> biases (H, N, T)
BYTES_PER_CHUNK = 2**21  # of scores: what stays in a CPU core's cache between passes


class Attention(nn.Module):
    """Multi-head attention with grouped keys and values (Vaswani et al. 2017; Ainslie et al. 2023).

    Queries and the output projection run at the last `n_out` positions only, keys, values and the short convolution at all T.
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
        self.query_norm = nn.RMSNorm(self.d_head) if config.qk_norm else nn.Identity()
        self.key_norm = nn.RMSNorm(self.d_head) if config.qk_norm else nn.Identity()
        self.rotate = ROTATIONS[config.position](config) if config.position in ROTATIONS else NoRotation()
        self.score_bias = _score_bias(config)
        self.attention_dropout, self.window = config.attention_dropout, config.attention_window
        self.dropout = DROPOUTS[config.dropout_kind](config.projection_dropout)

    def forward(self, x_BTD: Tensor, n_out: int) -> Tensor:
        n_positions, x_BTD = x_BTD.shape[1], self.convolution(x_BTD)
        q_BHNK = self.queries(last(x_BTD, n_out), n_positions)
        k_BHTK, v_BHTK = self.keys_values(x_BTD, n_positions)
        return self.mix(q_BHNK, k_BHTK, v_BHTK)

    def queries(self, x_BND: Tensor, n_positions: int) -> Tensor:
        """Queries (B, H, N, K) of the last N of `n_positions` positions, from their inputs as the convolution leaves them."""
        return self.rotate(self.query_norm(self._heads(self.query(x_BND), self.n_head)), n_positions)

    def keys_values(self, x_BND: Tensor, n_positions: int) -> tuple[Tensor, Tensor]:
        """Keys and values (B, kv heads, N, K), likewise."""
        k_BHNK, v_BHNK = self._heads(self.key_value(x_BND), 2 * self.kv_heads).chunk(2, 1)
        return self.rotate(self.key_norm(k_BHNK), n_positions), v_BHNK

    def mix(self, q_BHNK: Tensor, k_BHTK: Tensor, v_BHTK: Tensor) -> Tensor:
        """What the last N positions take from the values of all T, projected (B, N, D)."""
        mixed_BHNK = attend_near(q_BHNK, k_BHTK, v_BHTK, self.attention_dropout * self.training, self.window, self.score_bias)
        return self.dropout(self.out(mixed_BHNK.transpose(1, 2).flatten(2)))

    def _heads(self, x_BTD: Tensor, n_head: int) -> Tensor:
        return x_BTD.unflatten(-1, (n_head, self.d_head)).transpose(1, 2)


def _score_bias(config: TransformerConfig) -> ScoreBias | None:
    found = SCORE_BIASES.get(config.position)
    return functools.partial(found, n_head=config.n_head) if found else None


def attend_near(q_BHNK: Tensor, k_BHTK: Tensor, v_BHTK: Tensor, dropout: float, window: int, score_bias: ScoreBias | None = None) -> Tensor:
    """As `attend`, but a query meets the keys of its block of `window` positions and of the block before only (0: all)."""
    n_out, n_positions = q_BHNK.shape[2], k_BHTK.shape[2]
    if not window or n_positions <= window:
        return attend(q_BHNK, k_BHTK, v_BHTK, dropout, _bias(score_bias, Span(n_out, 0, n_positions), 0, q_BHNK.device))
    # Blocks of one shape and bias go through attention as windows of one batch: without a bias all but the first and those cut short.
    alike = [list(group) for _, group in itertools.groupby(spans(n_positions, n_out, window), _shape if score_bias is None else None)]
    queries = q_BHNK.split([sum(span.n_queries for span in group) for group in alike], 2)
    mixed = []
    for q, group in zip(queries, alike, strict=True):
        q_blocks = q.unflatten(2, (len(group), -1)).transpose(1, 2).flatten(0, 1)
        bias_HQS = _bias(score_bias, group[0], window, q.device)
        mixed_blocks = attend(q_blocks, _met(k_BHTK, group, window), _met(v_BHTK, group, window), dropout, bias_HQS)
        mixed.append(mixed_blocks.transpose(1, 2).unflatten(0, (-1, len(group))).flatten(1, 2))
    return torch.cat(mixed, 1).transpose(1, 2)


def _shape(span: Span) -> tuple[int, int]:
    return span.n_queries, span.n_keys


def _bias(score_bias: ScoreBias | None, span: Span, window: int, device: torch.device) -> Tensor | None:
    """The biases (H, queries, keys) of a span's scores, whose queries stand at its last keys' positions."""
    if score_bias is None:
        return None
    first = span.first_block * window
    positions = torch.arange(first, first + span.n_keys, device=device)
    return score_bias(positions[-span.n_queries :], positions)


def _met(x_BHTK: Tensor, group: list[Span], window: int) -> Tensor:
    """The keys or values that spans of one shape meet: the batch's for each span in turn."""
    first, n = group[0].first_block * window, len(group)
    if n == 1:
        return x_BHTK.narrow(2, first, group[0].n_keys)
    halves = [x_BHTK.narrow(2, first + i * window, n * window).unflatten(2, (n, window)) for i in range(2)]
    return torch.cat(halves, 3).transpose(1, 2).flatten(0, 1)


def attend(q_BHNK: Tensor, k_BHTK: Tensor, v_BHTK: Tensor, dropout: float, bias_HNT: Tensor | None = None) -> Tensor:
    """softmax(q k^T / sqrt(K) + bias) v where each of the last N queries sees no later key; keys are shared by groups of query heads.

    `dropout` acts on the weights. A GPU takes PyTorch's fused kernel, a CPU the chunked one below: the same function.
    """
    n_out, n_positions = q_BHNK.shape[2], k_BHTK.shape[2]
    group = q_BHNK.shape[1] // k_BHTK.shape[1]
    if group > 1:
        k_BHTK, v_BHTK = k_BHTK.repeat_interleave(group, 1), v_BHTK.repeat_interleave(group, 1)
    bias_HNT = None if bias_HNT is None else bias_HNT.to(q_BHNK.dtype)
    if not q_BHNK.is_cuda:
        return _ChunkedAttention.apply(q_BHNK, k_BHTK, v_BHTK, dropout, bias_HNT)
    if n_out in (1, n_positions) and bias_HNT is None:
        return F.scaled_dot_product_attention(q_BHNK, k_BHTK, v_BHTK, dropout_p=dropout, is_causal=n_out > 1)
    mask = torch.ones(n_out, n_positions, dtype=torch.bool, device=q_BHNK.device).tril(n_positions - n_out)
    mask = mask if bias_HNT is None else bias_HNT.masked_fill(~mask, float("-inf"))
    return F.scaled_dot_product_attention(q_BHNK, k_BHTK, v_BHTK, attn_mask=mask, dropout_p=dropout)


class _ChunkedAttention(torch.autograd.Function):
    """Attention a few windows at a time, so that the score matrix never leaves the cache between its passes."""

    @staticmethod
    def forward(ctx, q_BHNK: Tensor, k_BHTK: Tensor, v_BHTK: Tensor, dropout: float, bias_HNT: Tensor | None) -> Tensor:
        n_batch, n_head, n_out, d_head = q_BHNK.shape
        n_positions = k_BHTK.shape[2]
        later_NT = q_BHNK.new_full((n_out, n_positions), float("-inf")).triu(n_positions - n_out + 1)
        n_chunk = max(1, BYTES_PER_CHUNK // (n_head * n_out * n_positions * q_BHNK.element_size()))
        # Written as (B, N, H, K) in memory, so that joining the heads afterwards is a view.
        mixed_BHNK = q_BHNK.new_empty(n_batch, n_out, n_head, d_head).transpose(1, 2)
        added = later_NT if bias_HNT is None else (bias_HNT + later_NT).repeat(min(n_chunk, n_batch), 1, 1)
        weights, masks = [], []
        for q, k, v, mixed in zip(*(t.split(n_chunk) for t in (q_BHNK, k_BHTK, v_BHTK, mixed_BHNK)), strict=True):
            scores = torch.baddbmm(
                added if bias_HNT is None else added[: len(q) * n_head], q.flatten(0, 1), k.flatten(0, 1).mT, alpha=d_head**-0.5
            )
            weights.append(torch.softmax(scores, -1))
            masks.append(keep_mask(scores.shape, dropout, q.device) if dropout else weights[-1].new_ones(1))
            kept = torch.mul(weights[-1], masks[-1], out=scores) if dropout else weights[-1]
            mixed.copy_(torch.bmm(kept, v.flatten(0, 1)).view(mixed.shape))
        ctx.n_chunk, ctx.dropout, ctx.n_chunks = n_chunk, dropout, len(weights)
        ctx.save_for_backward(q_BHNK, k_BHTK, v_BHTK, *weights, *masks)
        return mixed_BHNK.mul_(keep_scale(dropout)) if dropout else mixed_BHNK

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad_BHNK: Tensor) -> tuple[Tensor | None, ...]:
        q_BHNK, k_BHTK, v_BHTK, *saved = ctx.saved_tensors
        weights, masks = saved[: ctx.n_chunks], saved[ctx.n_chunks :]
        grads = [torch.empty_like(t.transpose(1, 2)).transpose(1, 2) for t in (q_BHNK, k_BHTK, v_BHTK)]
        chunks = zip(*(t.split(ctx.n_chunk) for t in (q_BHNK, k_BHTK, v_BHTK, grad_BHNK, *grads)), strict=True)
        scale = q_BHNK.shape[-1] ** -0.5
        grad_bias = q_BHNK.new_zeros(q_BHNK.shape[1], *weights[0].shape[1:]) if ctx.needs_input_grad[-1] else None
        for weight, mask, (q, k, v, grad, grad_q, grad_k, grad_v) in zip(weights, masks, chunks, strict=True):
            grad = grad.flatten(0, 1) * keep_scale(ctx.dropout)
            kept = weight * mask if ctx.dropout else weight
            grad_v.copy_(torch.bmm(kept.mT, grad).view(grad_v.shape))
            grad_weights = torch.bmm(grad, v.flatten(0, 1).mT)
            if ctx.dropout:
                grad_weights.mul_(mask)
            grad_scores = torch.ops.aten._softmax_backward_data(grad_weights, weight, -1, weight.dtype)
            grad_q.copy_(torch.bmm(grad_scores, k.flatten(0, 1)).mul_(scale).view(grad_q.shape))
            grad_k.copy_(torch.bmm(grad_scores.mT, q.flatten(0, 1)).mul_(scale).view(grad_k.shape))
            if grad_bias is not None:
                grad_bias += grad_scores.view(-1, *grad_bias.shape).sum(0)
        return *grads, None, grad_bias
