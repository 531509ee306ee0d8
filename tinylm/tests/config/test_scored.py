import pytest
from hypothesis import given
from hypothesis import strategies as st
from specs import LINEAR, MLP, SIZES, TRANSFORMER, spec

from tinylm import data
from tinylm.config import ConfigError, NgramConfig, RunSpec, TrainConfig, TransformerConfig
from tinylm.config.scored import check_scoring, eval_context, scored_range


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
    with pytest.raises(
        ConfigError, match="^context_length=8 leaves nothing to score: valid or test of markov has 8 tokens; give context_length=7 or less"
    ):
        scored_range(spec(), 8)
    with pytest.raises(ConfigError, match="eval_start=7 leaves the first window short of its 8 tokens; raise it"):
        scored_range(spec(eval_start=7), 100)
    with pytest.raises(ConfigError, match="^eval_start=20 leaves nothing to score: .* 9 tokens; give eval_start=8 or less"):
        scored_range(spec(loss_at="all", eval_start=20), 9)
    with pytest.raises(ConfigError, match="^eval_context=6 leaves nothing to score: .* 5 tokens; give eval_context=4 or less"):
        scored_range(spec(loss_at="all", eval_context=6), 5)
    with pytest.raises(ConfigError, match="1 token; take a longer text$"):
        scored_range(spec(), 1)
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
