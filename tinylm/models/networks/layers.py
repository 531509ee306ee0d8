"""Small parts of a Transformer, each chosen once at construction: norms, FFNs, residual branches, the head."""

import functools

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tinylm.config import TransformerConfig
from tinylm.models.networks.dropout import DROPOUTS, Dropout

NORMS = {"layer": nn.LayerNorm, "rms": nn.RMSNorm}


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

    def forward(self, x_BTD: Tensor, n_out: int) -> Tensor:
        return self.norm(last(x_BTD, n_out) + self.layer(x_BTD, n_out))


class PreNorm(nn.Module):
    """x + layer(norm(x)), at the last `n_out` positions (Xiong et al. 2020)."""

    def __init__(self, layer: nn.Module, norm: nn.Module) -> None:
        super().__init__()
        self.layer, self.norm = layer, norm

    def forward(self, x_BTD: Tensor, n_out: int) -> Tensor:
        return last(x_BTD, n_out) + self.layer(self.norm(x_BTD), n_out)


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
