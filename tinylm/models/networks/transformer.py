"""One Transformer whose config chooses every part; Self-Attention is the Transformer of one block."""

import math

import torch
from torch import Tensor, nn

from tinylm.config import ConfigError, TransformerConfig
from tinylm.models.networks.attention import Attention
from tinylm.models.networks.base import build
from tinylm.models.networks.dropout import DROPOUTS
from tinylm.models.networks.induction import induction
from tinylm.models.networks.layers import NORMS, RESIDUALS, ffn, vocabulary_head
from tinylm.models.networks.pointer import pointer
from tinylm.models.networks.positions import LearnedPositions
from tinylm.models.networks.prediction import Predictor, softmaxes

RESIDUAL_WRITERS = (".out", ".down")  # how the names end of the projections that write to the residual stream


class Block(nn.Module):
    """Attention, then an FFN unless the config leaves it out; each on its own normalised residual branch."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        residual, norm = RESIDUALS[config.norm_place], NORMS[config.norm]
        self.attention = residual(Attention(config), norm(config.d_model))
        has_ffn = config.ffn != "none"
        self.ffn = nn.ModuleList([residual(ffn(config), norm(config.d_model))] if has_ffn else [])

    def forward(self, x_BTD: Tensor, n_out: int) -> Tensor:
        x_BND = self.attention(x_BTD, n_out)
        for branch in self.ffn:
            x_BND = branch(x_BND, n_out)
        return x_BND


class Transformer(Predictor):
    """Embedding, blocks, final norm, vocabulary head (arXiv 2512.20877 with the config's defaults).

    The last block computes queries, output projection and FFN at the last `n_out` positions only: the same function as
    computing all positions and dropping most, for far fewer FLOPs. A pointer needs the states of all positions.
    """

    is_stateless = True

    def __init__(self, config: TransformerConfig, vocab_size: int) -> None:
        super().__init__()
        self.context_length = config.context_length
        self.embedding = nn.Embedding(vocab_size, config.d_model)
        self.induction = induction(config, config.d_model, vocab_size)
        self.positions = LearnedPositions(config) if config.position == "learned" else nn.Identity()
        self.dropout = DROPOUTS[config.dropout_kind](config.embedding_dropout)
        self.blocks, self.loops = nn.ModuleList(Block(config) for _ in range(config.n_layer)), config.loops
        n_skips = config.depth // 2 if config.skips else 0
        self.skips = nn.ParameterList(torch.zeros(config.d_model) for _ in range(n_skips))
        self.norm = NORMS[config.norm](config.d_model)
        self.output_dropout = DROPOUTS[config.dropout_kind](config.output_dropout)
        self.head = vocabulary_head(config, vocab_size)
        self.softmaxes, self.pointer = softmaxes(config), pointer(config)
        INITIALISERS[config.init](self, config)
        if config.tied:
            self.head.weight = self.embedding.weight
        self.pointer.initialise()

    def hidden(self, x_BT: Tensor, n_out: int) -> Tensor:
        if x_BT.shape[1] > self.context_length:
            raise ConfigError(f"a window of {x_BT.shape[1]} tokens does not fit context_length={self.context_length}; cut it")
        x_BTD = self.dropout(self.positions(self.induction(x_BT, self.embedding, x_BT.shape[1])))
        *below, top = [*self.blocks] * self.loops
        kept: list[Tensor] = []  # what the lower blocks read, for their mirror images (Ronneberger et al. 2015)
        for number, block in enumerate(below):
            x_BTD = self._joined(x_BTD, kept, number)
            x_BTD = block(x_BTD, x_BTD.shape[1])
        return self.output_dropout(self.norm(top(self._joined(x_BTD, kept, len(below)), n_out)))

    def _joined(self, x_BTD: Tensor, kept: list[Tensor], number: int) -> Tensor:
        """The input of a block by its number: kept below the middle, above it joined by its mirror image's."""
        if number < len(self.skips):
            kept.append(x_BTD)
        elif number >= len(self.blocks) * self.loops - len(self.skips):
            return torch.addcmul(x_BTD, kept.pop(), self.skips[len(kept)])
        return x_BTD


def _init_linear(model: Transformer, config: TransformerConfig) -> None:
    """Keep PyTorch's defaults: N(0, 1) embeddings, uniform(+-1/sqrt(fan_in)) matrices and biases."""


@torch.no_grad()
def _init_multihead(model: Transformer, config: TransformerConfig) -> None:
    """Attention projections as nn.MultiheadAttention draws them: one Xavier matrix for q, k, v together, zero biases."""
    kv_width = 2 * config.kv_heads * config.d_head
    bound = math.sqrt(6 / (config.d_model + config.d_model + kv_width))
    for block in model.blocks:
        attention = block.attention.layer
        for projection in (attention.query, attention.key_value):
            projection.weight.uniform_(-bound, bound)
        for projection in (attention.query, attention.key_value, attention.out):
            if projection.bias is not None:
                projection.bias.zero_()


@torch.no_grad()
def _init_scaled(model: Transformer, config: TransformerConfig) -> None:
    """N(0, 0.02) everywhere, zero biases, projections into the residual stream divided by sqrt(2 n_layer) (Radford et al. 2019)."""
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear | nn.Embedding):
            module.weight.normal_(0, 0.02 / math.sqrt(2 * config.n_layer) if name.endswith(RESIDUAL_WRITERS) else 0.02)
        if isinstance(module, nn.Linear) and module.bias is not None:
            module.bias.zero_()


@torch.no_grad()
def _init_zero_out(model: Transformer, config: TransformerConfig) -> None:
    """As `scaled`, but projections into the residual stream start at zero: a pre-norm block starts as the identity."""
    _init_scaled(model, config)
    for name, module in model.named_modules():
        if name.endswith(RESIDUAL_WRITERS):
            module.weight.zero_()


INITIALISERS = {"linear": _init_linear, "multihead": _init_multihead, "scaled": _init_scaled, "zero_out": _init_zero_out}

build.register(TransformerConfig, Transformer)
