"""Gated counts as a `Model`, and what their counts say of the splits of a corpus."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import torch
from torch import Tensor

from tinylm.config import GatedCountsConfig, RunSpec
from tinylm.data import Corpus
from tinylm.evaluation import nlls
from tinylm.evaluation.generate import Predictor
from tinylm.evaluation.model import Model, ModelError
from tinylm.models import evidence, ngram
from tinylm.models.networks import GatedCounts, n_params
from tinylm.models.ngram import NgramModel


@dataclass(frozen=True, kw_only=True, repr=False)
class GatedCountsModel(Model):
    """Counts of the training text, and the network that mixes what they predict; `path` is the file of its weights."""

    network: GatedCounts
    counts: NgramModel
    path: Path | None = None

    def __call__(self, ids: Any) -> NoReturn:
        raise ModelError("gated counts read what counts say of a text, not its ids; logits(text) has their log probabilities")

    @property
    def n_params(self) -> int:
        return n_params(self.network)

    def predictions(self, ids: np.ndarray) -> Iterator[np.ndarray]:
        for n in range(1, len(ids) + 1):
            yield self.next_logits(ids[:n])[None]

    def next_logits(self, ids: np.ndarray) -> np.ndarray:
        return np.log(self.next_probs(ids))

    @torch.inference_mode()
    def next_probs(self, ids: np.ndarray) -> np.ndarray:
        predictions, seen = evidence.after(self.counts, ids, self.spec.model.caches)
        shares = self.network.log_shares(torch.from_numpy(seen).float()[None, None])[0, 0].exp().numpy().astype(np.float64)
        return shares @ predictions

    def token_nlls(self, ids: np.ndarray, spec: RunSpec) -> np.ndarray:
        said = torch.from_numpy(evidence.read(self.counts, ids, self.spec.model.caches))
        return nlls.token_nlls(self.network, torch.from_numpy(ids.astype(np.int32)), spec, bar=True, evidence_NE=said)

    def predictor(self, ids: np.ndarray) -> Predictor:
        return lambda text: torch.from_numpy(self.next_logits(text.numpy()))


def counted(spec: RunSpec, tokens: np.ndarray, vocab_size: int) -> NgramModel:
    """The counts of the training tokens that a spec of gated counts mixes."""
    return ngram.fit(tokens[: spec.train.train_tokens or None], spec.model.order, vocab_size, spec.model.discount_scale)


def of_splits(spec: RunSpec, corpus: Corpus, splits: Sequence[str] = ("train", "valid", "test")) -> dict[str, Tensor]:
    """What counts say of each split's tokens, for a network that reads it; nothing for another one."""
    model = spec.model
    if not isinstance(model, GatedCountsConfig):
        return {}
    size = corpus.info.vocab_size
    counts = counted(spec, corpus.train, size)
    said = {split: evidence.read(counts, corpus.split(split), model.caches) for split in splits if split != "train"}
    if "train" in splits:
        train = corpus.train[: spec.train.train_tokens or None]
        said["train"] = evidence.of_train(train, model.order, size, model.discount_scale, model.caches)
    return {split: torch.from_numpy(found) for split, found in said.items()}
