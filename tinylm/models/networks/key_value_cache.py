"""A key-value cache: a Transformer that remembers what it has read, and is then given the new tokens only."""

import copy

import torch
from torch import Tensor, nn

from tinylm.models.networks.attention import Attention, Values, unmixed
from tinylm.models.networks.bigrams import Bigrams
from tinylm.models.networks.convolution import ShortConvolution
from tinylm.models.networks.induction import Induction
from tinylm.models.networks.layers import last
from tinylm.models.networks.pointer import Pointer
from tinylm.models.networks.positions import LearnedPositions
from tinylm.models.networks.transformer import Transformer


class _CachedAttention(nn.Module):
    """Attention of new positions over all that were read, whose keys and values it keeps."""

    def __init__(self, attention: Attention) -> None:
        super().__init__()
        self.attention = attention
        self.read: list[tuple[Tensor, Tensor]] = []

    def forward(self, x_BND: Tensor, n_out: int, values: Values = unmixed) -> Tensor:
        x_BND = self.attention.convolution(x_BND)
        n_positions = x_BND.shape[1] + sum(k_BHTK.shape[2] for k_BHTK, _ in self.read)
        q_BHNK = self.attention.queries(last(x_BND, n_out), n_positions)
        self.read.append(self.attention.keys_values(x_BND, n_positions, values))
        k_BHTK, v_BHTK = (torch.cat(parts, 2) for parts in zip(*self.read, strict=True))
        self.read = [(k_BHTK, v_BHTK)]
        return self.attention.mix(last(x_BND, n_out), q_BHNK, k_BHTK, v_BHTK)


class _CachedConvolution(nn.Module):
    """A short convolution of new positions that keeps as many of those before as it reaches."""

    def __init__(self, convolution: ShortConvolution) -> None:
        super().__init__()
        self.convolution = convolution
        self.read: list[Tensor] = []

    def forward(self, x_BND: Tensor) -> Tensor:
        x_BTD = torch.cat([*self.read, x_BND], 1)
        self.read = [x_BTD[:, -len(self.convolution.weight) :]]
        return last(self.convolution(x_BTD), x_BND.shape[1])


class _CountedPositions(nn.Module):
    """Learned positions that go on counting where the tokens before ended."""

    def __init__(self, positions: LearnedPositions) -> None:
        super().__init__()
        self.positions, self.n_read = positions, 0

    def forward(self, x_BND: Tensor) -> Tensor:
        start, self.n_read = self.n_read, self.n_read + x_BND.shape[1]
        return x_BND + self.positions.embedding.weight[start : self.n_read]


class _CachedBigrams(nn.Module):
    """Embeddings of pairs of tokens that remembers the last token."""

    def __init__(self, bigrams: Bigrams) -> None:
        super().__init__()
        self.bigrams = bigrams
        self.read: list[Tensor] = []

    def forward(self, x_BN: Tensor) -> Tensor:
        x_BT = torch.cat([*self.read, x_BN], 1)
        self.read = [x_BT[:, -1:]]
        return last(self.bigrams(x_BT), x_BN.shape[1])


class _CachedInduction(nn.Module):
    """Induction that looks for what followed in all tokens read, which it keeps."""

    def __init__(self, induction: Induction) -> None:
        super().__init__()
        self.induction = induction
        self.read: list[Tensor] = []

    def forward(self, x_BN: Tensor, embedding: nn.Embedding, n_out: int) -> Tensor:
        self.read = [torch.cat([*self.read, x_BN], 1)]
        return self.induction(self.read[0], embedding, n_out)


class _CachedPointer(nn.Module):
    """A pointer to all positions read, whose states and tokens it keeps."""

    def __init__(self, pointer: Pointer) -> None:
        super().__init__()
        self.pointer = pointer
        self.read: list[tuple[Tensor, Tensor]] = []

    def n_states(self, n_out: int, n_positions: int) -> int:
        return self.pointer.n_states(n_out, n_positions)

    def logits(self, logits_BNV: Tensor, states_BND: Tensor, x_BN: Tensor) -> Tensor:
        self.read = [tuple(torch.cat(parts, 1) for parts in zip(*self.read, (states_BND, x_BN), strict=True))]
        return self.pointer.logits(logits_BNV, *self.read[0])


def _sharing(module: nn.Module) -> nn.Module:
    """A copy that has the module's own parameters."""
    return copy.deepcopy(module, {id(parameter): parameter for parameter in module.parameters()})


def with_cache(model: Transformer) -> Transformer:
    """A Transformer with the model's own parameters that has read nothing yet.

    Each call gives it the next tokens; its logits are the model's for all tokens so far, which must fit the context length.
    """
    reader = _sharing(model)
    reader.blocks, reader.loops = nn.ModuleList(_sharing(block) for _ in range(model.loops) for block in model.blocks), 1
    for block in reader.blocks:
        if isinstance(block.attention.layer.convolution, ShortConvolution):
            block.attention.layer.convolution = _CachedConvolution(block.attention.layer.convolution)
        block.attention.layer = _CachedAttention(block.attention.layer)
    if isinstance(reader.induction, Induction):
        reader.induction = _CachedInduction(reader.induction)
    if isinstance(reader.bigrams, Bigrams):
        reader.bigrams = _CachedBigrams(reader.bigrams)
    if isinstance(reader.pointer, Pointer):
        reader.pointer = _CachedPointer(reader.pointer)
    if isinstance(reader.positions, LearnedPositions):
        reader.positions = _CountedPositions(reader.positions)
    return reader
