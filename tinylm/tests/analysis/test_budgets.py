"""Ladder, recipes, frontier: from specs to tables and figures."""

import dataclasses
import math

import pytest
from synthetic import record, result

from tinylm import data
from tinylm.analysis import budgets
from tinylm.config import LinearConfig, NgramConfig, RunSpec, TrainConfig, TransformerConfig
from tinylm.data import grammar
from tinylm.flops import n_params, run_cost
from tinylm.report import plots, sentences, tables
from tinylm.study import recipes
from tinylm.study.ladder import RUNGS, Rung, climb, stands_on
from tinylm.study.recipes import RecipeError, recipe
from tinylm.training.loop import train

FIRST = RunSpec(corpus="grammar-char", model=TransformerConfig(), train=TrainConfig(flops=10**12))


def test_a_rung_that_is_only_tried_changes_no_later_one():
    rungs = [
        Rung(name="a", about="A"),
        Rung(name="b", about="B", train={"lr": 1.0}, climbed=False),
        Rung(name="c", about="C", model={"tied": True}),
        Rung(name="d", about="D", augmentation="recast"),
    ]
    specs = climb(FIRST, rungs)
    assert specs["b"].train.lr == 1.0 and specs["c"].train.lr == FIRST.train.lr
    assert specs["d"].model.tied and specs["d"].corpus == "grammar-char-recast"
    assert stands_on(rungs) == {"a": "", "b": "a", "c": "a", "d": "c"}


def test_every_rung_but_the_first_changes_something_and_can_run():
    specs, below = climb(dataclasses.replace(FIRST, corpus="tiny_shakespeare"), RUNGS), stands_on(RUNGS)
    assert len(specs) == len(RUNGS)
    for name, spec in specs.items():
        assert not below[name] or spec != specs[below[name]]
        assert run_cost(spec, data.info(spec.corpus)).steps > 0


def test_a_small_ladder_comes_closer_to_the_exact_floor():
    small = TransformerConfig(context_length=16, n_layer=2, d_model=32, d_ff=64)
    first = RunSpec(corpus="grammar-char", model=small, train=TrainConfig(flops=2 * 10**10))
    specs = climb(first, [rung for rung in RUNGS if rung.name != "four narrower layers"])
    corpus, floor = data.load("grammar-char"), grammar.floor("grammar-char", "test", recipes.EVAL_START, 2_000)
    names = ["the paper's Transformer", "warm-up, a higher rate, linear decay", "batches of 16"]
    excess = [train(recipes.scored(specs[name], 2_000), corpus).test.nll - floor for name in names]
    assert excess == sorted(excess, reverse=True) and excess[-1] > 0
    assert excess[-1] < 0.5 * excess[0]


def seeds(architecture, flops, nlls, role="frontier", **fields):
    """Results of one row, a test NLL for each seed."""
    name = f"run {len(architecture)} of {flops}"  # of no use to a reader of results
    fields = {"role": role, "architecture": architecture, "budget": flops} | fields
    return [result(name, record(nll, seed=s, flops=flops), **fields) for s, nll in enumerate(nlls)]


def rungs(named):
    """Results of rungs of the ladder, a list of test NLLs each."""
    return [found for rung, nlls in named.items() for found in seeds("Transformer", 10, nlls, role="rung", rung=rung)]


def test_gains_are_taken_from_the_rung_below():
    names = [rung.name for rung in RUNGS[:5]]
    frame = budgets.ladder(rungs({name: [2.0 - 0.1 * i + 0.01 * s for s in range(3)] for i, name in enumerate(names)}))
    assert list(frame["below"]) == ["", *names[:4]]
    assert math.isnan(frame["gain"][0]) and frame["gain"][1] == pytest.approx(0.1) and frame["n"][1] == 3
    shown = tables.ladder(frame)
    assert list(tables.changes(frame)["what it changes"]) == [rung.about for rung in RUNGS[:5]]
    assert list(shown["climbed"])[-1] == "tried" and shown["gain, 95 %"][1].startswith("+0.100")
    fig, drawn = plots.waterfall(frame)
    assert len(drawn) == 5 and len(fig.axes[0].patches) == 5


