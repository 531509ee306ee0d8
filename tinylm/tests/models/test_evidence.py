"""What counts say of each token: distributions, an independent recomputation, and no look at the token itself."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinylm.config import GatedCountsConfig
from tinylm.models import evidence, ngram, recency

VOCAB_SIZE = 4


def counts(order):
    return ngram.fit(np.random.default_rng(0).integers(VOCAB_SIZE, size=400), order, VOCAB_SIZE)


def text(n=60):
    return np.tile(np.random.default_rng(1).integers(VOCAB_SIZE, size=15), n // 15)


@pytest.mark.parametrize("caches", [(), (10,), (5, 20)])
@pytest.mark.parametrize("order", [1, 2, 5])
def test_what_is_read_of_a_token_is_what_was_known_after_its_history(order, caches):
    found, scored, config = evidence.read(counts(order), text(), caches), text(), GatedCountsConfig(order=order, caches=caches)
    for t in range(len(scored)):
        predictions, seen = evidence.after(counts(order), scored[:t], caches)
        assert predictions.shape == (config.n_predictions, VOCAB_SIZE) and seen.shape == (config.n_seen,)
        np.testing.assert_allclose(np.exp(found[t, : len(predictions)]), predictions[:, scored[t]], atol=1e-6)
        np.testing.assert_allclose(found[t, len(predictions) :], seen, atol=1e-6)


@given(st.lists(st.integers(0, VOCAB_SIZE - 1), max_size=30), st.integers(1, 4))
def test_each_prediction_sums_to_one_but_that_of_a_context_which_the_text_has_not_had(history, order):
    predictions, seen = evidence.after(counts(order), np.array(history, dtype=np.int64))
    had = np.concatenate([[True], seen[order:] > 0, [True] * (order - 1)])
    np.testing.assert_allclose(predictions.sum(1), had, atol=1e-9)


@given(st.lists(st.integers(0, VOCAB_SIZE - 1), max_size=30), st.integers(1, 4))
def test_so_does_each_share_of_a_cache(history, order):
    predictions, seen = evidence.after(counts(order), np.array(history, dtype=np.int64), (3, 10))
    had = np.concatenate([[True], seen[2 * (order - 1) :] > 0])
    np.testing.assert_allclose(predictions.sum(1), had, atol=1e-9)


def test_a_cache_is_that_of_counts_with_one_and_training_says_how_well_it_knows_a_history():
    model, scored = counts(3), text()
    found, recent = evidence.read(model, scored, (4, 20)), recency.sightings(scored, 3, 20, VOCAB_SIZE)
    np.testing.assert_allclose(found[:, 0], model.log_probs(scored), atol=1e-6)
    np.testing.assert_allclose(np.exp(found[:, 4:7]), np.maximum(recent.probs, evidence.LEAST), rtol=1e-5)
    table, last = model.tables[1], int(scored[29])
    np.testing.assert_allclose(found[30, [7, 9]], np.log1p([table.total[last], table.backoff[last]]), rtol=1e-6)
    np.testing.assert_allclose(found[30, 14:], np.log1p(recent.seen[30]), rtol=1e-6)


def test_counts_that_know_the_text_so_far_follow_their_formula():
    model, scored = counts(2), text()
    table, history = model.tables[1], scored[:40]
    last, below = int(history[-1]), model.tables[0]
    recent = np.bincount(history, minlength=VOCAB_SIZE)
    one = (below.total[0] * (below.followers(0, VOCAB_SIZE) + below.backoff[0] / VOCAB_SIZE) + recent) / (below.total[0] + 40)
    followers = np.bincount(history[1:][history[:-1] == last], minlength=VOCAB_SIZE)
    counted = table.total[last] * (table.followers(last, VOCAB_SIZE) + table.backoff[last] * one)
    np.testing.assert_allclose(evidence.after(model, history)[0][-1], (counted + followers) / (table.total[last] + followers.sum()))


@pytest.mark.parametrize("caches", [(), (4, 20)])
def test_later_tokens_change_nothing_before_them(caches):
    changed = text().copy()
    changed[30:] = 0
    np.testing.assert_array_equal(evidence.read(counts(3), text(), caches)[:30], evidence.read(counts(3), changed, caches)[:30])


def test_a_part_of_the_training_text_is_predicted_by_the_others_alone():
    train = np.random.default_rng(2).integers(VOCAB_SIZE, size=evidence.PARTS * 50)
    found = evidence.of_train(train, 3, VOCAB_SIZE, 1.0)
    assert len(found) == len(train)
    np.testing.assert_array_equal(found[:50], evidence.read(ngram.fit(train[50:], 3, VOCAB_SIZE), train[:50]))
    np.testing.assert_array_equal(found[-50:], evidence.read(ngram.fit(train[:-50], 3, VOCAB_SIZE), train[-50:]))
    near = evidence.of_train(train, 3, VOCAB_SIZE, 1.0, (7,))
    np.testing.assert_array_equal(near[:50], evidence.read(ngram.fit(train[50:], 3, VOCAB_SIZE), train[:50], (7,)))
