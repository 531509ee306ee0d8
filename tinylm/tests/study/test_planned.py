from dataclasses import replace

import pytest
from synthetic import planned, results

from tinylm.config import LinearConfig, NgramConfig, RunSpec, TrainConfig, TransformerConfig
from tinylm.study import section_plan
from tinylm.study.planned import COUNTS, StudyError, counts, distinct, select, with_seeds


def test_seeds_change_the_seed_only():
    runs = [run for run in section_plan("architectures", "full") if run.name == "Transformer"]
    assert [run.spec.seed for run in runs] == [0, 1, 2, 3, 4]
    assert len({(run.spec.corpus, run.spec.model, run.spec.train) for run in runs}) == 1


ONE_STEP = TrainConfig(steps=1)


def toy(name, model=None, corpus="ptb", seed=0, train=ONE_STEP, **fields):
    return planned(name, RunSpec(corpus=corpus, model=model or LinearConfig(), train=train, seed=seed), **fields)


SHORT = toy("short", LinearConfig(context_length=8), role="sweep", architecture="Linear")
BOUGHT = toy("bought", LinearConfig(context_length=16), architecture="Linear", train=TrainConfig(flops=10))
DEEP = toy("deep", TransformerConfig(context_length=8, n_layer=4), role="sweep", architecture="Transformer", seed=1)
KN = toy("counts", NgramConfig(order=3), corpus="grammar-word")
RUNS = [SHORT, DEEP, KN]


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({}, RUNS),
        ({"role": "sweep"}, [SHORT, DEEP]),
        ({"architecture": ["Transformer", "Linear"], "budget": 0}, [SHORT, DEEP]),
        ({"seed": 1}, [DEEP]),
        ({"corpus": ["grammar-word", "ptb"], "seed": 0}, [SHORT, KN]),
        ({"context_length": 8}, [SHORT, DEEP]),
        ({"n_layer": 4}, [DEEP]),
        ({"n_layer": [None, 4]}, [DEEP]),  # a run that lacks the field is left out, whatever is asked for
        ({"order": 3}, [KN]),
        ({"role": []}, []),
        ({"name": "deep"}, [DEEP]),
    ],
)
def test_runs_are_selected_by_fields_of_plan_spec_and_model(fields, found):
    assert select(RUNS, **fields) == found


def test_results_are_selected_as_their_runs_are():
    found = results(a=[2.0, 2.1], b=[3.0])
    assert select(found, architecture="a", seed=1) == found[1:2]


def test_the_plans_field_comes_before_a_models_of_the_same_name():
    assert select([toy("a", architecture="x")], architecture="x") and not select([toy("a", architecture="x")], architecture="linear")


def test_shared_runs_stand_once_in_order_of_their_first_place():
    again = toy("short again", SHORT.spec.model, section="other")
    assert distinct([SHORT, DEEP, again, KN]) == RUNS
    assert distinct([SHORT, DEEP, KN], lambda run: run.spec.corpus) == [SHORT, KN]


def test_a_run_says_where_it_stands_and_which_row_it_is_of():
    assert DEEP.title == "toy/deep@1"
    assert DEEP.row == replace(DEEP, spec=replace(DEEP.spec, seed=0)) and SHORT.row is SHORT


def test_all_rows_of_a_seed_come_before_the_next():
    assert [run.title for run in with_seeds([SHORT, DEEP], [3, 0])] == ["toy/short@3", "toy/deep@3", "toy/short@0", "toy/deep@0"]


def test_counts_are_taken_once_a_corpus_and_with_caches_at_the_highest_order_only():
    train = TrainConfig(epochs=4, n_evals=4, eval_start=8)
    runs = counts("toy", {"ptb": "P ", "grammar-word": ""}, [3, 1], train, caches=[64])
    assert [run.name for run in runs] == ["P KN-3", "P Unigram", "P KN-3 + cache 64", "KN-3", "Unigram", "KN-3 + cache 64"]
    assert {(run.section, run.role, run.architecture, run.spec.seed) for run in runs} == {("toy", "counts", COUNTS, 0)}
    assert {run.spec.train for run in runs} == {TrainConfig(epochs=1, eval_start=8)}, "one pass over the text, scored as the networks are"


def test_a_field_that_nothing_has_is_an_error():
    with pytest.raises(StudyError, match="no run has a field 'colour'; the fields are budget, section, role, architecture, name"):
        select([SHORT], colour="red")
    with pytest.raises(StudyError, match=r"no run has a field 'n_layers'; did you mean 'n_layer'\? The fields are budget"):
        select([SHORT], n_layers=2)


def test_runs_are_chosen_by_how_they_are_trained_and_counts_are_not():
    slow = replace(SHORT, spec=replace(SHORT.spec, train=replace(SHORT.spec.train, lr=1e-5)))
    counted = replace(SHORT, spec=RunSpec(corpus="ptb", model=NgramConfig(), train=TrainConfig(epochs=1, lr=1e-5)))
    assert select([SHORT, slow, counted], lr=1e-5) == [slow]


def test_a_budget_is_the_specs_own():
    assert (BOUGHT.budget, SHORT.budget) == (10, 0) and select([*RUNS, BOUGHT], budget=10) == [BOUGHT]
