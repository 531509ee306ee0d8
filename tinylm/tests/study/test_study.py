import inspect
import json
from dataclasses import replace

import pytest

from tinylm import data, study
from tinylm.flops import run_cost
from tinylm.study import SECTIONS, Planned, StudyError, plan, reported, section_plan

SECTION_PROFILES = [(section, profile) for profile in study.PROFILES for section in study.SECTIONS]


def test_a_plan_holds_all_of_a_seed_before_the_next():
    runs = plan("full")
    seeds = [run.spec.seed for run in runs]
    assert seeds == sorted(seeds)
    assert set(seeds) == {0, 1, 2, 3, 4}
    for seed in set(seeds):
        sections = [run.section for run in runs if run.spec.seed == seed]
        assert sections == sorted(sections, key=list(SECTIONS).index)


@pytest.mark.parametrize("profile", study.PROFILES)
def test_a_plan_is_its_sections(profile):
    runs = plan(profile)
    assert sorted(runs, key=repr) == sorted((run for section in SECTIONS for run in section_plan(section, profile)), key=repr)


@pytest.mark.parametrize(("section", "profile"), SECTION_PROFILES)
def test_every_run_of_a_section_is_planned_once_and_can_run(section, profile):
    runs = section_plan(section, profile)
    assert runs or section == "speed"  # its timings are no runs
    assert all(isinstance(run, Planned) and run.section == section for run in runs)
    assert len({run.spec.key for run in runs}) == len(runs)
    assert len({(run.name, run.spec.seed) for run in runs}) == len(runs)
    for run in runs:
        assert run_cost(run.spec, data.info(run.spec.corpus)).tokens_seen > 0


@pytest.mark.parametrize(("section", "profile"), SECTION_PROFILES)
def test_runs_that_share_a_table_share_the_scored_tokens(section, profile):
    """Except where the study sweeps the context itself, and scores after each context as the paper does."""
    specs = [run.spec for run in section_plan(section, profile)]
    scored = {(spec.corpus, spec.train.eval_start or spec.model.context_length, spec.train.eval_tokens) for spec in specs}
    assert len(scored) == len({spec.corpus for spec in specs}) or section == "sweeps"


@pytest.mark.parametrize(("section", "profile"), SECTION_PROFILES)
def test_parameters_are_the_sections_literals(section, profile):
    parameters = study.SECTIONS[section].parameters(profile)
    assert list(parameters) == list(inspect.signature(SECTIONS[section].plan).parameters)
    assert json.loads(json.dumps(parameters)) == parameters


def test_unknown_names_list_what_there_is():
    with pytest.raises(StudyError, match="unknown profile 'tiny'; choose one of full"):
        section_plan("architectures", "tiny")
    with pytest.raises(StudyError, match="unknown profile"):
        plan("tiny")
    with pytest.raises(StudyError, match="unknown section 'rnn'; choose one of .*architectures, sweeps"):
        section_plan("rnn", "full")


def test_seeds_change_the_seed_only():
    runs = [run for run in section_plan("architectures", "full") if run.name == "Transformer"]
    assert [run.spec.seed for run in runs] == [0, 1, 2, 3, 4]
    assert len({(run.spec.corpus, run.spec.model, run.spec.train) for run in runs}) == 1


def test_only_the_studys_runs_have_a_paper_row():
    rows = {(run.section, run.name): reported.paper_row(run.spec) for run in plan("full") if run.spec.seed == 1}
    assert rows["architectures", "Linear"].test_nll == 3.0549
    assert rows["control", "Linear"] is None
    assert not [name for (section, name), row in rows.items() if section == "claims" and row]


def claims(seed=0):
    return {run.name: run.spec for run in section_plan("claims", "full") if run.spec.seed == seed}


def cost(spec):
    return run_cost(spec, data.info(spec.corpus)).flops


def test_the_papers_rows_come_before_the_claims_and_the_dear_rows_last():
    order = list(claims())
    assert list(SECTIONS)[-2:] == ["claims", "speed"]
    assert len(order) == 1 + 4 + 3 + 4 + 1 + 4 + 3
    assert order[:5] == ["MLP, long", *(f"Linear, T = {length}, long" for length in (16, 32, 64, 128))]
    assert order[-3:] == [f"Tied Transformer, {n} layers" for n in (2, 4, 6)]


def test_the_long_runs_are_the_papers_own_but_for_their_length():
    papers = {run.name: run.spec for run in section_plan("architectures", "full") if run.spec.seed == 0}
    for name in ("MLP", "Linear"):
        long = claims()["MLP, long" if name == "MLP" else "Linear, T = 128, long"]
        epochs = {"epochs": papers[name].train.epochs, "n_evals": papers[name].train.n_evals, "eval_start": 0}
        assert replace(long, train=replace(long.train, **epochs)) == papers[name]
    textbook = run_cost(papers["Self-Attention"], data.info("tiny_shakespeare")).flops_textbook
    assert cost(claims()["MLP, long"]) == pytest.approx(textbook, rel=0.05)


def test_the_sisters_rows_are_found_by_their_spec():
    rows = {name: reported.sister_row(spec) for name, spec in claims(seed=1).items()}
    assert {name: row.test_nll for name, row in rows.items() if row and not name.startswith("Attention")} == {
        "One-hot Linear, T = 128": 2.33,
        "GELU MLP": 1.94,
        "Tied Transformer, 4 layers": 1.77,
    }
    assert {row.test_nll for name, row in rows.items() if name.startswith("Attention")} == {1.82}
    assert reported.sister_row(section_plan("claims", "smoke")[0].spec) is None


def test_parameters_that_contradict_each_other_are_named():
    with pytest.raises(StudyError, match="names: needs one for each of the 2 corpora"):
        study.words(**(study.SECTIONS["words"].parameters("full") | {"names": ["PTB"]}))
    with pytest.raises(StudyError, match="train_tokens: needs at least 66"):
        study.words(**(study.SECTIONS["words"].parameters("full") | {"train_tokens": 65}))
    for name in ("context_lengths", "sister_context_lengths"):
        with pytest.raises(StudyError, match="none may exceed context_length=128, where scoring begins"):
            study.claims(**(study.SECTIONS["claims"].parameters("full") | {name: [16, 256]}))


def test_keys_lead_back_to_their_runs():
    found = study.by_key()
    assert {run.spec.key for run in plan("full")} == found.keys()
    for run in section_plan("architectures", "full"):
        assert found[run.spec.key] == run and run.title == f"architectures/{run.name}@{run.spec.seed}"


def test_a_budget_for_a_gpu_is_planned_with_three_seeds():
    planned = study.section_plan("words", "full")
    seeds = {flops: {run.spec.seed for run in planned if run.spec.train.flops == flops} for flops in (114 * 10**12, 12 * 10**14)}
    assert seeds == {114 * 10**12: set(range(5)), 12 * 10**14: {0, 1, 2}}


def test_sections_are_found_by_name_notebook_or_number():
    assert {study.section_of(name) for name in ("sweeps", "03_sweeps", "03_sweeps.ipynb", "03")} == {"sweeps"}
    with pytest.raises(study.StudyError, match="unknown section or notebook 'sweep'; choose one of 01_data"):
        study.section_of("sweep")
