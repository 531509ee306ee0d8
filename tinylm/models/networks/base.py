"""What every model is: tokens in, logits of the last positions out."""

from functools import singledispatch

import torch.nn.functional as F
from torch import Tensor, nn

from tinylm.config import ConfigError, ModelConfig


class LanguageModel(nn.Module):
    """A next-token predictor; subclasses define `hidden` and a `head` from width to vocabulary."""

    head: nn.Module

    def hidden(self, x_BT: Tensor, n_out: int) -> Tensor:
        """States (B, n_out, D) of the last `n_out` positions, before the vocabulary head."""
        raise TypeError(f"{type(self).__name__} defines no hidden states")

    def forward(self, x_BT: Tensor, n_out: int) -> Tensor:
        """Logits (B, n_out, V) for the token after each of the last `n_out` positions."""
        return self.head(self.hidden(x_BT, n_out))

    def nlls(self, x_BT: Tensor, y_BN: Tensor) -> Tensor:
        """NLL in nats (B, N), float32, of the tokens after each of the last N positions."""
        return target_nlls(self(x_BT, y_BN.shape[1]), y_BN)

    def states_and_nlls(self, x_BT: Tensor, y_BN: Tensor) -> tuple[Tensor, Tensor]:
        """The states (B, N, D) of the last N positions and the NLLs (B, N) of the tokens after them, from one pass."""
        states_BND = self.hidden(x_BT, y_BN.shape[1])
        return states_BND, target_nlls(self.head(states_BND), y_BN)


def target_nlls(logits_BNV: Tensor, y_BN: Tensor) -> Tensor:
    """Cross-entropy of each target in nats (B, N), float32."""
    return F.cross_entropy(logits_BNV.flatten(0, 1).float(), y_BN.flatten(), reduction="none").view(y_BN.shape)


@singledispatch
def build(config: ModelConfig, vocab_size: int) -> LanguageModel:
    """The model of a config on the CPU, initialised from torch's global generator; ConfigError for a config without one."""
    raise ConfigError(f"{type(config).__name__} has no model; register one with tinylm.models.networks.build.register")


def n_params(model: nn.Module) -> int:
    """Number of trained parameters, shared ones counted once."""
    return sum(p.numel() for p in model.parameters())
