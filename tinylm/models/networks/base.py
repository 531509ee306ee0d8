"""What every model is: tokens in, logits of the last positions out."""

from functools import singledispatch

from torch import Tensor, nn

from tinylm.config import ConfigError, ModelConfig
from tinylm.models.networks.cross_entropy import cross_entropy


class LanguageModel(nn.Module):
    """A next-token predictor; subclasses define `hidden` and a `head` from width to vocabulary. `build` sets `vocab_size`."""

    head: nn.Module
    vocab_size: int
    is_stateless = False  # whether a pass in eval mode keeps nothing in the model, so that threads may compute with it side by side

    def hidden(self, x_BT: Tensor, n_out: int) -> Tensor:
        """States (B, n_out, D) of the last `n_out` positions, before the vocabulary head."""
        raise TypeError(f"{type(self).__name__} defines no hidden states")

    def forward(self, x_BT: Tensor, n_out: int) -> Tensor:
        """Logits (B, n_out, V) for the token after each of the last `n_out` positions."""
        return self.head(self.hidden(x_BT, n_out))

    def nlls(self, x_BT: Tensor, y_BN: Tensor) -> Tensor:
        """NLL in nats (B, N), float32, of the tokens after each of the last N positions."""
        return target_nlls(self(x_BT, y_BN.shape[1]), y_BN)

    def losses(self, x_BT: Tensor, y_BN: Tensor, *said: Tensor) -> tuple[Tensor, Tensor]:
        """The mean of `nlls`, and the loss that training minimises."""
        loss = self.nlls(x_BT, y_BN, *said).mean()
        return loss, loss

    def states_and_nlls(self, x_BT: Tensor, y_BN: Tensor) -> tuple[Tensor, Tensor]:
        """The states (B, N, D) of the last N positions and the NLLs (B, N) of the tokens after them, from one pass."""
        states_BND = self.hidden(x_BT, y_BN.shape[1])
        return states_BND, target_nlls(self.head(states_BND), y_BN)

    def hidden_matrices(self) -> list[nn.Parameter]:
        """The weights between hidden states, which Muon updates: every matrix but embeddings and the vocabulary head."""
        outer = [module for module in self.modules() if isinstance(module, nn.Embedding)] + [self.head]
        excluded = {id(parameter) for module in outer for parameter in module.parameters()}
        return [p for p in self.parameters() if p.ndim == 2 and id(p) not in excluded]


def target_nlls(logits: Tensor, y: Tensor) -> Tensor:
    """Cross-entropy in nats, float32, of each target (...) by its logits (..., V)."""
    return cross_entropy(logits.flatten(0, -2), y.flatten()).float().view(y.shape)


def build(config: ModelConfig, vocab_size: int) -> LanguageModel:
    """The model of a config on the CPU, initialised from torch's global generator; ConfigError for a config without one."""
    model = _built(config, vocab_size)
    model.vocab_size = vocab_size
    return model


@singledispatch
def _built(config: ModelConfig, vocab_size: int) -> LanguageModel:
    raise ConfigError(f"{type(config).__name__} has no model; register one with tinylm.models.networks.build.register")


build.register = _built.register  # of a config's class, as singledispatch has it


def n_params(model: nn.Module) -> int:
    """Number of trained parameters, shared ones counted once."""
    return sum(p.numel() for p in model.parameters())
