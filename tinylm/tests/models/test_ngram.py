"""n-grams: proper distributions, two independent recomputations, and the numbers of the real corpora."""

from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinylm import data
from tinylm.models import ngram


def markov_text(vocab_size: int, n_tokens: int, seed: int) -> np.ndarray:
    """A text whose n-grams repeat: each token is one of a few followers of the token before it."""
    rng = np.random.default_rng(seed)
    followers = rng.integers(vocab_size, size=(vocab_size, 4))
    text = [0]
    for choice in rng.geometric(0.4, size=n_tokens - 1):
        text.append(followers[text[-1], min(choice, 4) - 1])
    return np.array(text)


def slow_log_probs(train: list[int], test: list[int], order: int, vocab_size: int, discounts: list[tuple]) -> np.ndarray:
    """The same model from dictionaries of tuples, token by token, with the discounts given."""
    plain = [Counter(tuple(train[i : i + n]) for i in range(len(train) - n + 1)) for n in range(order + 1)]
    counts = [Counter(gram[1:] for gram in plain[n + 1]) for n in range(1, order)] + [plain[order]]
    totals, held_back = [defaultdict(float) for _ in counts], [defaultdict(float) for _ in counts]
    for level, grams in enumerate(counts):
        for gram, count in grams.items():
            totals[level][gram[:-1]] += count
            held_back[level][gram[:-1]] += discounts[level][min(count, 3) - 1]
    out = []
    for i in range(len(test)):
        prob = 1 / vocab_size
        for level in range(min(order, i + 1)):
            gram = tuple(test[i - level : i + 1])
            total = totals[level].get(gram[:-1], 0)
            if total > 0:
                count = counts[level].get(gram, 0)
                kept = count - discounts[level][min(count, 3) - 1] if count else 0
                prob = (kept + held_back[level][gram[:-1]] * prob) / total
        out.append(np.log(prob))
    return np.array(out)


@pytest.mark.parametrize("vocab_size", [1, 3, 65, 500])
@pytest.mark.parametrize("order", [0, 1, 2, 4, 8])
def test_distribution_sums_to_one_after_seen_and_unseen_histories(order, vocab_size):
    text = markov_text(vocab_size, 3000, seed=0)
    model = ngram.fit(text, order, vocab_size)
    rng = np.random.default_rng(1)
    seen = [text[i : i + 9] for i in rng.integers(text.size - 9, size=10)]
    unseen = [rng.integers(vocab_size, size=n) for n in range(10)]
    for history in [*seen, *unseen, text]:
        probs = model.distribution(history)
        assert probs.shape == (vocab_size,)
        assert probs.min() > 0
        assert probs.sum() == pytest.approx(1, abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=12), st.lists(st.integers(0, 4), max_size=9), st.integers(0, 8))
def test_tiny_texts_give_proper_distributions(text, history, order):
    probs = ngram.fit(np.array(text), order, 5).distribution(np.array(history))
    assert probs.min() > 0
    assert probs.sum() == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("order", [0, 1, 2, 5])
def test_log_probs_are_the_logs_of_the_distributions(order):
    model = ngram.fit(markov_text(30, 2000, seed=0), order, 30)
    tokens = np.append(markov_text(30, 150, seed=0)[-100:], np.random.default_rng(2).integers(30, size=50))
    expected = [np.log(model.distribution(tokens[:i])[token]) for i, token in enumerate(tokens)]
    np.testing.assert_allclose(model.log_probs(tokens), expected, rtol=1e-12)


def test_bigram_worked_by_hand():
    # Bigrams of 0 1 0 2 0 1: (0 1) twice, (1 0), (0 2), (2 0) once; left neighbours of 0, 1, 2: two, one, one.
    # Too few for estimated discounts, so 1/2, 1, 3/2. Unigrams: (2 - 1)/4, (1 - 1/2)/4 and 2/4 of the uniform 1/4.
    model = ngram.fit(np.array([0, 1, 0, 2, 0, 1]), 2, 4)
    unigram = np.array([3, 2, 2, 1]) / 8
    np.testing.assert_allclose(model.distribution(np.array([3])), unigram)
    # After 0: three bigrams, of which 1 + 1/2 is held back.
    np.testing.assert_allclose(model.distribution(np.array([0])), np.array([0, 1, 1 / 2, 0]) / 3 + unigram / 2)
    np.testing.assert_allclose(np.exp(model.log_probs(np.array([0, 1, 3]))), [3 / 8, 1 / 3 + 1 / 8, 1 / 16])


@pytest.mark.parametrize(("order", "vocab_size"), [(1, 40), (2, 40), (3, 400), (6, 12)])
def test_agrees_with_dictionaries_of_tuples(order, vocab_size):
    train, test = markov_text(vocab_size, 4000, seed=3), markov_text(vocab_size, 500, seed=4)
    model = ngram.fit(train, order, vocab_size)
    expected = slow_log_probs(train.tolist(), test.tolist(), order, vocab_size, [table.discounts for table in model.tables])
    np.testing.assert_allclose(model.log_probs(test), expected, rtol=1e-10)


