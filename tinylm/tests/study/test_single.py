import pytest

from tinylm import data, flops
from tinylm.config import ConfigError, LinearConfig, MLPConfig, NgramConfig, TransformerConfig
from tinylm.study import single

SMALL = TransformerConfig(context_length=32, n_layer=1, d_model=16, d_ff=32)


def scoring_flops(spec):
    """Forward FLOPs of all that a run scores: valid at each validation, test at the end."""
    stride, start = spec.train.eval_stride, spec.train.eval_start
    window = sum(flops.forward_parts(spec.model, data.vocab_size(spec.corpus), stride, stride).values())
    tokens = spec.train.eval_tokens or data.info(spec.corpus).n_tokens["test"] - start
    return (spec.train.n_evals + 1) * window * -(-tokens // stride)


@pytest.mark.parametrize("model", [SMALL, TransformerConfig(), MLPConfig(context_length=8, d_model=8, d_hidden=16)])
@pytest.mark.parametrize("budget", [10**10, 10**11, 10**12])
def test_scoring_costs_at_most_a_quarter_of_training(model, budget):
    spec = single.spec("tiny_shakespeare", model, flops=budget)
    assert scoring_flops(spec) <= 0.25 * flops.run_cost(spec, data.info(spec.corpus)).flops
    assert spec.train.eval_stride == (model.context_length // 2 if model.predicts_every_position else 1)


def test_models_of_one_text_are_scored_from_the_same_token_on():
    starts = {single.spec("grammar-char", model, flops=10**10).train.eval_start for model in (SMALL, LinearConfig(context_length=8))}
    assert starts == {256}


def test_where_all_of_a_split_is_paid_for_all_of_it_is_scored():
    assert single.spec("grammar-char", SMALL, flops=10**12).train.eval_tokens == 0
    assert single.spec("grammar-char", SMALL, flops=10**9).train.eval_tokens >= single.LEAST_SCORED


def test_what_is_said_comes_before_the_protocol():
    spec = single.spec("grammar-char", SMALL, flops=10**10, eval_stride=1, eval_tokens=700, lr=1e-2, optimizer="adam")
    assert (spec.train.eval_stride, spec.train.eval_tokens, spec.train.lr, spec.train.optimizer) == (1, 700, 1e-2, "adam")


def test_the_papers_protocol_is_one_argument_away():
    spec = single.spec("grammar-char", SMALL, protocol="paper", epochs=3)
    train = spec.train
    assert (train.loss_at, train.optimizer, train.lr, train.eval_stride, train.eval_tokens, train.n_evals) == (
        "last",
        "adam",
        3e-4,
        1,
        10_000,
        3,
    )
    with pytest.raises(ConfigError, match="papr"):
        single.spec("grammar-char", SMALL, protocol="papr")


def test_counts_are_scored_on_the_whole_split_and_without_a_bound_there_is_one_epoch():
    spec = single.spec("grammar-char", NgramConfig(order=3))
    assert (spec.train.eval_tokens, spec.train.eval_start, spec.train.epochs) == (0, 256, 1)


def test_a_recipe_is_the_studys_own_run():
    run = single.of_recipe("transformer", "tiny_shakespeare", 1e11, seed=2)
    assert run.spec.seed == 2 and run.budget == 10**11 and run.role == "single"
