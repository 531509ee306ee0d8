import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from specs import LINEAR, MLP, SIZES, TRANSFORMER, spec

from tinylm import data
from tinylm.config import ConfigError, NgramConfig, RunSpec, TrainConfig, TransformerConfig
from tinylm.ledger.scores import BLOCK_SIZE, block_bootstrap_se, check_scoring, class_means, eval_context, scored_range, summarise


@given(context=st.integers(0, 8), start=st.integers(0, 60), tokens=st.integers(0, 60), n_split=st.integers(0, 60))
def test_the_scored_range_lies_in_the_split_after_its_start(context, start, tokens, n_split):
    planned = spec(loss_at="all", eval_context=context, eval_start=start, eval_tokens=tokens)
    first = start or context or TRANSFORMER.context_length
    if first >= n_split:
        with pytest.raises(ConfigError):
            scored_range(planned, n_split)
        return
    expected = scored_range(planned, n_split)
    assert expected.start == first
    assert expected.stop == (min(first + tokens, n_split) if tokens else n_split)


def test_errors_name_the_mend():
    with pytest.raises(ConfigError, match="markov has 8 tokens and scoring starts at token 8; take a longer text, or lower"):
        scored_range(spec(), 8)
    with pytest.raises(ConfigError, match="eval_start=7 leaves the first window short of its 8 tokens; raise it"):
        scored_range(spec(eval_start=7), 100)
    assert scored_range(spec(loss_at="all", eval_start=7, eval_tokens=0), 100) == range(7, 100)


def test_counts_need_no_window():
    assert scored_range(spec(NgramConfig(order=0), eval_tokens=0), 9) == range(9)
    assert scored_range(spec(NgramConfig(order=3), eval_start=8, eval_tokens=0), 9) == range(8, 9)
    assert eval_context(spec(NgramConfig(order=3))) == 2


@pytest.mark.parametrize("settings", [{"eval_context": 9}, {"eval_stride": 9}, {"eval_context": 4, "eval_stride": 5}, {"eval_start": 599}])
def test_what_cannot_be_scored_is_refused_before_training(settings):
    with pytest.raises(ConfigError):
        check_scoring(spec(**settings), SIZES)


@pytest.mark.parametrize("model", [LINEAR, MLP])
def test_linear_and_mlp_score_one_token_after_a_full_window(model):
    check_scoring(spec(model), SIZES)
    with pytest.raises(ConfigError, match="reads exactly 4 tokens; set eval_context=0"):
        check_scoring(spec(model, eval_context=3), SIZES)


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


@pytest.mark.parametrize("context", [128, 256, 512])
@pytest.mark.parametrize("corpus", ["tiny_shakespeare", "tiny_shakespeare-plays"])
def test_a_full_split_is_scored_but_for_its_first_window(context, corpus):
    n_tokens = data.info(corpus).n_tokens
    whole = TrainConfig(steps=1, loss_at="all", eval_stride=64, eval_context=context)
    dense = RunSpec(corpus=corpus, model=TransformerConfig(context_length=512), train=whole)
    check_scoring(dense, n_tokens)
    counts = RunSpec(corpus=corpus, model=NgramConfig(order=6), train=TrainConfig(epochs=1, eval_start=context))
    for split in ("valid", "test"):
        assert len(scored_range(dense, n_tokens[split])) == n_tokens[split] - context
        assert scored_range(counts, n_tokens[split]) == scored_range(dense, n_tokens[split])