def test_the_largest_steps_and_those_that_lose_are_said():
    names = [rung.name for rung in RUNGS[:4]]
    losses = zip(names, (2.0, 1.9, 2.2, 1.7), strict=True)
    frame = budgets.ladder(rungs({name: [nll + 0.01 * s for s in range(3)] for name, nll in losses}))
    said = sentences.climb(frame, most=1)
    assert said.startswith(f"The largest steps down of those kept: {names[3]}, +0.500 [+0.5") and f"What loses: {names[2]}, −0.300" in said
    assert sentences.climb(budgets.ladder([])) == ""


def test_a_ladder_without_records_is_empty_and_no_error():
    frame = budgets.ladder([])
    assert tables.ladder(frame).empty and plots.waterfall(frame)[1] == []


def test_flops_to_a_target_are_read_on_a_line_in_log_flops():
    found = [*seeds("MLP", 1_000, [2.1, 2.1]), *seeds("MLP", 100_000, [1.9, 1.7]), *seeds("Linear", 1_000, [3.0, 3.1])]
    row = budgets.to_target(found, 1.9).set_index("architecture").loc["MLP"]  # valid is 0.1 below test: 2.0, then 1.8 or 1.6
    assert row["flops"] == pytest.approx(math.sqrt(10**4 * 10**3.5)) and row["n"] == 2 and not row["is_upper_bound"]
    assert budgets.to_target(found, 2.5).set_index("architecture").loc["MLP", "is_upper_bound"]
    linear = budgets.to_target(found, 1.9).set_index("architecture").loc["Linear"]
    assert linear["n"] == 0 and linear["failed"] == 2 and math.isnan(linear["flops"])
    shown = tables.targets(found, [1.9, 2.5]).set_index("architecture")
    assert shown.loc["Linear", "1.900"] == "–" and shown.loc["MLP", "2.500"].startswith("at most")


def test_counts_are_the_model_of_budgets_too_small_to_pass_them():
    runs = [*seeds("MLP", 1_000, [2.1, 2.1]), *seeds("MLP", 100_000, [1.9, 1.7]), *seeds("Linear", 1_000, [3.0, 3.1])]
    counts = [result("KN-4", record(nll, model=NgramConfig(order=4))) for nll in (1.9, 2.5)]
    text = sentences.worth_training(runs, counts)
    assert "to reach KN-4 on valid is MLP, for $" in text and "(n = 2, 95 %" in text and text.endswith("count.")
    easy = sentences.worth_training(runs, [result("KN-1", record(2.9, model=NgramConfig(order=1)))])
    assert "for at most $" in easy and "count" not in easy
    assert "No network here reaches" in sentences.worth_training(runs, [result("KN-9", record(0.5, model=NgramConfig(order=4)))])
    assert sentences.worth_training([], counts) == sentences.worth_training(runs, []) == ""


def test_the_frontier_is_a_curve_for_each_architecture():
    found = [*seeds("MLP", 1_000, [2.1]), *seeds("MLP", 100_000, [1.9]), *seeds("Linear", 1_000, [3.0])]
    _, drawn = plots.frontier(found, [result("KN-4", record(1.5, model=NgramConfig(order=4), start=8))])
    assert [row["architecture"] for row in drawn[:3]] == ["Linear", "MLP", "MLP"] and drawn[3]["name"] == "KN-4"


def test_purchases_stand_beside_the_counts_of_their_own_text():
    kn = result("KN-4", record(1.5, model=NgramConfig(order=4)))
    other = result("ptb", record(1.2, corpus="grammar-word"))
    networks = [*(result("a", record(nll, seed=s)) for s, nll in enumerate([1.4, 1.45, 1.5])), other]
    window = networks[0].record.spec.model.context_length
    near, far = (result(f"cache {size}", record(1.4, model=NgramConfig(order=4, cache=size))) for size in (window, window + 1))
    for counts, gap in (([kn], "−0.050"), ([kn, near], "+0.050"), ([kn, far], "−0.050")):
        frame = tables.bought([*counts, *networks]).set_index("run")
        assert frame.loc["a", "test − counts, 95 %"].startswith("−0.050")
        assert frame.loc["a", "test − with cache, 95 %"].startswith(gap), "the cache may be as long as the window, not longer"
    assert frame.loc["ptb", "test − counts, 95 %"] == "–" and frame.loc["ptb", "perplexity"] == "3.320"
    assert frame.loc["KN-4", "test"] == "1.5000" and frame.loc["KN-4", "test − counts, 95 %"] == "–"


