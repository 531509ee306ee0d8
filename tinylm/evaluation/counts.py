"""N-gram counts as a `Model`, and as a run: spec -> record, on the same scored tokens as the networks."""

import platform
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from tinylm import data
from tinylm.config import ConfigError, RunSpec
from tinylm.config.interrupts import uninterrupted
from tinylm.config.scored import scored_range
from tinylm.data import Corpus, statistics
from tinylm.data.vocabulary import Vocabulary
from tinylm.evaluation.model import Model, ModelError
from tinylm.ledger import RunRecord, Score, versions
from tinylm.ledger.scores import summarise
from tinylm.models import evidence, ngram, recency

if TYPE_CHECKING:
    from tinylm.evaluation.generate import Predictor


@dataclass(frozen=True, kw_only=True, repr=False)
class CountsModel(Model):
    """N-gram counts, with or without a cache of recent text."""

    counts: ngram.NgramModel | recency.RecencyModel

    def __call__(self, ids: Any) -> NoReturn:
        raise ModelError("counts are no PyTorch module; logits(text) has their log probabilities")

    @property
    def n_params(self) -> int:
        return self.counts.n_stored

    def predictions(self, ids: np.ndarray) -> Iterator[np.ndarray]:
        for n in range(1, len(ids) + 1):
            yield self.next_logits(ids[:n])[None]

    def next_logits(self, ids: np.ndarray) -> np.ndarray:
        return np.log(self.next_probs(ids))

    def next_probs(self, ids: np.ndarray) -> np.ndarray:
        return self.counts.distribution(ids)

    def surprises(self, ids: np.ndarray) -> np.ndarray:
        return np.append(np.nan, -self.counts.log_probs(ids)[1:])

    def token_nlls(self, ids: np.ndarray, spec: RunSpec) -> np.ndarray:
        scored = scored_range(spec, len(ids))
        return -self.counts.log_probs(ids[: scored.stop])[scored.start :]

    def predictor(self, ids: np.ndarray) -> "Predictor":
        with uninterrupted():
            import torch  # loaded only where text is written

        return lambda text: torch.from_numpy(np.log(self.counts.distribution(text.numpy())))


def fit(spec: RunSpec, corpus: Corpus, data_dir: str | Path | None = None) -> CountsModel:
    """Count the training tokens; where the spec has a cache, fit its weights to held-out text.

    That is valid up to its last scored token, or what `weights_corpus`, perhaps in `data_dir`, holds out, predicted by counts of that
    corpus's train.
    """
    model, tokens = spec.model, counted_tokens(spec, corpus)
    if model.weights_corpus:
        other = data.load(model.weights_corpus, data_dir)
        if other.info.held_out == corpus.info.held_out:
            raise ConfigError(f"weights_corpus={model.weights_corpus!r} holds out what {spec.corpus} is scored on; take another")
        if other.vocab != corpus.vocab:
            raise ConfigError(f"weights_corpus={model.weights_corpus!r} has other tokens than {spec.corpus}; choose a part of its text")
        apart = of_tokens(spec, corpus.vocabulary, other.train).counts
        mixed = recency.fit(apart, np.concatenate([other.valid, other.test]), model.cache)
        return of_tokens(spec, corpus.vocabulary, tokens, mixed.weights)
    counted = of_tokens(spec, corpus.vocabulary, tokens)
    if not model.cache:
        return counted
    held_out = corpus.valid[: scored_range(spec, len(corpus.valid)).stop]
    return replace(counted, counts=recency.fit(counted.counts, held_out, model.cache))


def of_parts(spec: RunSpec, corpus: Corpus, data_dir: str | Path | None = None) -> Iterator[np.ndarray]:
    """For each part of the training text log probabilities (n, V), float16, of every token in the place of each, by the others' counts."""
    weights = fit(spec, corpus, data_dir).counts.weights if spec.model.cache else None
    for others, part in evidence.apart(counted_tokens(spec, corpus)):
        yield np.log(of_tokens(spec, corpus.vocabulary, others, weights).counts.distributions(part)).astype(np.float16)


def of_tokens(spec: RunSpec, vocabulary: Vocabulary, tokens: np.ndarray, weights: np.ndarray | None = None) -> CountsModel:
    """Counts of tokens (n,), mixed with the spec's cache where its weights (kinds, 1 + order) are given."""
    model = spec.model
    counted: ngram.NgramModel | recency.RecencyModel = ngram.fit(tokens, model.order, len(vocabulary.tokens), model.discount_scale)
    if weights is not None:
        counted = recency.RecencyModel(counted, model.cache, weights)
    return CountsModel(spec=spec, vocabulary=vocabulary, counts=counted)


def count_record(spec: RunSpec, corpus: Corpus, data_dir: str | Path | None = None) -> RunRecord:
    """Count the training tokens, score valid and test; every token's history may reach back to the split's first token.

    `n_params` is the number of stored n-grams of all orders, and of a cache's weights; no FLOPs are spent. Where the spec has a cache
    with weights from valid, only the test loss was not chosen.
    """
    started = time.perf_counter()
    model = fit(spec, corpus, data_dir)
    scores = {split: _score(spec, split, corpus, model) for split in ("valid", "test")}
    return RunRecord(
        spec=spec,
        version=versions.current(spec),
        status="done",
        vocab_size=corpus.info.vocab_size,
        n_params=model.n_params,
        steps=0,
        windows=0,
        tokens_seen=len(counted_tokens(spec, corpus)),
        flops=0,
        flops_textbook=0,
        flops_2nd=0,
        flops_6nd=0,
        curve=[],
        best_step=0,
        seconds=round(time.perf_counter() - started, 1),
        corpus_sha256=corpus.info.sha256,
        environment={"device": "cpu", "python": platform.python_version(), "numpy": np.__version__},
        **scores,
    )


def token_nlls(spec: RunSpec, corpus: Corpus, split: str, data_dir: str | Path | None = None) -> np.ndarray:
    """NLL in nats of each token of the spec's scored range of a split, by counts of its training tokens."""
    return fit(spec, corpus, data_dir).token_nlls(corpus.split(split), spec)


def counted_tokens(spec: RunSpec, corpus: Corpus) -> np.ndarray:
    """The training tokens (n,) that the spec counts."""
    return corpus.train[: spec.train.train_tokens or None]


def _score(spec: RunSpec, split: str, corpus: Corpus, model: CountsModel) -> Score:
    nlls = model.token_nlls(corpus.split(split), spec)
    classes, characters = statistics.token_classes(corpus, split), statistics.n_characters(corpus, split, spec)
    return summarise(spec, split, nlls, spec.model.context_length, 1, classes, characters)
