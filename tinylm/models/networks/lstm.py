"""The LSTM language model: a recurrence over the window, one prediction at every position."""

import torch
from torch import Tensor, nn

from tinylm.config import LSTMConfig
from tinylm.models.networks.base import LanguageModel, build
from tinylm.models.networks.dropout import DROPOUTS
from tinylm.models.networks.induction import induction
from tinylm.models.networks.layers import last

RANGE = 0.1  # of the initial embeddings and vocabulary head


class LSTM(LanguageModel):
    """Embedding, LSTM layers, vocabulary head (Hochreiter and Schmidhuber 1997; Zaremba et al. 2014).

    Every window starts from zero states. Only the head is spared at positions that are not asked for: the last state needs all before it.
    """

    is_stateless = True

    def __init__(self, config: LSTMConfig, vocab_size: int) -> None:
        super().__init__()
        dropout, widths = DROPOUTS[config.dropout_kind], config.widths
        self.embedding = nn.Embedding(vocab_size, widths[0])
        self.induction = induction(config, widths[0], vocab_size)
        self.layers = nn.ModuleList(nn.LSTM(n_in, config.d_model, batch_first=True) for n_in in widths[:-1])
        between = [dropout(config.layer_dropout) for _ in range(config.n_layer - 1)]
        self.dropouts = nn.ModuleList([dropout(config.embedding_dropout), *between, dropout(config.output_dropout)])
        self.head = nn.Linear(config.d_model, vocab_size)
        self._initialise()
        if config.tied:
            self.head.weight = self.embedding.weight

    @torch.no_grad()
    def _initialise(self) -> None:
        """Small uniform embeddings and head, as a tied pair needs them; the layers stay uniform(+-1/sqrt(d_model)), PyTorch's default."""
        self.embedding.weight.uniform_(-RANGE, RANGE)
        self.head.weight.uniform_(-RANGE, RANGE)
        self.head.bias.zero_()

    def hidden(self, x_BT: Tensor, n_out: int) -> Tensor:
        x_BTD = self.dropouts[0](self.induction(x_BT, self.embedding, x_BT.shape[1]))
        for layer, dropout in zip(self.layers[:-1], self.dropouts[1:-1], strict=True):
            x_BTD = dropout(layer(x_BTD)[0])
        return self.dropouts[-1](last(self.layers[-1](x_BTD)[0], n_out))


build.register(LSTMConfig, LSTM)
