"""The LSTM language model: a recurrence over the window, one prediction at every position."""

import torch
from torch import Tensor, nn
from torch.func import functional_call

from tinylm.config import LSTMConfig
from tinylm.models.networks.base import build
from tinylm.models.networks.dropout import DROPOUTS, Dropout
from tinylm.models.networks.induction import induction
from tinylm.models.networks.layers import last
from tinylm.models.networks.mogrifier import MogrifierLSTM
from tinylm.models.networks.pointer import pointer
from tinylm.models.networks.prediction import Predictor, softmaxes

RANGE = 0.1  # of the initial embeddings and vocabulary head
RECURRENT = "weight_hh_l0"  # the name of a layer's matrix from state to gates


class LSTM(Predictor):
    """Embedding, LSTM layers, plain or mogrified, vocabulary head (Hochreiter and Schmidhuber 1997; Zaremba et al. 2014).

    Every window starts from zero states. Only the head is spared at positions that are not asked for: the last state needs all before it.
    """

    is_stateless = True

    def __init__(self, config: LSTMConfig, vocab_size: int) -> None:
        super().__init__()
        dropout, widths = DROPOUTS[config.dropout_kind], config.widths
        self.embedding = nn.Embedding(vocab_size, widths[0])
        self.induction = induction(config, widths[0], vocab_size)
        self.layers = nn.ModuleList(_layer(config, n_in) for n_in in widths[:-1])
        between = [dropout(config.layer_dropout) for _ in range(config.n_layer - 1)]
        self.dropouts = nn.ModuleList([dropout(config.embedding_dropout), *between, dropout(config.output_dropout)])
        self.weight_dropout = Dropout(config.weight_dropout)
        self.head = nn.Linear(config.d_model, vocab_size)
        self._initialise()
        self.softmaxes, self.pointer = softmaxes(config), pointer(config)
        self.pointer.initialise()
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
            x_BTD = dropout(self._read(layer, x_BTD))
        return self.dropouts[-1](last(self._read(self.layers[-1], x_BTD), n_out))

    def _read(self, layer: nn.Module, x_BTD: Tensor) -> Tensor:
        """A layer's states; in training elements of its recurrent matrix drop out, the same ones at all positions (Merity et al. 2018)."""
        if self.training and self.weight_dropout.p:
            return functional_call(layer, {RECURRENT: self.weight_dropout(getattr(layer, RECURRENT))}, (x_BTD,))[0]
        return layer(x_BTD)[0]


def _layer(config: LSTMConfig, n_in: int) -> nn.Module:
    if config.mogrifier_rounds:
        return MogrifierLSTM(n_in, config.d_model, config.mogrifier_rounds)
    return nn.LSTM(n_in, config.d_model, batch_first=True)


build.register(LSTMConfig, LSTM)
