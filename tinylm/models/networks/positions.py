"""How a Transformer knows positions: vectors added to the embeddings, rotations of queries and keys, or biases of their scores."""

import torch
from torch import Tensor, nn

from tinylm.config import TransformerConfig


class Rotary(nn.Module):
    """Rotary positions, half-split pairs (Su et al. 2021); `x_BHNK` sits at the last N of T positions."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        half = config.d_head // 2
        angles = torch.outer(config.rope_base ** (-torch.arange(half) / half), torch.arange(config.context_length).float())
        self.register_buffer("cos", angles.cos(), persistent=False)  # (K / 2, T), as queries and keys lie in memory
        self.register_buffer("sin", angles.sin(), persistent=False)

    def tables(self, n_out: int, n_positions: int) -> tuple[Tensor, Tensor]:
        """cos and sin (N, K / 2) of the angles at the last N of T positions."""
        places = slice(n_positions - n_out, n_positions)
        return self.cos[:, places].mT, self.sin[:, places].mT

    def forward(self, x_BHNK: Tensor, n_positions: int) -> Tensor:
        return rotated(x_BHNK, *self.tables(x_BHNK.shape[2], n_positions))


def rotated(x_BHNK: Tensor, cos_NK: Tensor, sin_NK: Tensor) -> Tensor:
    """(x cos - y sin, y cos + x sin) for the halves x and y of the features."""
    x, y = x_BHNK.chunk(2, -1)
    return torch.cat([x * cos_NK - y * sin_NK, y * cos_NK + x * sin_NK], -1)


class NoRotation(nn.Module):
    """Leaves queries and keys as they are."""

    def forward(self, x_BHNK: Tensor, n_positions: int) -> Tensor:
        return x_BHNK


def alibi(query_N: Tensor, key_T: Tensor, n_head: int) -> Tensor:
    """Biases (H, N, T) of the scores of queries and keys at these positions: minus the distance, times 2^(-8 i / n_head) for the i-th head.

    Press et al. 2022, with their slopes for any number of heads. They need no table of positions, and so fit windows of any length.
    """
    slopes_H = torch.exp2(-8 / n_head * torch.arange(1, n_head + 1, device=key_T.device))
    return slopes_H[:, None, None] * (key_T - query_N[:, None])


class LearnedPositions(nn.Module):
    """Adds a trained vector per position to the token embeddings."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.embedding = nn.Embedding(config.context_length, config.d_model)

    def forward(self, x_BTD: Tensor) -> Tensor:
        return x_BTD + self.embedding.weight[: x_BTD.shape[1]]


# By `config.position`; another one adds nothing to the attention.
ROTATIONS = {"rope": Rotary}
SCORE_BIASES = {"alibi": alibi}  # (query positions (N,), key positions (T,), n_head) -> biases (H, N, T)
