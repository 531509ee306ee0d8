"""Counts mixed with recent text: proper distributions, an independent recomputation, and what recent text is worth."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from specs import spec

from tinylm.config import ConfigError, NgramConfig
from tinylm.evaluation.counts import count_record
from tinylm.models import ngram, recency


def model(order=3, size=40, vocab_size=5):
    rng = np.random.default_rng(0)
    counts = ngram.fit(rng.integers(vocab_size, size=500), order, vocab_size)
    return recency.fit(counts, np.tile(rng.integers(vocab_size, size=30), 10), size)


@given(st.lists(st.integers(0, 2), max_size=40), st.integers(1, 4), st.integers(1, 50))
def test_sightings_are_what_a_scan_of_the_last_tokens_finds(text, order, size):
    found = recency.sightings(np.array(text, dtype=np.uint16), order, size, 3)
    for t, token in enumerate(text):
        for n in range(order):
            places = [s for s in range(max(0, t - size), t) if n <= s and n <= t and text[s - n : s] == text[t - n : t]]
            assert found.seen[t, n] == len(places)
            assert found.probs[t, n] == pytest.approx(sum(text[s] == token for s in places) / max(1, len(places)))


@pytest.mark.parametrize("history", [[5], [-1], [0, 1.5], [[0, 1]], ["a"]])
def test_what_are_no_ids_is_said_as_of_counts_alone(history):
    for counts in (model(), model().counts):
        for ask in (counts.distribution, counts.log_probs):
            with pytest.raises(ngram.NgramError, match="encode"):
                ask(np.array(history))


def test_probabilities_sum_to_one_after_every_history():
    mixed = model()
    rng = np.random.default_rng(1)
    for n in (0, 1, 2, 7, 60, 200):
        history = rng.integers(5, size=n)
        probs = np.exp([mixed.log_probs(np.append(history, token))[-1] for token in range(5)])
        assert probs.min() > 0
        assert probs.sum() == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("size", [3, 40, 10**9])
def test_all_distributions_of_a_text_are_those_after_each_history(size):
    mixed, text = model(size=size), np.random.default_rng(4).integers(5, size=120)
    for counts in (mixed, mixed.counts):
        found = counts.distributions(text)
        assert found.shape == (120, 5)
        np.testing.assert_allclose(found, [counts.distribution(text[:n]) for n in range(120)], rtol=1e-5)
        np.testing.assert_allclose(np.log(found[np.arange(120), text]), counts.log_probs(text), rtol=1e-5)


def test_later_tokens_do_not_change_a_score():
    mixed, text = model(), np.random.default_rng(2).integers(5, size=100)
    changed = text.copy()
    changed[60:] = 0
    np.testing.assert_allclose(mixed.log_probs(text)[:60], mixed.log_probs(changed)[:60], rtol=1e-12)


def test_fitted_weights_are_the_best_for_their_text():
    rng = np.random.default_rng(3)
    held_out = np.where(rng.random(6000) < 0.7, np.tile(rng.integers(5, size=60), 100), rng.integers(5, size=6000))
    fitted = recency.fit(model().counts, held_out, 40)
    best = fitted.log_probs(held_out).mean()
    for _ in range(20):
        weights = fitted.weights * rng.uniform(0.8, 1.25, size=fitted.weights.shape)
        other = recency.RecencyModel(fitted.counts, 40, weights / weights.sum(1, keepdims=True))
        assert other.log_probs(held_out).mean() < best + 1e-3


def test_a_cache_finds_what_the_counts_have_not_seen(corpus):
    """Valid and test say one random line over and over, which train lacks."""
    line = np.random.default_rng(4).integers(11, size=50).astype(np.uint16)
    repeating = dataclasses.replace(corpus, valid=np.tile(line, 10), test=np.tile(line[::-1], 12))
    train = {"epochs": 1, "eval_start": 60, "eval_tokens": 0}
    plain, cached, short = (count_record(spec(NgramConfig(order=3, cache=size), **train), repeating) for size in (0, 100, 20))
    assert cached.test.nll < 0.5 < 2 < plain.test.nll
    assert short.test.nll > 1.5, "the line is longer than this cache"
    assert cached.n_params == plain.n_params + 4 * 10
    assert cached.flops == 0


def test_a_cache_needs_an_order():
    with pytest.raises(ConfigError, match="order of at least 1"):
        NgramConfig(order=0, cache=9)
    assert NgramConfig(order=5, cache=2048).title == "KN-5 + cache 2,048"
