"""What followed the last times: an induction head (Olsson et al. 2022) that matches tokens instead of learning to attend to them."""

import torch
from torch import Tensor, nn

from tinylm.config import InductionConfig
from tinylm.models.networks.layers import last

NONE = -1


def followers(x_BT: Tensor, order: int, n_times: int, vocab_size: int) -> Tensor:
    """For each position the tokens (B, T, times) after the latest earlier places that end in the same `order` tokens, latest first.

    NONE where there is no such place. Sorting the rows of tokens puts equal ones side by side in the order of the text.
    """
    n_positions = x_BT.shape[1]
    found_BTK = x_BT.new_full((*x_BT.shape, n_times), NONE)
    if n_positions <= order:
        return found_BTK
    codes_BN = sum(x_BT[:, i : n_positions - order + 1 + i] * vocab_size**i for i in range(order))  # one number for each row of tokens
    codes_BN, places_BN = codes_BN.sort(stable=True)
    next_BN = x_BT.gather(1, (places_BN + order).clamp(max=n_positions - 1))
    for back in range(1, min(n_times, codes_BN.shape[1] - 1) + 1):
        same_BN = codes_BN[:, back:] == codes_BN[:, :-back]
        found_BTK[..., back - 1].scatter_(1, places_BN[:, back:] + order - 1, torch.where(same_BN, next_BN[:, :-back], NONE))
    return found_BTK


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
        next_BTK = torch.cat([followers(x_BT, order, self.n_times, self.vocab_size) for order in self.orders], -1)
        found_BND = torch.zeros((), dtype=embedding.weight.dtype, device=x_BT.device)
        for next_BN, scale_1D in zip(last(next_BTK, n_out).unbind(-1), self.scale, strict=True):
            found_BND = found_BND + embedding(next_BN.clamp(min=0)) * (next_BN != NONE).unsqueeze(-1) * scale_1D
        return embedding(last(x_BT, n_out)) + self.out(found_BND)


def induction(config: InductionConfig, width: int, vocab_size: int) -> nn.Module:
    """The layer from tokens and their embedding, `width` wide, to the states that a model starts from."""
    return Induction(config, width, vocab_size) if config.induction else NoInduction()


class NoInduction(nn.Module):
    """The tokens' embeddings as they are."""

    def forward(self, x_BT: Tensor, embedding: nn.Embedding, n_out: int) -> Tensor:
        return embedding(last(x_BT, n_out))
