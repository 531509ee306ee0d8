import pytest
from explorer import DENSE, trained

from tinylm import study
from tinylm.cli import trained_models
from tinylm.config import NgramConfig
from tinylm.evaluation import loading, pretrained
from tinylm.evaluation.arguments import ModelError
from tinylm.evaluation.weights import WeightsError
from tinylm.report import training


def test_a_model_comes_by_its_name_its_key_and_its_file(home):
    spec = trained(DENSE, "all")
    by_key = loading.load(spec.key[:8])
    assert by_key.spec == spec == loading.load(by_key.path).spec
    listed = loading.list_models()
    assert listed["key"].tolist() == listed["name"].tolist() == [spec.key] and listed["file"].tolist() == [str(by_key.path)]


def test_counts_are_counted_when_they_are_asked_for(home):
    counts = loading.load("control/KN-4")
    assert counts.spec.is_counts and counts.spec.corpus == "grammar-char"
    assert loading.load(counts.spec.key).spec == loading.load(counts.spec.key[:12]).spec == counts.spec


def test_a_key_s_beginning_that_counts_share_is_refused(home, monkeypatch):
    runs = [run for run in study.plan("full") if run.spec.is_counts]
    first = min(runs, key=lambda run: run.spec.key)
    monkeypatch.setattr(pretrained, "at_hand", lambda: {first.spec.key[:8] + "00000000": None})
    with pytest.raises(ModelError, match=f"2 keys begin with {first.spec.key[:8]}: "):
        loading.load(first.spec.key[:8])


@pytest.mark.parametrize("name", [None, 5, "", " "])
def test_what_is_no_name_is_refused_in_one_line(name):
    with pytest.raises(ModelError, match=r"^give the name of a model, .*, got .*; tl.list_models\(\) has the names$"):
        loading.load(name)


def test_what_is_not_here_says_how_it_comes(home):
    with pytest.raises(WeightsError, match="train it with: python -m tinylm train --run"):
        loading.load("RoPE@1")
    with pytest.raises(WeightsError, match=r"no run is called .*four digits or more are needed; .*tl.list_models\(\)"):
        loading.load("a6")


def test_a_run_is_asked_for_its_model(home):
    run = training.train("to be or not to be\n" * 60, NgramConfig(order=2))
    with pytest.raises(ModelError, match="^a run has its model already: run.model$"):
        loading.load(run)


def test_counts_that_were_made_here_are_listed_and_load(home):
    run = training.train("to be or not to be\n" * 60, NgramConfig(order=2))
    (listed,) = loading.list_models().to_dict("records")
    assert (listed["name"], listed["file"], listed["parameters"]) == (run.key, "", run.record.n_params)
    assert loading.load(listed["name"]).spec == run.record.spec
    assert f"{run.key}  " in trained_models.listing() and "  -" in trained_models.listing().splitlines()[-1]


@pytest.mark.parametrize("name", ["/nowhere/x.pt", "x.pt", "nowhere.bin"])
def test_a_file_that_there_is_not_is_said(home, name):
    with pytest.raises(WeightsError, match=f"^there is no file {name}; "):
        loading.load(name)


def test_without_any_model_the_list_is_empty(home):
    assert loading.list_models().empty
