"""Small parts of a Transformer, each chosen once at construction: norms, FFNs, residual branches, the head."""

import functools
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tinylm.config import TransformerConfig
from tinylm.models.networks.dropout import DROPOUTS, Dropout


def last(x_BTD: Tensor, n_out: int) -> Tensor:
    """The last `n_out` positions; all of them as they are, because even a full slice copies everything in its backward pass."""
    return x_BTD if n_out == x_BTD.shape[1] else x_BTD[:, -n_out:]


class SoftCapped(nn.Linear):
    """A linear layer whose outputs z become cap * tanh(z / cap), so that none exceeds the cap (Gemma 2, 2024)."""

    def __init__(self, n_in: int, n_out: int, bias: bool, cap: float) -> None:
        super().__init__(n_in, n_out, bias)
        self.cap = cap

    def forward(self, x: Tensor) -> Tensor:
        return self.cap * torch.tanh(super().forward(x) / self.cap)


class DroppingLinear(nn.Linear):
    """A linear layer whose weights drop out in training, the same ones for all that it is given at once (Wan et al. 2013)."""

    def __init__(self, n_in: int, n_out: int, bias: bool, p: float) -> None:
        super().__init__(n_in, n_out, bias)
        self.weight_dropout = Dropout(p)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight_dropout(self.weight), self.bias)


def time_last(layers: Sequence[nn.Linear], x_BTD: Tensor) -> Tensor:
    """What linear layers give of the same input, side by side (B, T, F); on a CPU in memory feature by feature (F, B, T).

    What follows for each head, of few features, then runs along time, in full vectors; the product itself turns the axes, at no cost.
    """
    weight_FD = torch.cat([layer.weight_dropout(layer.weight) if isinstance(layer, DroppingLinear) else layer.weight for layer in layers])
    bias_F = None if layers[0].bias is None else torch.cat([layer.bias for layer in layers])
    if x_BTD.is_cuda:  # whose kernels want the features last
        return F.linear(x_BTD, weight_FD, bias_F)
    x_DN = x_BTD.flatten(0, 1).mT
    y_FN = weight_FD @ x_DN if bias_F is None else torch.addmm(bias_F[:, None], weight_FD, x_DN)
    return y_FN.mT.unflatten(0, x_BTD.shape[:2])


def time_last_like(x_BHTK: Tensor) -> Tensor:
    """Room for a tensor's like (B, H, T, K), in memory feature by feature (H, K, B, T)."""
    n_batch, n_head, n_positions, d_head = x_BHTK.shape
    return x_BHTK.new_empty(n_head, d_head, n_batch, n_positions).permute(2, 0, 3, 1)


class RMSNorm(nn.RMSNorm):
    """RMSNorm of the last axis (Zhang and Sennrich 2019), in fp32 whatever it is given."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) if x.is_cuda else _RMSNormed.apply(x, self.weight)


class _RMSNormed(torch.autograd.Function):
    """x / rms(x) times a weight, in place where it can be: a CPU waits for memory that is not in its cache longer than it computes."""

    @staticmethod
    def forward(ctx, x: Tensor, weight_D: Tensor) -> Tensor:
        wide, weight_D = widened(x), weight_D.to(accumulating(x.dtype))
        inverse = inverse_rms(wide)
        ctx.save_for_backward(x, inverse, weight_D)
        return wide.mul_(inverse).mul_(weight_D).to(x.dtype)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad: Tensor) -> tuple[Tensor, Tensor]:
        x, inverse, weight_D = ctx.saved_tensors
        wide, grad_weight = rms_gradients(widened(grad), widened(x).mul_(inverse), inverse, weight_D)
        return wide.to(grad.dtype), grad_weight.to(grad.dtype)


def accumulating(dtype: torch.dtype) -> torch.dtype:
    """The precision to add up in."""
    return torch.float32 if dtype in (torch.bfloat16, torch.float16) else dtype


def widened(x: Tensor) -> Tensor:
    """A copy in the precision to add up in, in memory as it was."""
    return x.to(accumulating(x.dtype), copy=True)


def inverse_rms(x: Tensor) -> Tensor:
    """1 / sqrt(mean of squares + eps) over the last axis, which is kept, with PyTorch's eps."""
    return (x * x).mean(-1, keepdim=True).add_(torch.finfo(x.dtype).eps).rsqrt_()


