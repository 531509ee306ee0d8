from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from specs import TRANSFORMER, spec

from tinylm.evaluation.adaptive import States
from tinylm.evaluation.probes import trials
from tinylm.ledger import scores


def test_settings_are_chosen_on_valid_alone(tmp_path, monkeypatch):
    asked = []

    def score(split, settings):
        asked.append((split, settings))
        return trials.Adapted(torch.tensor([float(settings)]).numpy(), 10)

    found = trials._chosen("a method", [_Number(3), _Number(1), _Number(2)], lambda split, number: score(split, number.value))
    assert found.settings == {"value": 1} and found.flops_chosen == 30 and found.flops == 10
    assert asked == [("valid", 3), ("valid", 1), ("valid", 2), ("test", 1)]


@trials.dataclass(frozen=True)
class _Number:
    value: float


@pytest.fixture
def subject(corpus):
    """A trained run whose weights nobody opens."""
    return trials.Subject(spec(replace(TRANSFORMER, position="rope"), eval_tokens=50, eval_stride=2), corpus, Path("none"))


def test_every_method_scores_the_same_tokens_and_chooses_on_the_beginning_of_valid(subject):
    test, valid = subject.scored("test").train, subject.scored("valid", eval_stride=4).train
    assert (test.eval_start, test.eval_tokens, test.eval_stride) == (trials.START, 50, 2)
    assert (valid.eval_start, valid.eval_tokens, valid.eval_stride) == (trials.START, trials.CHOOSING_TOKENS, 4)
    assert subject.ids("test").tolist() == subject.corpus.test.tolist()


def outcome(nll_N, **fields):
    return trials.Outcome(**{"method": "a method", "settings": {}, "flops_chosen": 5, "flops": 4_000} | fields, nll_N=np.float32(nll_N))


def test_a_gain_is_what_a_method_takes_off_each_token():
    static_N = np.random.default_rng(0).exponential(size=2_000)
    even = trials._facts(outcome(static_N - 0.25), outcome(static_N))
    assert even["gain"] == pytest.approx(0.25, abs=1e-6) and even["gain_se"] < 1e-6, "the tokens' own spread is no part of a gain's"
    assert even["nll"] == pytest.approx(static_N.mean() - 0.25, abs=1e-6)
    assert (even["flops_per_token"], even["flops_chosen"]) == (2.0, 5)
    uneven_N = np.where(np.arange(2_000) // scores.BLOCK_SIZE % 2, 0.5, 0.0)  # blocks of text that gain, and blocks that do not
    uneven = trials._facts(outcome(static_N - uneven_N), outcome(static_N))
    assert uneven["gain"] == pytest.approx(uneven_N.mean(), abs=1e-6) and uneven["gain_se"] > 0.05


def test_a_longer_window_is_chosen_on_valid_and_scored_on_test(subject, monkeypatch):
    asked = []

    def score(subject, config, split):
        asked.append((config.context_length, split))
        return trials.Adapted(np.array([3.0 / config.context_length]), 10)

    monkeypatch.setattr(trials, "_static_score", score)
    found = trials._longer(subject)
    assert asked == [(16, "valid"), (32, "valid"), (32, "test")]
    assert found.settings == {"context_length": 32} and (found.flops_chosen, found.flops) == (20, 10)


def test_the_model_reads_valid_once_however_many_caches_are_tried(subject, monkeypatch):
    monkeypatch.setattr(trials.Subject, "model", lambda subject, config: None)
    monkeypatch.setattr(trials, "states", lambda model, ids, spec: States(torch.zeros(1), torch.zeros(1), np.zeros(1), 1_000))
    monkeypatch.setattr(trials, "neural_cache", lambda seen, settings: trials.Adapted(np.array([settings.share]), seen.flops + 7))
    for name, values in {"CACHE_SIZES": (10, 20), "CACHE_THETAS": (0.1,), "CACHE_SHARES": (0.2, 0.1)}.items():
        monkeypatch.setattr(trials, name, values)
    found = trials._cache(subject)
    assert found.settings == {"size": 10, "theta": 0.1, "share": 0.1}
    assert found.flops_chosen == 1_000 + 4 * 7 and found.flops == 1_000 + 7
