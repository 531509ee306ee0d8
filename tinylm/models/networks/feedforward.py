"""Linear and MLP: the window's embeddings concatenated, then matrix products. They predict one token per window."""

import itertools

from torch import Tensor, nn

from tinylm.config import ConfigError, LinearConfig, MLPConfig
from tinylm.models.networks.base import LanguageModel, build
from tinylm.models.networks.dropout import Dropout
from tinylm.models.networks.layers import ACTIVATIONS


class _Concatenated(LanguageModel):
    """Embeds exactly `context_length` tokens and concatenates them to one vector of T * D."""

    def __init__(self, context_length: int, d_model: int, vocab_size: int) -> None:
        super().__init__()
        self.context_length = context_length
        self.embedding = nn.Embedding(vocab_size, d_model)

    def concatenated(self, x_BT: Tensor, n_out: int) -> Tensor:
        """The window as one vector (B, 1, T * D); ConfigError unless T is the context length and one position is asked for."""
        if n_out != 1 or x_BT.shape[1] != self.context_length:
            raise ConfigError(
                f"{type(self).__name__} predicts one token after exactly {self.context_length}; it got {x_BT.shape[1]} tokens and was "
                f"asked for {n_out} predictions: use loss_at='last' and eval_stride=1"
            )
        return self.embedding(x_BT).flatten(1).unsqueeze(1)


class Linear(_Concatenated):
    """One linear layer from the concatenated embeddings to the vocabulary (arXiv 2512.20877)."""

    def __init__(self, config: LinearConfig, vocab_size: int) -> None:
        config.check_vocab_size(vocab_size)
        super().__init__(config.context_length, config.d_model, vocab_size)
        self.head = nn.Linear(config.context_length * config.d_model, vocab_size)
        if config.embedding_init == "identity":
            nn.init.eye_(self.embedding.weight)

    def hidden(self, x_BT: Tensor, n_out: int) -> Tensor:
        return self.concatenated(x_BT, n_out)


class MLP(_Concatenated):
    """Hidden layers of an activation and dropout over the concatenated embeddings (arXiv 2512.20877; Bengio et al. 2003)."""

    def __init__(self, config: MLPConfig, vocab_size: int) -> None:
        super().__init__(config.context_length, config.d_model, vocab_size)
        widths = [config.context_length * config.d_model, *config.widths]
        activation = ACTIVATIONS[config.activation]
        layers = [(nn.Linear(a, b), activation(), Dropout(config.dropout)) for a, b in itertools.pairwise(widths)]
        self.layers = nn.Sequential(*(module for layer in layers for module in layer))
        self.head = nn.Linear(widths[-1], vocab_size)

    def hidden(self, x_BT: Tensor, n_out: int) -> Tensor:
        return self.layers(self.concatenated(x_BT, n_out))


build.register(LinearConfig, Linear)
build.register(MLPConfig, MLP)
