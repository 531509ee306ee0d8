"""Linear and MLP: embeddings concatenated, then matrix products. They predict one token per window, unless an MLP moves over it."""

import itertools

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tinylm.config import ConfigError, LinearConfig, MLPConfig
from tinylm.models.networks.base import LanguageModel, build
from tinylm.models.networks.dropout import Dropout
from tinylm.models.networks.induction import induction
from tinylm.models.networks.layers import ACTIVATIONS


class Linear(LanguageModel):
    """One linear layer from the concatenated embeddings to the vocabulary (arXiv 2512.20877)."""

    is_stateless = True

    def __init__(self, config: LinearConfig, vocab_size: int) -> None:
        super().__init__()
        config.check_vocab_size(vocab_size)
        self.context_length = config.context_length
        self.embedding = nn.Embedding(vocab_size, config.d_model)
        self.head = nn.Linear(config.context_length * config.d_model, vocab_size)
        if config.embedding_init == "identity":
            nn.init.eye_(self.embedding.weight)

    def hidden(self, x_BT: Tensor, n_out: int) -> Tensor:
        _require_full(self, x_BT, n_out)
        return joined(self.embedding(x_BT), self.context_length, 1)


class MLP(LanguageModel):
    """Hidden layers of an activation and dropout over the concatenated embeddings (arXiv 2512.20877; Bengio et al. 2003).

    With a window it moves over the context: each position is predicted from the window that ends there, filled up with zeros.
    """

    is_stateless = True

    def __init__(self, config: MLPConfig, vocab_size: int) -> None:
        super().__init__()
        self.context_length, self.config = config.context_length, config
        self.embedding = nn.Embedding(vocab_size, config.d_model)
        self.induction = induction(config, config.d_model, vocab_size)
        widths = [config.n_joined * config.d_model, *config.widths]
        activation = ACTIVATIONS[config.activation]
        layers = [(nn.Linear(a, b), activation(), Dropout(config.dropout)) for a, b in itertools.pairwise(widths)]
        self.layers = nn.Sequential(*(module for layer in layers for module in layer))
        self.head = nn.Linear(widths[-1], vocab_size)

    def hidden(self, x_BT: Tensor, n_out: int) -> Tensor:
        if not self.config.window:
            _require_full(self, x_BT, n_out)
        n_needed = min(x_BT.shape[1], self.config.n_joined - 1 + n_out)
        return self.layers(joined(self.induction(x_BT, self.embedding, n_needed), self.config.n_joined, n_out))


def joined(x_BTD: Tensor, window: int, n_out: int) -> Tensor:
    """The states of the `window` positions that end at each of the last `n_out`, side by side: (B, n_out, window * D).

    x_BTD holds at most the positions that are needed, window - 1 + n_out; those that it lacks come before the first and are zeros.
    """
    if n_out == 1 and x_BTD.shape[1] == window:
        return x_BTD.flatten(1).unsqueeze(1)  # without a copy
    x_BTD = F.pad(x_BTD, (0, 0, max(0, window - 1 + n_out - x_BTD.shape[1]), 0))
    return torch.cat([x_BTD[:, i : i + n_out] for i in range(window)], -1)


def _require_full(model: LanguageModel, x_BT: Tensor, n_out: int) -> None:
    """ConfigError unless the window is as long as the context and one position is asked for."""
    if n_out != 1 or x_BT.shape[1] != model.context_length:
        raise ConfigError(
            f"{type(model).__name__} predicts one token after exactly {model.context_length}; it got {x_BT.shape[1]} tokens and was "
            f"asked for {n_out} predictions: use loss_at='last' and eval_stride=1"
        )


build.register(LinearConfig, Linear)
build.register(MLPConfig, MLP)
