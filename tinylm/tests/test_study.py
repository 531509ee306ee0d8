import inspect
import json

import pytest

from tinylm import data, study
from tinylm.flops import run_cost
from tinylm.profiles import PROFILES
from tinylm.study import SECTIONS, Planned, StudyError, plan, section_plan

SECTION_PROFILES = [(section, profile) for profile, parameters in PROFILES.items() for section in parameters]


def test_a_plan_holds_all_of_a_seed_before_the_next():
    runs = plan("full")
    seeds = [run.spec.seed for run in runs]
    assert seeds == sorted(seeds)
    assert set(seeds) == {0, 1, 2, 3, 4}
    for seed in set(seeds):
        sections = [run.section for run in runs if run.spec.seed == seed]
        assert sections == sorted(sections, key=list(SECTIONS).index)


@pytest.mark.parametrize("profile", PROFILES)
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
    scored = {(spec.train.eval_start or spec.model.context_length, spec.train.eval_tokens) for spec in specs}
    assert len(scored) <= 1 or section == "sweeps"


@pytest.mark.parametrize(("section", "profile"), SECTION_PROFILES)
def test_parameters_are_the_sections_literals(section, profile):
    parameters = PROFILES[profile][section]
    assert list(parameters) == list(inspect.signature(SECTIONS[section]).parameters)
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
    rows = {(run.section, run.name): study.paper_row(run.spec) for run in plan("full") if run.spec.seed == 1}
    assert rows["architectures", "Linear"].test_nll == 3.0549
    assert rows["control", "Linear"] is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seeds": 0}, r"seeds: needs a list in square brackets .*, got 0"),
        ({"seeds": "0"}, "seeds: needs a list"),
        ({"seeds": []}, "seeds: needs a list"),
        ({"seeds": ["0"]}, "seeds: needs a number without quotes, got '0'"),
        ({"epochs": "2"}, "epochs: needs a number without quotes, got '2'"),
        ({"epochs": True}, "epochs: needs a number"),
        ({"d_model": None}, "d_model: needs a number"),
        ({"corpus": 3}, "corpus: needs a name in quotes, got 3"),
        ({"n_layers": 3}, "sweeps has no parameter 'n_layers'; its parameters are corpus"),
    ],
)
def test_a_bad_parameter_is_named(change, message):
    with pytest.raises(StudyError, match=message):
        study.sweeps(**(PROFILES["smoke"]["sweeps"] | change))


def test_a_parameter_left_out_is_named_and_so_are_too_few_names():
    with pytest.raises(StudyError, match="sweeps needs the parameter 'seeds'"):
        study.sweeps(**{name: value for name, value in PROFILES["smoke"]["sweeps"].items() if name != "seeds"})
    with pytest.raises(StudyError, match="names: needs one for each of the 2 corpora"):
        study.words(**(PROFILES["full"]["words"] | {"names": ["PTB"]}))
