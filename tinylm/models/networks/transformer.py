"""One Transformer whose config chooses every part; Self-Attention is the Transformer of one block."""

import math

import torch
from torch import Tensor, nn

from tinylm.config import ConfigError, TransformerConfig
from tinylm.models.networks.attention import Attention, FirstValues
from tinylm.models.networks.base import build
from tinylm.models.networks.bigrams import Bigrams
from tinylm.models.networks.dropout import DROPOUTS
from tinylm.models.networks.induction import induction
from tinylm.models.networks.layers import NORMS, RESIDUALS, PreNorm, ffn, last, vocabulary_head
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

    def forward(self, x_BTD: Tensor, n_out: int, *shared: FirstValues) -> Tensor:
        x_BND = self.attention(x_BTD, n_out, *shared)
        for branch in self.ffn:
            x_BND = branch(x_BND, n_out)
        return x_BND


class ParallelBlock(nn.Module):
    """x + attention(norm(x)) + FFN(norm(x)), with one norm for both (Wang and Komatsuzaki 2021)."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.attention = PreNorm(Attention(config), NORMS[config.norm](config.d_model))
        self.ffn = ffn(config)

    def forward(self, x_BTD: Tensor, n_out: int, *shared: FirstValues) -> Tensor:
        normed_BTD = self.attention.norm(x_BTD)
        return last(x_BTD, n_out) + self.attention.layer(normed_BTD, n_out, *shared) + self.ffn(normed_BTD, n_out)


class Transformer(Predictor):
    """Embedding, blocks, final norm, vocabulary head (arXiv 2512.20877 with the config's defaults).

    The last block computes queries, output projection and FFN at the last `n_out` positions only: the same function as
    computing all positions and dropping most, for far fewer FLOPs. A pointer needs the states of all positions.
    In training each further token has a block in the last one's place, with the same norm and head.
    """

    is_stateless = True

    def __init__(self, config: TransformerConfig, vocab_size: int) -> None:
        super().__init__()
        self.context_length = config.context_length
        self.embedding = nn.Embedding(vocab_size, config.d_model)
        self.induction = induction(config, config.d_model, vocab_size)
        self.positions = LearnedPositions(config) if config.position == "learned" else nn.Identity()
        self.bigrams = Bigrams(config.bigrams, config.d_model, vocab_size) if config.bigrams else None
        self.dropout = DROPOUTS[config.dropout_kind](config.embedding_dropout)
        block = ParallelBlock if config.parallel else Block
        self.blocks, self.loops = nn.ModuleList(block(config) for _ in range(config.n_layer)), config.loops
        self.further = nn.ModuleList(block(config) for _ in range(config.n_future - 1))
        n_skips = config.depth // 2 if config.skips else 0
        self.skips = nn.ParameterList(torch.zeros(config.d_model) for _ in range(n_skips))
        # How much each block reads of the states and of the first block's input; how much of the first block's values each later one takes.
        self.scalars = nn.ParameterList(torch.tensor([1.0, 0.0]) for _ in range(config.depth * config.residual_scalars))
        self.value_shares = nn.ParameterList(torch.full((1,), 0.5) for _ in range((config.depth - 1) * config.value_residual))
        self.norm = NORMS[config.norm](config.d_model)
        self.output_dropout = DROPOUTS[config.dropout_kind](config.output_dropout)
        self.head = vocabulary_head(config, vocab_size)
        self.softmaxes, self.pointer = softmaxes(config), pointer(config)
        INITIALISERS[config.init](self, config)
        if config.tied:
            self.head.weight = self.embedding.weight
        self.pointer.initialise()
        if self.bigrams is not None:
            self.bigrams.initialise()

    def losses(self, x_BT: Tensor, y_BN: Tensor) -> tuple[Tensor, Tensor]:
        if not self.further:
            return super().losses(x_BT, y_BN)
        read_BTD, *shared = self._below(x_BT)
        states_BSD = self._above(self.blocks[-1](read_BTD, self.pointer.n_states(y_BN.shape[1], x_BT.shape[1]), *shared))
        nll = self.nlls_of(states_BSD, x_BT, y_BN).mean()
        further = [self._further_nll(block, read_BTD, y_BN, ahead) for ahead, block in enumerate(self.further, 1)]
        return nll, nll + sum(further)

    def _further_nll(self, block: nn.Module, read_BTD: Tensor, y_BN: Tensor, ahead: int) -> Tensor:
        """The mean NLL of the tokens so many after the next ones, at the positions where the window still has them."""
        states_BMD = self._above(block(read_BTD[:, :-ahead], y_BN.shape[1] - ahead))
        return self.softmaxes.nlls(self.head, states_BMD, y_BN[:, ahead:]).mean()

    def hidden(self, x_BT: Tensor, n_out: int) -> Tensor:
        read_BTD, *shared = self._below(x_BT)
        return self._above(self.blocks[-1](read_BTD, n_out, *shared))

    def _below(self, x_BT: Tensor) -> tuple[Tensor] | tuple[Tensor, FirstValues]:
        """What the last block reads, and with it the values that blocks share, where they do."""
        if x_BT.shape[1] > self.context_length:
            raise ConfigError(f"a window of {x_BT.shape[1]} tokens does not fit context_length={self.context_length}; cut it")
        x_BTD = self.induction(x_BT, self.embedding, x_BT.shape[1])
        if self.bigrams is not None:
            x_BTD = x_BTD + self.bigrams(x_BT)
        first_BTD = x_BTD = self.dropout(self.positions(x_BTD))
        shared = (FirstValues(self.value_shares),) if len(self.value_shares) else ()
        kept: list[Tensor] = []  # what the lower blocks read, for their mirror images (Ronneberger et al. 2015)
        below = ([*self.blocks] * self.loops)[:-1]
        for number, block in enumerate(below):
            x_BTD = self._scaled(self._joined(x_BTD, kept, number), first_BTD, number)
            x_BTD = block(x_BTD, x_BTD.shape[1], *shared)
        return self._scaled(self._joined(x_BTD, kept, len(below)), first_BTD, len(below)), *shared

    def _above(self, x_BND: Tensor) -> Tensor:
        """States as the head reads them."""
        return self.output_dropout(self.norm(x_BND))

    def _scaled(self, x_BTD: Tensor, first_BTD: Tensor, number: int) -> Tensor:
        """The input of a block by its number, scaled and with a share of the first block's where the config says so."""
        if not len(self.scalars):
            return x_BTD
        keep, again = self.scalars[number]
        return torch.addcmul(x_BTD * keep, first_BTD, again)

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
    for block in [*model.blocks, *model.further]:
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