def test_orders_zero_and_one_are_uniform_and_unigram():
    text = np.repeat(np.arange(4, dtype=np.uint16), [1000, 500, 250, 250])
    np.testing.assert_allclose(ngram.fit(text, 0, 5).log_probs(text), -np.log(5))
    unigram = ngram.fit(text, 1, 5).distribution(np.array([3]))
    np.testing.assert_allclose(unigram, [0.5, 0.25, 0.125, 0.125, 0], atol=2e-3)
    assert unigram[4] == pytest.approx(4 * 1.5 / 2000 / 5)


def test_discounts_follow_the_counts_of_counts_or_fall_back():
    assert ngram.estimate_discounts(np.array([1, 1, 1, 1, 2, 2, 3, 4])) == (0.5, 1.25, 1.0)
    assert ngram.estimate_discounts(np.array([1, 1, 2, 3, 9])) == ngram.FALLBACK_DISCOUNTS
    rising = np.repeat([1, 2, 3, 4], [5, 5, 5, 50])
    assert ngram.estimate_discounts(rising) == ngram.FALLBACK_DISCOUNTS


def test_the_largest_codes_do_not_overflow():
    text = np.random.default_rng(0).integers(33_278, size=20_000, dtype=np.uint16)
    text[:8] = 33_277
    model = ngram.fit(text, 8, 33_278)
    assert model.tables[-1].codes.size == text.size - 7 + 1  # every 8-gram is distinct, and the sentinel
    assert model.distribution(text[:7])[33_277] > 0.1 / 33_278
    assert np.isfinite(model.log_probs(text)).all()


@pytest.mark.parametrize(
    ("tokens", "order", "vocab_size", "message"),
    [
        ([0, 1], 9, 2, "order must be 0 to 8, got 9"),
        ([0, 1], -1, 2, "order must be 0 to 8, got -1"),
        ([], 2, 2, "training text is empty"),
        ([0, 2], 2, 2, "token id 2 is outside the vocabulary of 2"),
        ([-1, 1], 2, 2, "token id -1 is outside"),
        ([0, 1], 2, 0, "vocab_size must be at least 1"),
        ([[0, 1]], 2, 2, "flat array"),
        ([0.0, 1.0], 2, 2, "integer ids"),
    ],
)
def test_fit_names_the_mistake(tokens, order, vocab_size, message):
    with pytest.raises(ngram.NgramError, match=message):
        ngram.fit(np.array(tokens), order, vocab_size)


def test_scoring_names_a_foreign_token_and_takes_an_empty_text():
    model = ngram.fit(np.array([0, 1, 0]), 3, 2)
    with pytest.raises(ngram.NgramError, match="token id 2"):
        model.log_probs(np.array([0, 2]))
    with pytest.raises(ngram.NgramError, match="token id 2"):
        model.distribution(np.array([2]))
    assert model.log_probs(np.array([], dtype=np.uint16)).size == 0


# Counting is deterministic: the tolerance is the rounding of the number written here. The literature's perplexity of KN-5 on
# Penn Treebank is 141: log 141 = 4.949. The last three rows are the paper's slices and training texts.
@pytest.mark.parametrize(
    ("corpus", "order", "train_tokens", "split", "start", "n_tokens", "nll"),
    [
        ("tiny_shakespeare", 6, None, "test", 0, None, 1.6924),
        ("tiny_shakespeare", 6, None, "valid", 0, None, 1.4882),
        ("ptb-eos", 5, None, "test", 0, None, 4.9492),
        ("wikitext-2-eos", 5, None, "test", 0, None, 5.3836),
        ("tiny_shakespeare", 6, None, "test", 128, 10_000, 1.6579),
        ("ptb", 5, 80_000, "test", 64, 19_935, 5.7624),
        ("wikitext-2", 5, 80_000, "test", 64, 19_935, 6.4439),
    ],
)
def test_numbers_of_the_real_corpora(corpus, order, train_tokens, split, start, n_tokens, nll):
    if not data.available(corpus):
        pytest.skip(f"no files of {corpus}: set TINYLM_DATA or fill datasets/")
    texts = data.load(corpus)
    model = ngram.fit(texts.train[:train_tokens], order, len(texts.vocab))
    log_probs = model.log_probs(texts.split(split))[start:][:n_tokens]
    assert -log_probs.mean() == pytest.approx(nll, abs=6e-5)


def test_scaled_discounts_still_give_a_distribution_and_one_changes_nothing():
    tokens = np.random.default_rng(0).integers(5, size=400)
    plain, same, larger = (ngram.fit(tokens, 3, 5, scale) for scale in (1.0, 1.0, 1.3))
    assert all((a.share == b.share).all() for a, b in zip(plain.tables, same.tables, strict=True))
    assert larger.distribution(tokens[:7]).sum() == pytest.approx(1) and larger.distribution(tokens[:7]).min() > 0
    assert larger.tables[-1].discounts[0] == pytest.approx(min(1.3 * plain.tables[-1].discounts[0], 1 - ngram.LEAST_KEPT))
    assert ngram.scaled((0.9, 1.9, 2.9), 2.0) == pytest.approx((0.999, 1.999, 2.999))
