"""What followed the last times: an induction head (Olsson et al. 2022) that matches tokens instead of learning to attend to them."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tinylm.config import InductionConfig
from tinylm.models.networks.layers import last

NONE = -1


def followers(x_BT: Tensor, orders: Sequence[int], n_times: int, vocab_size: int) -> Tensor:
    """For each position the tokens (B, T, orders x times) after the latest earlier places that end in the same tokens, latest first.

    As many tokens as each order says; NONE where there is no such place. Sorting the rows of tokens puts equal ones side by side in the
    order of the text, those of all orders in one sort.
    """
    n_batch, n_positions = x_BT.shape
    codes_OBT = torch.stack([_codes(x_BT, order, vocab_size) for order in orders])
    codes_OBT, places_OBT = codes_OBT.sort(stable=True)
    next_OBT = x_BT.expand(codes_OBT.shape).gather(2, (places_OBT + 1).clamp(max=n_positions - 1))
    found_OKBT = x_BT.new_full((len(orders), n_times, n_batch, n_positions), NONE)
    for back in range(1, min(n_times, n_positions - 1) + 1):
        same_OBT = codes_OBT[..., back:] == codes_OBT[..., :-back]
        found_OKBT[:, back - 1].scatter_(2, places_OBT[..., back:], torch.where(same_OBT, next_OBT[..., :-back], NONE))
    return found_OKBT.flatten(0, 1).permute(1, 2, 0)


def _codes(x_BT: Tensor, order: int, vocab_size: int) -> Tensor:
    """One number (B, T) for the row of `order` tokens that ends at each position, one of its own below zero where there are fewer."""
    n_positions = x_BT.shape[1]
    codes_BT = (-1 - torch.arange(n_positions, device=x_BT.device)).expand_as(x_BT).clone()
    if n_positions >= order:
        codes_BT[:, order - 1 :] = sum(x_BT[:, i : n_positions - order + 1 + i] * vocab_size**i for i in range(order))
    return codes_BT


class Induction(nn.Module):
    """Adds to a token's embedding a projection of its followers', scaled per order, time and channel (after Akyurek et al. 2024)."""

    def __init__(self, config: InductionConfig, width: int, vocab_size: int) -> None:
        super().__init__()
        config.check_vocab_size(vocab_size)
        self.orders, self.n_times, self.vocab_size = config.induction, config.induction_times, vocab_size
        self.scale = nn.Parameter(torch.randn(len(self.orders) * self.n_times, 1, width))
        self.out = nn.Linear(width, width, bias=False)

    def forward(self, x_BT: Tensor, embedding: nn.Embedding, n_out: int) -> Tensor:
        """States (B, n_out, D) of the last positions; what followed is looked for in all of them."""
        return embedding(last(x_BT, n_out)) + self.out(row_sums(*self.found(x_BT, embedding, n_out)))

    def found(self, x_BT: Tensor, embedding: nn.Embedding, n_out: int) -> tuple[Tensor, Tensor]:
        """A table (R, D) of the embeddings as each order and time scales them, and which rows (B, n_out, K) each position sums up."""
        next_BNK = last(followers(x_BT, self.orders, self.n_times, self.vocab_size), n_out)
        scaled_RD = torch.cat([(embedding.weight * self.scale).flatten(0, 1), torch.zeros_like(embedding.weight[:1])])  # zeros for NONE
        firsts_K = torch.arange(next_BNK.shape[-1], device=x_BT.device) * self.vocab_size
        return scaled_RD, torch.where(next_BNK == NONE, len(scaled_RD) - 1, next_BNK + firsts_K)


def row_sums(table_RD: Tensor, rows_BTK: Tensor) -> Tensor:
    """Sums (B, T, D) of the rows of a table that `rows_BTK` names."""
    if table_RD.is_cuda:  # where a sum over rows that are written at once has no fixed order, and so no fixed last bits
        return F.embedding(rows_BTK, table_RD).sum(2)
    return _RowSums.apply(table_RD, rows_BTK)


class _RowSums(torch.autograd.Function):
    """Its gradient is added up in fp32, one of the K at a time: several times faster on a CPU than PyTorch's own for such sums."""

    @staticmethod
    def forward(ctx, table_RD: Tensor, rows_BTK: Tensor) -> Tensor:
        ctx.save_for_backward(rows_BTK)
        ctx.n_rows = len(table_RD)
        return F.embedding_bag(rows_BTK.flatten(0, 1), table_RD, mode="sum").unflatten(0, rows_BTK.shape[:2])

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad_BTD: Tensor) -> tuple[Tensor, None]:
        (rows_BTK,) = ctx.saved_tensors
        grad_ND = grad_BTD.flatten(0, 1)
        wide_ND = grad_ND.float() if grad_ND.dtype == torch.bfloat16 else grad_ND
        total_RD = wide_ND.new_zeros(ctx.n_rows, grad_ND.shape[1])
        for rows_N in rows_BTK.flatten(0, 1).unbind(1):
            total_RD.index_add_(0, rows_N, wide_ND)
        return total_RD.to(grad_BTD.dtype), None


def induction(config: InductionConfig, width: int, vocab_size: int) -> nn.Module:
    """The layer from tokens and their embedding, `width` wide, to the states that a model starts from."""
    return Induction(config, width, vocab_size) if config.induction else NoInduction()


class NoInduction(nn.Module):
    """The tokens' embeddings as they are."""

    def forward(self, x_BT: Tensor, embedding: nn.Embedding, n_out: int) -> Tensor:
        return embedding(last(x_BT, n_out))
