"""An embedding for each pair of tokens that follow one another, so that the first block starts from bigrams."""

import torch
from torch import Tensor, nn

FACTOR = 40_503  # odd: pairs with one token in common fall on different rows of a table of a power of two that has a row a token


class Bigrams(nn.Module):
    """A vector for each position's token and the one before, which start at zero; pairs are hashed to the rows of a table.

    The hashed n-grams of Joulin et al. 2017, as an input of a Transformer. The first token's pair begins with no token.
    """

    def __init__(self, n_rows: int, width: int, vocab_size: int) -> None:
        super().__init__()
        self.embedding, self.no_token = nn.Embedding(n_rows, width), vocab_size

    def initialise(self) -> None:
        """Let the model begin as one without."""
        nn.init.zeros_(self.embedding.weight)

    def forward(self, x_BT: Tensor) -> Tensor:
        before_BT = torch.cat([torch.full_like(x_BT[:, :1], self.no_token), x_BT[:, :-1]], 1)
        return self.embedding((before_BT * FACTOR + x_BT) % self.embedding.num_embeddings)
