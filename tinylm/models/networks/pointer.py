"""What stood before: a share of each prediction goes to the tokens of the window itself (Merity et al. 2017)."""

import math

import torch
from torch import Tensor, nn

from tinylm.config import LSTMConfig, TransformerConfig
from tinylm.models.networks.layers import last

FIRST_SHARE = 0.1  # of the pointer at the end of a window, before training


class Pointer(nn.Module):
    """p(w) = a_0 softmax(logits)_w + the sum of a_i over earlier positions i that w followed.

    a = softmax of a sentinel's score and of q k / sqrt(width) with each earlier position i, whose state is compared with the present one.
    The sentinel is that of Merity et al. 2017; that a state speaks for the word after it is the neural cache's (Grave et al. 2017).
    """

    def __init__(self, config: LSTMConfig | TransformerConfig) -> None:
        super().__init__()
        self.query = nn.Linear(config.d_model, config.pointer, bias=False)
        self.key = nn.Linear(config.d_model, config.pointer, bias=False)
        self.sentinel = nn.Linear(config.d_model, 1)
        self.context_length = config.context_length

    def initialise(self) -> None:
        """Let the vocabulary begin with nearly all of the prediction, where scores of zero would give every position as much."""
        nn.init.constant_(self.sentinel.bias, math.log(self.context_length * (1 - FIRST_SHARE) / FIRST_SHARE))

    def n_states(self, n_out: int, n_positions: int) -> int:
        """How many of the last states the last `n_out` predictions need: all."""
        return n_positions

    def log_shares(self, states_BSD: Tensor, n_out: int) -> tuple[Tensor, Tensor]:
        """Logarithms in float32 of a_0 (B, N, 1) and of a_i (B, N, S - 1), the last position having no follower yet."""
        q_BNW, k_BSW = self.query(last(states_BSD, n_out)), self.key(states_BSD)[:, :-1]
        later_NS = q_BNW.new_ones(n_out, k_BSW.shape[1], dtype=torch.bool).triu(states_BSD.shape[1] - n_out)
        scores_BNS = (q_BNW @ k_BSW.mT * q_BNW.shape[-1] ** -0.5).masked_fill(later_NS, -torch.inf)
        shares = torch.cat([self.sentinel(last(states_BSD, n_out)), scores_BNS], -1).float().log_softmax(-1)
        return shares[..., :1], shares[..., 1:]

    def logits(self, logits_BNV: Tensor, states_BSD: Tensor, x_BS: Tensor) -> Tensor:
        """The logarithms of the mixed probabilities, in float32."""
        vocabulary, pointed_BNS = self.log_shares(states_BSD, logits_BNV.shape[1])
        followers_BNS = x_BS[:, None, 1:].expand(pointed_BNS.shape)
        p_BNV = torch.zeros_like(logits_BNV, dtype=torch.float32).scatter_add(-1, followers_BNS, pointed_BNS.exp())
        return torch.logaddexp(logits_BNV.float().log_softmax(-1) + vocabulary, _log(p_BNV))

    def nlls(self, nlls_BN: Tensor, states_BSD: Tensor, x_BS: Tensor, y_BN: Tensor) -> Tensor:
        """What `logits` says of the targets, from the vocabulary's NLLs of them, without the probabilities of all other tokens."""
        vocabulary, pointed_BNS = self.log_shares(states_BSD, y_BN.shape[1])
        p_BN = (pointed_BNS.exp() * (x_BS[:, None, 1:] == y_BN[..., None])).sum(-1)
        return -torch.logaddexp(vocabulary[..., 0] - nlls_BN, _log(p_BN))


def _log(p: Tensor) -> Tensor:
    """Logarithm of probabilities that may be zero, where its gradient would be infinite: those stay near 1e-38."""
    return p.clamp(min=torch.finfo(p.dtype).tiny).log()


class NoPointer(nn.Module):
    """The vocabulary's predictions as they are."""

    def initialise(self) -> None:
        """Nothing to do."""

    def n_states(self, n_out: int, n_positions: int) -> int:
        """How many of the last states the last `n_out` predictions need."""
        return n_out

    def logits(self, logits_BNV: Tensor, states_BSD: Tensor, x_BS: Tensor) -> Tensor:
        return logits_BNV

    def nlls(self, nlls_BN: Tensor, states_BSD: Tensor, x_BS: Tensor, y_BN: Tensor) -> Tensor:
        return nlls_BN


def pointer(config: LSTMConfig | TransformerConfig) -> Pointer | NoPointer:
    """The pointer that a config asks for."""
    return Pointer(config) if config.pointer else NoPointer()
