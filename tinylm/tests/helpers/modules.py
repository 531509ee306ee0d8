"""A module that a user might write."""

from torch import nn


class Bigram(nn.Module):
    """Logits by the last token alone."""

    def __init__(self, vocab_size):
        super().__init__()
        self.embedding, self.head = nn.Embedding(vocab_size, 8), nn.Linear(8, vocab_size)

    def forward(self, x_BT):
        return self.head(self.embedding(x_BT))


class Later(Bigram):
    """A module that works twice as much from one of its calls on."""

    def __init__(self, vocab_size, first=600):
        super().__init__(vocab_size)
        self.calls, self.first = 0, first

    def forward(self, x_BT):
        self.calls += 1
        for _ in range(self.calls >= self.first):
            super().forward(x_BT)
        return super().forward(x_BT)
