"""What counts say of each token: distributions, an independent recomputation, and no look at the token itself."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinylm.models import evidence, ngram

VOCAB_SIZE = 4


def counts(order):
    return ngram.fit(np.random.default_rng(0).integers(VOCAB_SIZE, size=400), order, VOCAB_SIZE)


def text(n=60):
    return np.tile(np.random.default_rng(1).integers(VOCAB_SIZE, size=15), n // 15)


@pytest.mark.parametrize("order", [1, 2, 5])
def test_what_is_read_of_a_token_is_what_was_known_after_its_history(order):
    found, scored = evidence.read(counts(order), text()), text()
    for t in range(len(scored)):
        predictions, seen = evidence.after(counts(order), scored[:t])
        assert predictions.shape == (evidence.n_predictions(order), VOCAB_SIZE) and seen.shape == (evidence.n_seen(order),)
        np.testing.assert_allclose(np.exp(found[t, : len(predictions)]), predictions[:, scored[t]], atol=1e-6)
        np.testing.assert_allclose(found[t, len(predictions) :], seen, atol=1e-6)


@given(st.lists(st.integers(0, VOCAB_SIZE - 1), max_size=30), st.integers(1, 4))
def test_each_prediction_sums_to_one_but_that_of_a_context_which_the_text_has_not_had(history, order):
    predictions, seen = evidence.after(counts(order), np.array(history, dtype=np.int64))
    had = np.concatenate([[True], seen[order:] > 0, [True] * (order - 1)])
    np.testing.assert_allclose(predictions.sum(1), had, atol=1e-9)


def test_counts_that_know_the_text_so_far_follow_their_formula():
    model, scored = counts(2), text()
    table, history = model.tables[1], scored[:40]
    last, below = int(history[-1]), model.tables[0]
    recent = np.bincount(history, minlength=VOCAB_SIZE)
    one = (below.total[0] * (below.followers(0, VOCAB_SIZE) + below.backoff[0] / VOCAB_SIZE) + recent) / (below.total[0] + 40)
    followers = np.bincount(history[1:][history[:-1] == last], minlength=VOCAB_SIZE)
    counted = table.total[last] * (table.followers(last, VOCAB_SIZE) + table.backoff[last] * one)
    np.testing.assert_allclose(evidence.after(model, history)[0][-1], (counted + followers) / (table.total[last] + followers.sum()))


def test_later_tokens_change_nothing_before_them():
    changed = text().copy()
    changed[30:] = 0
    np.testing.assert_array_equal(evidence.read(counts(3), text())[:30], evidence.read(counts(3), changed)[:30])


def test_a_part_of_the_training_text_is_predicted_by_the_others_alone():
    train = np.random.default_rng(2).integers(VOCAB_SIZE, size=evidence.PARTS * 50)
    found = evidence.of_train(train, 3, VOCAB_SIZE, 1.0)
    assert len(found) == len(train)
    np.testing.assert_array_equal(found[:50], evidence.read(ngram.fit(train[50:], 3, VOCAB_SIZE), train[:50]))
    np.testing.assert_array_equal(found[-50:], evidence.read(ngram.fit(train[:-50], 3, VOCAB_SIZE), train[-50:]))
