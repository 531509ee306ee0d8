"""A network that reads no tokens: it says how far each prediction of counts is to be trusted, by how often its context was seen."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tinylm.config import ConfigError, GatedCountsConfig
from tinylm.models.networks.base import LanguageModel, build

MOMENTUM = 0.01  # of the means and spreads that predictions use


class GatedCounts(LanguageModel):
    """p(w) = sum over predictions k of a_k p_k(w), a = softmax(W tanh(V norm(seen))) (Neubig and Dyer 2016, with more counts).

    `seen` are the logarithms that `models.evidence` has beside its predictions, which differ in size: each is normalised over the batch
    (Ioffe and Szegedy 2015). All shares begin alike.
    """

    def __init__(self, config: GatedCountsConfig, vocab_size: int) -> None:
        super().__init__()
        self.n_recent, self.n_predictions = config.order * max(1, len(config.caches)), config.n_predictions
        self.norm = nn.BatchNorm1d(config.n_seen, momentum=MOMENTUM)
        self.inner = nn.Linear(config.n_seen, config.d_hidden)
        self.head = nn.Linear(config.d_hidden, self.n_predictions)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, x_BT: Tensor, n_out: int) -> Tensor:
        raise ConfigError("gated counts read what counts say of a text, not its tokens; tl.load(KEY) has both")

    def log_shares(self, seen_BNF: Tensor) -> Tensor:
        """Logarithms (B, N, K) of the share of each prediction, from how often contexts were seen (B, N, F)."""
        normal_BNF = self.norm(seen_BNF.flatten(0, 1)).view(seen_BNF.shape)
        scores_BNK = self.head(torch.tanh(self.inner(normal_BNF))).float()
        recent_BNR = seen_BNF[..., -self.n_recent :]  # a context that the text so far has not had predicts nothing
        silent_BNK = F.pad(recent_BNR == 0, (1, self.n_predictions - 1 - self.n_recent))
        return scores_BNK.masked_fill(silent_BNK, -torch.inf).log_softmax(-1)

    def nlls(self, x_BT: Tensor, y_BN: Tensor, evidence_BNE: Tensor | None = None) -> Tensor:
        """NLL in nats (B, N), float32, of the tokens after each of the last N positions, by `evidence.read` of them."""
        if evidence_BNE is None:
            raise ConfigError("gated counts need the evidence of their tokens")
        predictions_BNK, seen_BNF = evidence_BNE[..., : self.n_predictions], evidence_BNE[..., self.n_predictions :]
        return -(self.log_shares(seen_BNF) + predictions_BNK).logsumexp(-1)


build.register(GatedCountsConfig, GatedCounts)
