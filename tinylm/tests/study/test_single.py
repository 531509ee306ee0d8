from dataclasses import replace

import pytest

from tinylm import data, flops, study
from tinylm.config import ConfigError, LinearConfig, MLPConfig, NgramConfig, TransformerConfig
from tinylm.flops import scoring_flops
from tinylm.study import recipes, single

SMALL = TransformerConfig(context_length=32, n_layer=1, d_model=16, d_ff=32)


@pytest.mark.parametrize("model", [SMALL, TransformerConfig(), MLPConfig(context_length=8, d_model=8, d_hidden=16)])
@pytest.mark.parametrize("steps", [1, 30, 1_000, 30_000])
@pytest.mark.parametrize(
    "own", [{}, {"eval_stride": 1}, {"eval_tokens": 1_500}, {"n_evals": 30}, {"loss_at": "last"}, {"n_evals": 2, "eval_start": 300}]
)
def test_scoring_costs_no_more_than_its_share_unless_so_little_is_scored_already(model, steps, own):
    spec = single.spec("tiny_shakespeare", model, steps=steps, **own)
    info, train = data.info(spec.corpus), spec.train
    assert {name: getattr(train, name) for name in own} == own
    share = flops.scoring_flops(spec, info) / flops.run_cost(spec, info).flops
    is_least = train.eval_tokens == single.LEAST_SCORED or "eval_tokens" in own
    assert share <= single.SCORING or (is_least and train.n_evals == own.get("n_evals", 1))
    assert train.eval_stride == own.get("eval_stride", model.context_length // 2 if train.loss_at == "all" else 1)


def test_where_validations_or_tokens_are_set_the_others_are_chosen_to_fit():
    def train(**own):
        return single.spec("tiny_shakespeare", SMALL, flops=2 * 10**10, **own).train

    assert train(n_evals=50).eval_tokens < train().eval_tokens
    assert train(eval_stride=1).eval_tokens < train().eval_tokens / 4
    assert (train().n_evals, train(eval_tokens=0, eval_stride=1).n_evals) == (single.N_EVALS, 1)
    assert train(eval_context=8).eval_stride == 4
    assert train(loss_at="last").batch_size == single.WINDOWS_PER_STEP
    assert train(n_targets=8).batch_size * 8 == single.TARGETS_PER_STEP == train().batch_size * SMALL.context_length


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


@pytest.mark.parametrize("seed", [2, 7])
def test_a_recipe_at_a_budget_of_the_study_is_the_studys_own_run(seed):
    run = single.of_recipe("transformer", "tiny_shakespeare", seed=seed, flops=1e11)
    assert run.spec == replace(recipes.recipe("transformer", "tiny_shakespeare", 1e11), seed=seed)
    assert run.budget == 10**11 and run.role == "single"
    assert (run.spec.key in study.by_key()) == (seed == 2)


@pytest.mark.parametrize("recipe", ["transformer", "lstm", "mlp", "self-attention"])
@pytest.mark.parametrize("budget", [1e9, 1e10])
def test_another_recipe_is_scored_in_proportion_unless_all_is_asked_for(recipe, budget):
    for corpus in ("tiny_shakespeare", "grammar-char"):
        run, full = (single.of_recipe(recipe, corpus, protocol=protocol, flops=budget) for protocol in (None, "full"))
        assert scoring_flops(run.spec, data.info(corpus)) <= 0.2 * run.cost.flops < scoring_flops(full.spec, data.info(corpus))
        assert full.spec == recipes.recipe(recipe, corpus, budget)
        assert run.spec.train.eval_tokens >= single.LEAST_SCORED and run.cost == full.cost


def test_all_of_a_text_is_scored_on_demand():
    for budget in (10**9, 10**12):
        train = single.spec("grammar-char", SMALL, protocol="full", flops=budget).train
        assert (train.eval_stride, train.eval_tokens, train.n_evals) == (SMALL.context_length // 8, 0, 4)
    with pytest.raises(ConfigError, match="a recipe sets its training itself; unknown protocol 'papr'; there are: dense, full"):
        single.of_recipe("mlp", "grammar-char", protocol="papr", flops=1e9)


@pytest.mark.parametrize(
    ("recipe", "settings", "says"),
    [
        ("mlp", {"flops": 1e9, "lr": 1.0}, "a recipe sets all but text, budget, seed and protocol; leave out lr"),
        ("mlp", {}, "the recipe 'mlp' needs a budget; say how many FLOPs: flops=1e11"),
        ("counts", {"flops": 1e9}, "counts are not trained; leave out flops"),
        ("count", {}, "no recipe of 'count' for a corpus of characters; did you mean 'counts'"),
    ],
)
def test_what_does_not_go_with_a_recipe_is_named(recipe, settings, says):
    with pytest.raises(ConfigError, match=says):
        single.of_recipe(recipe, "grammar-char", **settings)


@pytest.mark.parametrize("protocol", ["dense", "paper"])
def test_a_context_that_leaves_nothing_to_score_is_said_when_the_run_is_made(protocol):
    assert single.spec("grammar-char", LinearConfig(context_length=19_999), protocol=protocol, steps=1)
    with pytest.raises(ConfigError, match="^context_length=20000 leaves nothing to score: .*; give context_length=19999 or less"):
        single.spec("grammar-char", LinearConfig(context_length=20_000), protocol=protocol, steps=1)