def test_what_a_part_takes_off_is_told_for_each_text_that_has_both():
    found = [*seeds("A-no-b", 1_000, [1.6, 1.7, 1.6], "purchase"), *seeds("A", 1_000, [1.4, 1.5, 1.4], "purchase")]
    text = sentences.improvement([*found, *seeds("A", 10_000, [1.0], "purchase")], "A-no-b", "A")
    assert "grammar-char" in text and "+0.200" in text and "(n = 3)" in text and text.count("FLOPs") == 1
    assert sentences.improvement([], "A-no-b", "A") == ""


@pytest.mark.parametrize(("corpus", "architecture"), recipes.RECIPES)
def test_a_recipe_spends_its_budget_and_no_more(corpus, architecture):
    for flops in (1e12, 1e13, 7.55e13):
        spec = recipe(architecture, corpus, flops)
        assert 0.97 * flops < run_cost(spec, data.info(corpus)).flops <= flops
        assert spec.train.eval_start == recipes.EVAL_START


def test_the_recipe_at_the_papers_cost_is_no_larger_than_the_papers_transformer():
    size = data.vocab_size("tiny_shakespeare")
    for corpus in ("tiny_shakespeare", "tiny_shakespeare-respelled"):
        assert n_params(recipe("transformer", corpus, 7.55e13).model, size) <= n_params(TransformerConfig(context_length=128), size)


def test_a_text_without_recipes_takes_those_of_the_text_nearest_in_length():
    nearest = {"grammar-char": "tiny_shakespeare", "tiny_shakespeare-plays-respelled": "tiny_shakespeare-respelled", "ptb": "ptb-eos"}
    assert {name: recipes.nearest_text("transformer", name) for name in nearest} == nearest
    assert recipe("transformer", "ptb", 1e14).model == recipe("transformer", "ptb-eos", 1e14).model


def test_a_recipe_that_is_not_there_names_what_is():
    with pytest.raises(RecipeError, match="no recipe of 'rnn' for a corpus of characters; there are: linear, mlp"):
        recipe("rnn", "tiny_shakespeare", 1e12)
    with pytest.raises(RecipeError, match="above zero"):
        recipe("mlp", "tiny_shakespeare", 0)


def test_the_search_is_summed_by_text():
    records = [record(flops=100), dataclasses.replace(record(flops=50, model=LinearConfig(context_length=8)), flops=50)]
    text = sentences.searched(records)
    assert "2 runs" in text and "linear 1 (" in text and "transformer 1 (" in text
    assert "0 runs" in sentences.searched([])


def test_what_a_recipe_is_expected_to_reach_is_read_between_its_recorded_budgets():
    def made(flops, nll, seed, **changes):
        spec = recipe("mlp", "grammar-char", flops)
        return dataclasses.replace(record(nll), spec=dataclasses.replace(spec, seed=seed, train=dataclasses.replace(spec.train, **changes)))

    records = [made(10**12, 1.6, 0), made(10**10, 2.0, 0), made(10**10, 2.2, 1), made(10**11, 0.5, 0, lr=1e-5)]
    runs = budgets.recipe_runs("mlp", "grammar-char", records)
    assert {budget: len(group) for budget, group in runs.items()} == {10**10: 2, 10**12: 1}  # not the one with another rate
    between = budgets.expected("mlp", "grammar-char", 10**11, records)
    assert between == budgets.Expected(pytest.approx(1.75), 3, False, 10**10)  # valid is 0.1 below: 2.0 and 1.5
    for flops, nll, nearest in ((10**9, 2.0, 10**10), (10**15, 1.5, 10**12)):
        assert budgets.read_off(runs, flops) == budgets.Expected(pytest.approx(nll), 3, True, nearest)
    assert budgets.expected("mlp", "tiny_shakespeare", 10**11, records) is None


def test_the_purchases_reading_takes_the_recipe_that_is_best_on_valid_and_its_rival():
    made = [*seeds("A", 1_000, [1.5, 1.6], "purchase"), *seeds("A", 10_000, [1.4], "purchase"), *seeds("Linear", 10_000, [1.0])]
    kn = result("KN-6", record(1.7, model=NgramConfig(order=6), eval_start=made[0].record.valid.start))
    text = sentences.purchases([*made, kn])
    assert "1.400 nats (n = 1), counts 1.700 nats" in text and "1.0" not in text.replace("1.00", "")
    assert sentences.purchases([]) == ""
