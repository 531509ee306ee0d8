"""Heads as attention takes them: queries and keys normalised and at their positions, values as they are."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from tinylm.models.networks.layers import accumulating, inverse_rms, rms_gradients, time_last_like, widened
from tinylm.models.networks.positions import NoRotation, Rotary


def turned(
    x_BHNK: Tensor, n_heads: Sequence[int], norms: Sequence[nn.Module], rotate: Rotary | NoRotation, n_positions: int
) -> Sequence[Tensor]:
    """Heads in groups of so many: the first normalised, a group by each norm, and rotated; they sit at the last N of T positions."""
    is_plain = isinstance(rotate, NoRotation) and not any(isinstance(norm, nn.RMSNorm) for norm in norms)
    if x_BHNK.is_cuda or is_plain:
        parts = x_BHNK.split(n_heads, 1)
        return [rotate(norm(part), n_positions) for norm, part in zip(norms, parts, strict=False)] + list(parts[len(norms) :])
    tables = rotate.tables(x_BHNK.shape[2], n_positions) if isinstance(rotate, Rotary) else None
    return _Turned.apply(x_BHNK, n_heads, len(norms), tables, *[norm.weight for norm in norms if isinstance(norm, nn.RMSNorm)])


class _Turned(torch.autograd.Function):
    """Norm and rotation with one rounding, and nothing kept but what they are given; fast where time is the last axis in memory."""

    @staticmethod
    def forward(
        ctx, x_BHNK: Tensor, n_heads: Sequence[int], n_turned: int, tables: tuple[Tensor, Tensor] | None, *weights_K: Tensor
    ) -> tuple[Tensor, ...]:
        ctx.n_heads, ctx.n_turned, ctx.tables = n_heads, n_turned, tables
        wide, inverse = widened(x_BHNK[:, : sum(n_heads[:n_turned])]), None
        if weights_K:
            inverse = inverse_rms(wide)
            wide.mul_(inverse)
            for part, weight_K in zip(wide.split(n_heads[:n_turned], 1), weights_K, strict=True):
                part.mul_(weight_K.to(wide.dtype))
        if tables:
            wide = _rotated(wide, tables, 1)
        ctx.save_for_backward(x_BHNK, inverse, *weights_K)
        return *wide.to(x_BHNK.dtype).split(n_heads[:n_turned], 1), *x_BHNK.split(n_heads, 1)[n_turned:]

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, *grads_BHNK: Tensor) -> tuple[Tensor | None, ...]:
        x_BHNK, inverse, *weights_K = ctx.saved_tensors
        grad_x_BHNK, grad_weights = time_last_like(x_BHNK), []  # one tensor for all heads, in the order of the product's rows
        n_turned = sum(ctx.n_heads[: ctx.n_turned])
        turned, rest = x_BHNK[:, :n_turned], grads_BHNK[ctx.n_turned :]
        wide = torch.empty_like(turned, dtype=accumulating(turned.dtype))
        for part, grad in zip(wide.split(ctx.n_heads[: ctx.n_turned], 1), grads_BHNK, strict=False):
            part.copy_(grad)
        if ctx.tables:
            wide = _rotated(wide, ctx.tables, -1)
        if weights_K:
            weight_H1K = torch.cat([weight_K.expand(n, 1, -1) for weight_K, n in zip(weights_K, ctx.n_heads, strict=False)]).to(wide.dtype)
            wide, grad_weight_H1K = rms_gradients(wide, widened(turned).mul_(inverse), inverse, weight_H1K)
            grad_weights = [part.sum((0, 1)).to(turned.dtype) for part in grad_weight_H1K.split(ctx.n_heads[: ctx.n_turned])]
        for part, grad in zip(grad_x_BHNK.split([n_turned, *ctx.n_heads[ctx.n_turned :]], 1), (wide, *rest), strict=True):
            part.copy_(grad)
        return grad_x_BHNK, None, None, None, *grad_weights


def _rotated(x_BHNK: Tensor, tables: tuple[Tensor, Tensor], sign: int) -> Tensor:
    """As `positions.rotated`, or with sign -1 the other way round, written into place."""
    cos_NK, sin_NK = (table.to(x_BHNK.dtype) for table in tables)
    out_BHNK = torch.empty_like(x_BHNK)
    (x, y), (out_x, out_y) = x_BHNK.chunk(2, -1), out_BHNK.chunk(2, -1)
    torch.mul(x, cos_NK, out=out_x).addcmul_(y, sin_NK, value=-sign)
    torch.mul(y, cos_NK, out=out_y).addcmul_(x, sin_NK, value=sign)
    return out_BHNK