def rms_gradients(grad: Tensor, normed: Tensor, inverse: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """From that of normed x * weight the gradients of x, in place, and of the weight."""
    product = grad * normed
    grad_weight = product.sum_to_size(weight.shape).clone()  # of one row it would be the product itself
    along = product.mul_(weight).mean(-1, keepdim=True)
    return grad.mul_(weight).addcmul_(normed, along, value=-1).mul_(inverse), grad_weight


def linear(config: TransformerConfig, n_in: int, n_out: int) -> nn.Linear:
    """A linear layer of a block, with the config's biases and dropout of weights."""
    if config.weight_dropout:
        return DroppingLinear(n_in, n_out, config.bias, config.weight_dropout)
    return nn.Linear(n_in, n_out, bias=config.bias)


class ReLUSquared(nn.Module):
    """max(x, 0)^2 (So et al. 2021)."""

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x).square()


class FFN(nn.Module):
    """Two linear layers with an activation between them, then dropout."""

    def __init__(self, config: TransformerConfig, activation: nn.Module) -> None:
        super().__init__()
        self.up = linear(config, config.d_model, config.d_ff)
        self.activation = activation
        self.down = linear(config, config.d_ff, config.d_model)
        self.dropout = DROPOUTS[config.dropout_kind](config.ffn_dropout)

    def forward(self, x_BTD: Tensor, n_out: int) -> Tensor:
        return self.dropout(self.down(self.activation(self.up(last(x_BTD, n_out)))))


class SwiGLU(nn.Module):
    """silu(W1 x) * (W2 x), projected back (Shazeer 2020): three matrices of D x d_ff."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.up = linear(config, config.d_model, 2 * config.d_ff)
        self.down = linear(config, config.d_ff, config.d_model)
        self.dropout = DROPOUTS[config.dropout_kind](config.ffn_dropout)

    def forward(self, x_BTD: Tensor, n_out: int) -> Tensor:
        gate, value = self.up(last(x_BTD, n_out)).chunk(2, -1)
        return self.dropout(self.down(F.silu(gate) * value))


class PostNorm(nn.Module):
    """norm(x + layer(x)), at the last `n_out` positions (Vaswani et al. 2017)."""

    def __init__(self, layer: nn.Module, norm: nn.Module) -> None:
        super().__init__()
        self.layer, self.norm = layer, norm

    def forward(self, x_BTD: Tensor, n_out: int, *shared: Any) -> Tensor:
        return self.norm(last(x_BTD, n_out) + self.layer(x_BTD, n_out, *shared))


class PreNorm(nn.Module):
    """x + layer(norm(x)), at the last `n_out` positions (Xiong et al. 2020)."""

    def __init__(self, layer: nn.Module, norm: nn.Module) -> None:
        super().__init__()
        self.layer, self.norm = layer, norm

    def forward(self, x_BTD: Tensor, n_out: int, *shared: Any) -> Tensor:
        return last(x_BTD, n_out) + self.layer(self.norm(x_BTD), n_out, *shared)


NORMS = {"layer": nn.LayerNorm, "rms": RMSNorm}
RESIDUALS = {"post": PostNorm, "pre": PreNorm}
ACTIVATIONS = {"relu": functools.partial(nn.ReLU, inplace=True), "gelu": nn.GELU, "relu2": ReLUSquared}


def ffn(config: TransformerConfig) -> nn.Module:
    """The position-wise layer that `config.ffn` names (`none` is the Transformer's business: it leaves the branch out)."""
    return SwiGLU(config) if config.ffn == "swiglu" else FFN(config, ACTIVATIONS[config.ffn]())


def vocabulary_head(config: TransformerConfig, vocab_size: int) -> nn.Linear:
    """The layer from states to logits, capped where `config.softcap` says so."""
    if config.softcap:
        return SoftCapped(config.d_model, vocab_size, config.bias, config.softcap)
    return nn.Linear(config.d_model, vocab_size, bias=config.bias)
