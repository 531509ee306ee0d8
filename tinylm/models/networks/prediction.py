"""How states become predictions: by a vocabulary head with one softmax or a mixture of several, and where the config says so a pointer."""

import torch
from torch import Tensor, nn

from tinylm.config import LSTMConfig, TransformerConfig
from tinylm.models.networks.base import LanguageModel, target_nlls
from tinylm.models.networks.layers import last
from tinylm.models.networks.pointer import NoPointer, Pointer


class Softmaxes(nn.Module):
    """p(w) = the sum over k of share_k softmax(head(tanh(P_k h)))_w, whose shares are a softmax of a linear function of the state h.

    One softmax of narrow states cannot give any probabilities, a mixture can come nearer to them (Yang et al. 2018).
    """

    def __init__(self, width: int, n_softmax: int) -> None:
        super().__init__()
        self.project = nn.Linear(width, n_softmax * width, bias=False)
        self.share = nn.Linear(width, n_softmax, bias=False)

    def parts(self, states_BND: Tensor) -> tuple[Tensor, Tensor]:
        """The states (B, N, K, D) of the K softmaxes, and the logarithms (B, N, K) of their shares in float32."""
        states_BNKD = torch.tanh(self.project(states_BND)).unflatten(-1, (-1, states_BND.shape[-1]))
        return states_BNKD, self.share(states_BND).float().log_softmax(-1)

    def logits(self, head: nn.Module, states_BND: Tensor) -> Tensor:
        """The logarithms (B, N, V) of the mixed probabilities, in float32."""
        states_BNKD, shares_BNK = self.parts(states_BND)
        return torch.logsumexp(head(states_BNKD).float().log_softmax(-1) + shares_BNK[..., None], 2)

    def nlls(self, head: nn.Module, states_BND: Tensor, y_BN: Tensor) -> Tensor:
        """What `logits` says of the targets, without the mixed probabilities of all other tokens."""
        states_BNKD, shares_BNK = self.parts(states_BND)
        return -torch.logsumexp(shares_BNK - target_nlls(head(states_BNKD), y_BN[..., None].expand(shares_BNK.shape)), -1)


class OneSoftmax(nn.Module):
    """The head's logits as they are."""

    def logits(self, head: nn.Module, states_BND: Tensor) -> Tensor:
        return head(states_BND)

    def nlls(self, head: nn.Module, states_BND: Tensor, y_BN: Tensor) -> Tensor:
        return target_nlls(head(states_BND), y_BN)


def softmaxes(config: LSTMConfig | TransformerConfig) -> Softmaxes | OneSoftmax:
    """The softmaxes that a config asks for."""
    return Softmaxes(config.d_model, config.n_softmax) if config.n_softmax > 1 else OneSoftmax()


class Predictor(LanguageModel):
    """A model with `softmaxes` and a `pointer`, which needs the states of all positions."""

    softmaxes: Softmaxes | OneSoftmax
    pointer: Pointer | NoPointer

    def forward(self, x_BT: Tensor, n_out: int) -> Tensor:
        states_BSD = self.hidden(x_BT, self.pointer.n_states(n_out, x_BT.shape[1]))
        return self.pointer.logits(self.softmaxes.logits(self.head, last(states_BSD, n_out)), states_BSD, x_BT)

    def nlls(self, x_BT: Tensor, y_BN: Tensor) -> Tensor:
        return self.states_and_nlls(x_BT, y_BN)[1]

    def states_and_nlls(self, x_BT: Tensor, y_BN: Tensor) -> tuple[Tensor, Tensor]:
        n_out = y_BN.shape[1]
        states_BSD = self.hidden(x_BT, self.pointer.n_states(n_out, x_BT.shape[1]))
        return last(states_BSD, n_out), self.nlls_of(states_BSD, x_BT, y_BN)

    def nlls_of(self, states_BSD: Tensor, x_BT: Tensor, y_BN: Tensor) -> Tensor:
        """The NLLs (B, N) of the tokens after the last N positions, from the states of those S that the pointer needs."""
        return self.pointer.nlls(self.softmaxes.nlls(self.head, last(states_BSD, y_BN.shape[1]), y_BN), states_BSD, x_BT, y_BN)
