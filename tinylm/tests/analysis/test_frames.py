from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from explorer import DENSE, stored
from records import made
from synthetic import planned

from tinylm import data, study
from tinylm.analysis import frames
from tinylm.config import NgramConfig, RunSpec, TrainConfig, TransformerConfig
from tinylm.study import StudyError, titles

LONGER = replace(made().spec, train=TrainConfig(steps=4, eval_tokens=20))
COUNTS = RunSpec(corpus="grammar-char", model=NgramConfig(order=2), train=TrainConfig(epochs=1))


def test_a_planned_run_is_known_by_its_key():
    run = study.section_plan("sweeps", "full")[-1]
    assert frames.run_of(made(spec=run.spec), study.by_key()) == run


@pytest.mark.parametrize(
    ("model", "name"),
    [
        (DENSE, "Transformer"),
        (TransformerConfig(n_layer=1, d_ff=512), "Transformer(n_layer=1, d_ff=512)"),
        (NgramConfig(order=6, cache=2048), "KN-6 + cache 2,048"),
    ],
)
def test_a_run_outside_the_study_is_called_as_the_study_calls_such_models(model, name):
    spec = RunSpec(corpus="grammar-char", model=model, train=TrainConfig(epochs=1))
    run = frames.run_of(made(spec=spec), {})
    assert f"{run.section}/{run.name}" == f"local/{name}, {spec.key[:8]}" and run.architecture == titles.architecture(model)


def test_seeds_of_a_run_outside_the_study_share_a_name():
    first, second, other = (frames.run_of(found, {}) for found in (made(0), made(1), made(spec=LONGER)))
    assert first.name == second.name != other.name
    assert first.name == f"MLP, {made(0).spec.key[:8]}" and first.row == second.row


def test_results_are_current_and_stand_as_the_study_has_them():
    network, later, counts = (planned(name, spec) for name, spec in (("a", made(0).spec), ("b", made(1).spec), ("c", COUNTS)))
    known = {run.spec.key: run for run in (later, network, counts)}  # the last planned first, as the study gives them
    own = made(spec=LONGER)
    stale = replace(made(2), version="last-0 adam-0")
    found = frames.results([own, stale, made(spec=COUNTS), made(1), made(0)], known)
    assert [result.record.spec for result in found] == [network.spec, later.spec, LONGER, COUNTS]


def test_the_table_of_all_runs_is_numeric_and_knows_sections_and_names(home):
    stored(made(0), "search"), stored(made(1), "local"), stored(made(spec=COUNTS), "local")
    found = frames.runs()
    assert found["section"].tolist() == ["local", "search", "local"] and found.index[1] == made(0).spec.key
    words = {"section", "role", "architecture", "name", "corpus", "optimizer", "status"}
    assert {name for name in found if found[name].dtype.kind not in "iuf"} == words
    assert frames.runs(architecture="mlp").equals(frames.runs(architecture="MLP")) and len(frames.runs(architecture="MLP")) == 2
    assert frames.runs(seed=1)["test_nll"].tolist() == [made(1).test.nll] and frames.runs(seed=[0, 1], section="search")[
        "seed"
    ].tolist() == [0]
    assert frames.runs(corpus="ptb").empty and frames.runs(corpus="ptb")["test_nll"].dtype == float
    with pytest.raises(StudyError, match="arch"):
        frames.runs(arch="MLP")


def test_what_a_notebook_trains_beside_the_study_is_ones_own(home):
    stored(made(0), "sweeps")
    assert frames.runs(section="sweeps").empty and frames.runs(section="local").index.tolist() == [made(0).spec.key]


def test_the_table_says_how_a_network_was_trained(home):
    spec = made().spec
    stored(made(0)), stored(made(spec=COUNTS)), stored(made(spec=replace(spec, train=TrainConfig(flops=10**9))), "search")
    bounded = frames.runs(section="search")
    assert bounded["budget"].tolist() == [10**9] and len(frames.runs(budget=10**9)) == 1
    found = frames.runs(section="local").set_index("architecture")
    assert found.loc["MLP", ["optimizer", "lr", "batch_size"]].tolist() == ["adam", 3e-4, 64]
    assert found.loc["Counts", ["optimizer", "lr", "batch_size"]].isna().all()
    assert found["budget"].isna().all()
    assert len(frames.runs(section="local", optimizer="adam", lr=3e-4)) == 1 and frames.runs(lr=1.0).empty


@pytest.mark.parametrize("seeds", [[0, 1], (0, 1), {0, 1}, range(2), np.arange(2), pd.Series([0, 1])], ids=lambda one: type(one).__name__)
def test_several_values_may_come_in_any_collection(home, seeds):
    stored(made(0)), stored(made(1)), stored(made(2))
    assert sorted(frames.runs(seed=seeds)["seed"]) == [0, 1]


def test_architectures_are_known_by_their_names_and_titles_and_a_corpus_by_itself(home):
    stored(made(0)), stored(made(spec=COUNTS))
    assert len(frames.runs(architecture=["mlp", "Counts"])) == 2
    assert len(frames.runs(corpus=data.corpus("grammar-char"))) == 2


@pytest.mark.parametrize("field", ["seed", "budget", "d_model", "lr", "warmup"])
def test_text_in_the_place_of_a_number_is_said(home, field):
    stored(made(0))
    with pytest.raises(StudyError, match=f"{field} is a number, got '0'; write it without quotes"):
        frames.runs(**{field: "0"})


@pytest.mark.parametrize("field", ["status", "test_nll", "flops", "steps"])
def test_an_outcome_is_chosen_by_in_the_table(home, field):
    with pytest.raises(StudyError, match=f"{field} is an outcome; choose by it in the table"):
        frames.runs(**{field: 1})


@pytest.mark.parametrize(
    ("field", "value", "near"),
    [
        ("section", "locl", "local"),
        ("corpus", "grammar-chr", "grammar-char"),
        ("architecture", "MLPP", "MLP"),
        ("optimizer", "adamm", "adam"),
        ("loss_at", "lst", "last"),
        ("position", "ropes", "rope"),
    ],
)
def test_a_value_that_there_is_not_is_named_with_the_nearest(home, field, value, near):
    stored(made(0))
    with pytest.raises(StudyError, match=f"unknown {field} '{value}'; did you mean '{near}'"):
        frames.runs(**{field: value})


def test_a_value_that_no_run_has_but_could_gives_an_empty_table(home):
    stored(made(0))
    assert frames.runs(schedule="wsd").empty and frames.runs(lr=0.123).empty and frames.runs(optimizer=["adam", "muon"]).shape[0] == 1


@pytest.mark.parametrize(("field", "word", "near"), [("role", "basline", "baseline"), ("name", "Transformerr", "Transformer")])
def test_a_word_that_no_run_has_is_answered_with_the_nearest(field, word, near):
    with pytest.raises(StudyError, match=f"unknown {field} '{word}'; did you mean '{near}'"):
        frames.runs(**{field: word})
