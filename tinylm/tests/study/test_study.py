import pytest

from tinylm import data, study
from tinylm.config.errors import MissingName
from tinylm.data.base import HELD_OUT
from tinylm.flops import run_cost
from tinylm.study import SECTIONS, Planned, StudyError, plan, section_plan, select

SECTION_PROFILES = [(section, profile) for profile in study.PROFILES for section in study.SECTIONS]


def test_a_plan_holds_all_of_a_seed_before_the_next():
    runs = plan("full")
    seeds = [run.spec.seed for run in runs]
    assert seeds == sorted(seeds)
    assert set(seeds) == set(range(9))
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
    runs = section_plan(section, profile)
    for group in ([run for run in runs if (run.role == "ablation") == apart] for apart in (True, False)):  # it has tables of its own
        specs = [run.spec for run in group]
        scored = {(spec.corpus, *(spec.scored(data.info(spec.corpus).n_tokens[split]) for split in HELD_OUT)) for spec in specs}
        assert len(scored) == len({spec.corpus for spec in specs}) or section == "sweeps"


def test_unknown_names_list_what_there_is():
    with pytest.raises(StudyError, match="unknown profile 'tiny'; there are: full"):
        section_plan("architectures", "tiny")
    with pytest.raises(StudyError, match="unknown profile"):
        plan("tiny")
    with pytest.raises(StudyError, match="unknown section 'rnn'; there are: .*architectures, sweeps"):
        section_plan("rnn", "full")


def test_keys_lead_back_to_their_runs():
    found = study.by_key()
    assert {run.spec.key for run in plan("full")} == found.keys()
    for run in section_plan("architectures", "full"):
        assert found[run.spec.key] == run and run.title == f"architectures/{run.name}@{run.spec.seed}"


def test_sections_are_found_by_name_notebook_or_number():
    assert {study.section_of(name) for name in ("sweeps", "03_sweeps", "03_sweeps.ipynb", "03")} == {"sweeps"}
    with pytest.raises(study.StudyError, match=r"unknown section or notebook 'sweep'; did you mean '03_sweeps'\? There are: 00_answer"):
        study.section_of("sweep")


def test_a_section_plans_by_its_name_and_no_other_name_is_known():
    assert select(study.rope(seeds=[1]), role="ablation") == select(section_plan("rope", "full"), role="ablation", seed=1)
    with pytest.raises(MissingName, match=r"unknown section 'sweep'; did you mean 'sweeps'\? There are: answer, control"):
        study.sweep  # noqa: B018
    assert not hasattr(study, "rnn")


def test_sections_stand_in_the_order_of_their_notebooks():
    assert list(SECTIONS) == [section.name for section in sorted(SECTIONS.values(), key=lambda section: section.notebook)]
    assert len({section.notebook for section in SECTIONS.values()}) == len(SECTIONS)
