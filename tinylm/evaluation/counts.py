"""N-gram counts as a run: spec -> record, on the same scored tokens as the models."""

import platform
import time

import numpy as np

from tinylm.config import RunSpec
from tinylm.data import Corpus, statistics
from tinylm.ledger import RunRecord, Score, versions
from tinylm.ledger.scores import scored_range, summarise
from tinylm.models import ngram, recency

Counts = ngram.NgramModel | recency.RecencyModel


def count_record(spec: RunSpec, corpus: Corpus) -> RunRecord:
    """Count the training tokens, score valid and test; every token's history may reach back to the split's first token.

    `n_params` is the number of stored n-grams of all orders, and of a cache's weights; no FLOPs are spent. Where the spec has a cache,
    its weights are fitted to valid up to its last scored token, so that only the test loss was not chosen.
    """
    started = time.perf_counter()
    model = _counted(spec, corpus)
    scores = {split: _score(spec, split, corpus, model) for split in ("valid", "test")}
    return RunRecord(
        spec=spec,
        version=versions.current(spec),
        status="done",
        vocab_size=corpus.info.vocab_size,
        n_params=model.n_stored,
        steps=0,
        windows=0,
        tokens_seen=len(_counted_tokens(spec, corpus)),
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


def token_nlls(spec: RunSpec, corpus: Corpus, split: str) -> np.ndarray:
    """NLL in nats of each token of the spec's scored range of a split, by counts of its training tokens."""
    return _nlls(spec, split, corpus, _counted(spec, corpus))


def _counted_tokens(spec: RunSpec, corpus: Corpus) -> np.ndarray:
    return corpus.train[: spec.train.train_tokens or None]


def _counted(spec: RunSpec, corpus: Corpus) -> Counts:
    counted = ngram.fit(_counted_tokens(spec, corpus), spec.model.order, corpus.info.vocab_size)
    if not spec.model.cache:
        return counted
    return recency.fit(counted, corpus.valid[: scored_range(spec, len(corpus.valid)).stop], spec.model.cache)


def _nlls(spec: RunSpec, split: str, corpus: Corpus, model: Counts) -> np.ndarray:
    tokens = corpus.split(split)
    scored = scored_range(spec, len(tokens))
    return -model.log_probs(tokens[: scored.stop])[scored.start :]


def _score(spec: RunSpec, split: str, corpus: Corpus, model: Counts) -> Score:
    nlls = _nlls(spec, split, corpus, model)
    return summarise(spec, split, nlls, spec.model.context_length, 1, statistics.token_classes(corpus, split))
