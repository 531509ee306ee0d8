"""What a trained model gains from context at test time: longer windows, a neural cache, dynamic evaluation; settings chosen on valid."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tinylm.config import ModelConfig, RunSpec
from tinylm.data import Corpus
from tinylm.evaluation import generate
from tinylm.evaluation.adaptive import (
    Adapted,
    DynamicConfig,
    NeuralCacheConfig,
    choose,
    dynamic,
    mean_squares,
    neural_cache,
    states,
    static,
)
from tinylm.ledger import scores
from tinylm.models.networks import LanguageModel

CHOOSING_TOKENS = 10_000  # of valid
START = 1024  # the first scored token: all methods score the same ones
CONTEXTS = (2, 4)  # times the trained one
CACHE_SIZES, CACHE_THETAS, CACHE_SHARES = (300, 1_000, 4_000, 16_000, 64_000), (0.005, 0.01, 0.02, 0.05), (0.03, 0.1, 0.2, 0.3)
SGD_RATES, RMS_RATES, RMS_DECAYS = (1e-3, 3e-3, 1e-2, 3e-2), (1e-5, 3e-5, 1e-4), (0.0, 1e-3)
SEGMENTS_PER_CONTEXT = 4  # dynamic evaluation takes a step after each
SQUARED_SEGMENTS = 300  # of training text, from which the rule rms knows how large gradients are


@dataclass(frozen=True)
class Subject:
    """A trained run whose weights lie in a file, and its corpus."""

    spec: RunSpec
    corpus: Corpus
    weights: Path

    def scored(self, split: str, **train: Any) -> RunSpec:
        """The spec that scores a split from START on, the beginning of valid only, with changes of its training's fields."""
        n_tokens = CHOOSING_TOKENS if split == "valid" else self.spec.train.eval_tokens
        return replace(self.spec, train=replace(self.spec.train, eval_start=START, eval_tokens=n_tokens, **train))

    def model(self, config: ModelConfig) -> LanguageModel:
        """The weights in a model of this shape."""
        return generate.load_model(replace(self.spec, model=config), self.corpus, self.weights)

    def ids(self, split: str) -> Tensor:
        """The split as a tensor (n,) of int32."""
        return torch.from_numpy(self.corpus.split(split).astype(np.int32))


@dataclass(frozen=True)
class Outcome:
    """A method with its chosen settings, the test NLLs it gives, and the FLOPs that choosing and scoring took."""

    method: str
    settings: dict[str, Any]
    nll_N: np.ndarray
    flops_chosen: int
    flops: int


def facts(subject: Subject) -> dict[str, Any]:
    """The tokens that every method scores, and for each method its settings, test NLL, gain over static scoring, and FLOPs."""
    base = _static(subject)
    outcomes = [base, _longer(subject), _cache(subject), _dynamic(subject)]
    return {"n_tokens": len(base.nll_N), "start": START, "methods": [_facts(outcome, base) for outcome in outcomes]}


def _facts(outcome: Outcome, static: Outcome) -> dict[str, Any]:
    """An outcome in numbers; `gain` is the static NLL minus its own, with the standard error of blocks of text."""
    gains = static.nll_N.astype(np.float64) - outcome.nll_N
    starts = np.arange(0, len(gains), scores.BLOCK_SIZE)
    sums, sizes = np.add.reduceat(gains, starts), np.diff(np.append(starts, len(gains)))
    facts = {"method": outcome.method, "settings": outcome.settings, "nll": float(outcome.nll_N.mean(dtype=np.float64))}
    facts |= {"gain": float(gains.mean()), "gain_se": scores.block_bootstrap_se(sums, sizes)}
    return facts | {"flops_chosen": outcome.flops_chosen, "flops_per_token": outcome.flops / len(gains)}


def _static(subject: Subject) -> Outcome:
    scored = _static_score(subject, subject.spec.model, "test")
    return Outcome("static", {}, scored.nll_N, 0, scored.flops)


def _static_score(subject: Subject, config: ModelConfig, split: str) -> Adapted:
    return static(subject.model(config), subject.ids(split), replace(subject.scored(split), model=config))


def _longer(subject: Subject) -> Outcome:
    """Windows longer than those of training: rotations are defined for any distance, though none so large was trained."""
    configs = [replace(subject.spec.model, context_length=times * subject.spec.model.context_length) for times in CONTEXTS]
    best, flops = choose(lambda config: _static_score(subject, config, "valid"), configs)
    scored = _static_score(subject, best, "test")
    return Outcome("longer windows", {"context_length": best.context_length}, scored.nll_N, flops, scored.flops)


def _cache(subject: Subject) -> Outcome:
    model = subject.model(subject.spec.model)
    seen = {split: states(model, subject.ids(split), subject.scored(split)) for split in ("valid", "test")}
    grid = itertools.product(CACHE_SIZES, CACHE_THETAS, CACHE_SHARES)
    candidates = [NeuralCacheConfig(size=size, theta=theta, share=share) for size, theta, share in grid]
    found = _chosen("neural cache", candidates, lambda split, settings: neural_cache(seen[split], settings))
    return replace(found, flops_chosen=found.flops_chosen - (len(candidates) - 1) * seen["valid"].flops)  # the model read valid once


def _dynamic(subject: Subject) -> Outcome:
    model, stride = subject.model(subject.spec.model), subject.spec.model.context_length // SEGMENTS_PER_CONTEXT
    squares, flops = mean_squares(model, subject.ids("train"), subject.scored("valid", eval_stride=stride), SQUARED_SEGMENTS)
    candidates = [DynamicConfig(rule="sgd", lr=lr) for lr in SGD_RATES]
    candidates += [DynamicConfig(rule="rms", lr=lr, decay=decay) for lr in RMS_RATES for decay in RMS_DECAYS]

    def score(split: str, settings: DynamicConfig) -> Adapted:
        return dynamic(model, subject.ids(split), subject.scored(split, eval_stride=stride), settings, squares)

    found = _chosen("dynamic evaluation", candidates, score)
    return replace(found, flops_chosen=found.flops_chosen + flops)


def _chosen(method: str, candidates: Sequence[Any], score: Callable[[str, Any], Adapted]) -> Outcome:
    """The candidate that is best on valid, scored on test."""
    best, flops = choose(lambda settings: score("valid", settings), candidates)
    scored = score("test", best)
    return Outcome(method, asdict(best), scored.nll_N, flops, scored.flops)
