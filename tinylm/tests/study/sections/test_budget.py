from dataclasses import replace

import pytest

from tinylm import study
from tinylm.study import StudyError, recipes, select
from tinylm.study.ladder import ALL_POSITIONS, PAPER, RUNGS


def plan(**changes):
    return study.budget(**(study.SECTIONS["budget"].parameters("smoke") | changes))


def buying(*corpora):
    return plan(corpus="tiny_shakespeare", bought=[(text, "Transformer", 10**12) for text in corpora])


def test_each_run_plays_one_part():
    assert {run.role for run in plan()} == {"counts", "tuned", "rung", "larger", "frontier", "gated", "purchase", "taught"}
    assert all(run.spec.train.flops == run.budget for run in plan()), "a budget is asked for by every run but counts"


def test_the_ladder_stands_at_the_first_budget_and_its_two_ends_at_the_others():
    runs = plan(ladder_budgets=[10**10, 2 * 10**10, 3 * 10**10])
    assert {run.budget for run in select(runs, role="rung")} == {10**10}
    ends = [(PAPER, 2), (ALL_POSITIONS, 2), (PAPER, 3), (ALL_POSITIONS, 3)]
    assert [(run.rung, run.budget // 10**10) for run in select(runs, role="larger")] == ends
    (first,) = select(runs, role="rung", rung=PAPER)
    larger = select(runs, role="larger", rung=PAPER)[0].spec
    assert replace(larger, train=replace(larger.train, flops=10**10)) == first.spec


def test_a_rung_on_augmented_text_is_there_where_that_text_is_bought():
    augmented = {rung.name for rung in RUNGS if rung.augmentation}
    without, one, both = (
        {run.rung for run in select(buying(*corpora), role="rung")}
        for corpora in (["tiny_shakespeare"], ["tiny_shakespeare-recast"], ["tiny_shakespeare-recast", "tiny_shakespeare-respelled"])
    )
    assert without == {rung.name for rung in RUNGS} - augmented
    assert one - without == {"speakers recast"} and both - without == augmented


def test_the_frontier_is_each_architectures_recipe_at_each_budget():
    runs = select(plan(architectures=["MLP", "LSTM"], frontier_budgets=[10**9, 10**11]), role="frontier")
    assert [run.name for run in runs] == ["MLP, 1e9", "MLP, 1e11", "LSTM, 1e9", "LSTM, 1e11"]
    assert runs[3].spec.model == recipes.recipe("lstm", "grammar-char", 10**11).model


def test_one_architecture_is_trained_at_more_budgets():
    runs = select(plan(architectures=["MLP", "Transformer"], frontier_budgets=[10**9], closer_budgets=[2 * 10**9]), role="frontier")
    assert [run.name for run in runs] == ["MLP, 1e9", "Transformer, 1e9", "Transformer, 2e9"]


def test_the_budgets_around_the_counts_have_recipes_of_their_own():
    full = study.SECTIONS["budget"].parameters("full")
    known = {recipe.flops for recipe in recipes.RECIPES["tiny_shakespeare", "transformer"]}
    assert {*full["closer_budgets"], *full["frontier_budgets"]} <= known


def test_taught_recipes_are_those_of_the_frontier_but_for_their_teacher():
    runs = select(plan(frontier_budgets=[2 * 10**9], closer_budgets=[2 * 10**9]), architecture="Transformer", role=["frontier", "taught"])
    alone, *taught = runs
    assert [run.spec.teacher is None for run in runs] == [True, False, False, False]
    assert all(replace(run.spec, teacher=None) == alone.spec and run.budget == alone.budget for run in taught)
    assert all(0 < run.cost.flops <= run.budget for run in taught)


def test_every_run_is_scored_alike():
    scored = {(run.spec.train.eval_start, run.spec.train.eval_tokens) for run in plan(eval_tokens=321)}
    assert scored == {(recipes.EVAL_START, 321)}


def test_purchases_that_do_not_fit_together_are_named():
    with pytest.raises(StudyError, match=r"bought: needs rows of 3 entries in square brackets, got \['tiny_shakespeare', 1\]"):
        plan(bought=[["tiny_shakespeare", 1]])
    with pytest.raises(StudyError, match="bought: needs a number without quotes, got '1e12'"):
        plan(bought=[["tiny_shakespeare", "Transformer", "1e12"]])


def test_a_text_is_cut_into_subwords_where_it_is_known_in_them():
    few = {"frontier_budgets": [10**11], "closer_budgets": [10**12, 10**13], "seeds": [0]}
    runs = select(plan(corpus="tiny_shakespeare", vocabularies=[512, 77], **few), role="vocabulary")
    assert [(run.architecture, run.budget) for run in runs] == [("Counts", 0), ("Transformer", 10**11), ("Transformer", 10**12)]
    assert {run.spec.corpus for run in runs} == {"tiny_shakespeare-bpe512"} and not select(plan(), role="vocabulary")
