import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from specs import spec

from tinylm.ledger.scores import BLOCK_SIZE, block_bootstrap_se, class_means, summarise


@pytest.mark.parametrize("n_tokens", [1, 249, 250, 251, 1000, 1234])
def test_a_score_is_the_mean_over_tokens(n_tokens):
    nll_N = np.random.default_rng(0).gamma(2.0, size=n_tokens).astype(np.float32)
    score = summarise(spec(eval_start=20, eval_stride=2), "test", nll_N, 7, 2)
    assert score.nll == pytest.approx(nll_N.astype(np.float64).mean(), rel=1e-12)
    assert (score.split, score.n_tokens, score.start, score.stride, score.min_context) == ("test", n_tokens, 20, 2, 7)
    assert len(score.blocks) == -(-n_tokens // BLOCK_SIZE)
    means = [nll_N[i : i + BLOCK_SIZE].mean() for i in range(0, n_tokens, BLOCK_SIZE)]
    assert score.blocks == pytest.approx(means, abs=1e-5)


def test_a_score_starts_after_the_context_unless_told():
    assert summarise(spec(), "valid", np.ones(3, np.float32), 8, 1).start == 8


def test_the_block_error_is_the_analytic_one():
    """Blocks of equal size: the bootstrap's variance is the variance of the block means over their number."""
    means = np.random.default_rng(1).normal(2.0, 0.3, size=40)
    error = block_bootstrap_se(means * BLOCK_SIZE, np.full(40, BLOCK_SIZE))
    assert error == pytest.approx(means.std() / 40**0.5, rel=0.04)


def test_the_block_error_of_correlated_tokens_exceeds_the_naive_one():
    slow = np.repeat(np.random.default_rng(2).normal(2.0, 0.3, size=40), BLOCK_SIZE)
    score = summarise(spec(), "test", slow, 8, 1)
    assert score.se == pytest.approx(0.3 / 40**0.5, rel=0.3)
    assert score.se > 10 * slow.std() / len(slow) ** 0.5


def test_the_block_error_is_the_same_every_time():
    nll_N = np.random.default_rng(3).gamma(2.0, size=2600)
    assert summarise(spec(), "test", nll_N, 8, 1) == summarise(spec(), "test", nll_N, 8, 1)


@given(n=st.integers(1, 400), start=st.integers(8, 20))
def test_the_classes_add_up_to_the_score(n, start):
    rng = np.random.default_rng(n)
    nll_N, labels = rng.gamma(2.0, size=n), rng.integers(3, size=start + n + 5)
    score = summarise(spec(eval_start=start), "test", nll_N, 8, 1, (labels, ("a", "b", "never", "c")))
    assert "c" not in score.parts  # a class without a token has no mean
    assert sum(count for count, _ in score.parts.values()) == n
    assert sum(count * nll for count, nll in score.parts.values()) / n == pytest.approx(score.nll, rel=1e-12)


def test_a_class_holds_its_own_tokens():
    score = summarise(spec(eval_start=8), "test", np.array([1.0, 2.0, 4.0]), 8, 1, (np.array([9] * 8 + [1, 0, 1]), ("x", "y")))
    assert score.parts == {"x": [1, 2.0], "y": [2, 2.5]}
    assert class_means(np.ones(2), np.zeros(2), ()) == {}
