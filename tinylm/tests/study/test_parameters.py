import functools
import inspect
import json
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from types import SimpleNamespace

import pytest
from synthetic import planned

from tinylm import study
from tinylm.config import ConfigError, LinearConfig, RunSpec, TrainConfig
from tinylm.study import SECTIONS, Planned
from tinylm.study.parameters import Section, StudyError, checked

SECTION_PROFILES = [(section, profile) for profile in study.PROFILES for section in study.SECTIONS]


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
        ({"n_layers": 3}, "sweeps has no parameter 'n_layers'; did you mean 'layer_counts'"),
        ({"layers": [3]}, r"sweeps has no parameter 'layers'; .*\b[Ii]ts parameters are corpus, context_length"),
    ],
)
def test_a_bad_parameter_is_named(change, message):
    with pytest.raises(StudyError, match=message):
        study.sweeps(**(study.SECTIONS["sweeps"].parameters("smoke") | change))


STORED, CALL = 'corpus = "ptb"\nseeds = [0]\n', "tl.study.sweeps(corpus=corpus, seeds=seeds)"


@pytest.mark.parametrize(
    ("cells", "refused"),
    [
        ([STORED, "# Parameters\nseedz = [1]\n", CALL], "seedz"),
        ([STORED, "# Parameters\nseeds = [1]\nn_layers = 3\n", CALL], "n_layers"),
        ([STORED, "# Parameters\nseeds = [1]\n", CALL], None),
        ([STORED, CALL, "# Parameters\nmine = 1\n"], None),
        (["", "# Parameters\nmine = 1\n", CALL], None),
        ([STORED, "mine = 1\n", CALL], None),
        (["%matplotlib inline", "# Parameters\n!ls", CALL], None),
        ([], None),
    ],
)
def test_a_parameter_of_papermills_command_line_that_a_notebook_does_not_have_is_named(monkeypatch, cells, refused):
    shell = SimpleNamespace(user_ns={"In": ["", *cells]})
    monkeypatch.setattr("IPython.get_ipython", lambda: shell)
    near = {"seedz": r"did you mean 'seeds'\? Its", "n_layers": r"did you mean 'layer_counts'\? Its"}
    with pytest.raises(StudyError, match=f"sweeps has no parameter '{refused}'; {near[refused]}") if refused else nullcontext():
        study.sweeps(seeds=[0])


def test_a_parameter_left_out_is_the_published_studys():
    assert study.sweeps() == study.section_plan("sweeps", "full")
    swept = study.select(study.sweeps(seeds=[3]), role=["sweep", "counts"])
    assert swept == [run for run in study.select(study.sweeps(), role=["sweep", "counts"]) if run.spec.seed == 3 or run.spec.is_counts]


@pytest.mark.parametrize(("section", "profile"), SECTION_PROFILES)
def test_parameters_are_the_sections_literals(section, profile):
    parameters = study.SECTIONS[section].parameters(profile)
    assert list(parameters) == list(inspect.signature(SECTIONS[section].plan).parameters)
    assert json.loads(json.dumps(parameters)) == parameters


@checked
def toy(*, corpus: str = "grammar-char", sizes: Sequence[int] = (8, 16), rate: float = 0.5) -> list[Planned]:
    """A run for each size."""
    spec = RunSpec(corpus=corpus, model=LinearConfig(), train=TrainConfig(steps=1, lr=rate))
    return [planned(f"{n}", replace(spec, model=LinearConfig(context_length=n))) for n in sizes]


TOY = Section(notebook="11_toy", plan=toy, quick={"sizes": [4]}, smoke={"sizes": [2], "rate": 1})


def test_a_profile_changes_the_published_parameters_that_it_names_and_no_other():
    assert TOY.parameters("full") == {"corpus": "grammar-char", "sizes": [8, 16], "rate": 0.5}
    assert TOY.parameters("quick") == {"corpus": "grammar-char", "sizes": [4], "rate": 0.5}
    assert TOY.parameters("smoke") == {"corpus": "grammar-char", "sizes": [2], "rate": 1}
    with pytest.raises(StudyError, match="unknown profile 'tiny'; there are: full, quick, smoke"):
        TOY.parameters("tiny")


def test_a_section_is_named_as_its_plan_and_plans_what_its_parameters_say():
    assert TOY.name == "toy"
    assert TOY.planned("full") == toy() and [run.spec.model.context_length for run in TOY.planned("smoke")] == [2]
    with pytest.raises(StudyError, match=r"toy has no parameter 'size'; did you mean 'sizes'\? Its parameters are corpus, sizes, rate"):
        replace(TOY, smoke={"size": 2}).planned("smoke")


def test_a_section_is_planned_once_and_its_list_is_the_callers():
    made = []
    counted = functools.wraps(toy)(lambda **parameters: made.append(parameters) or toy(**parameters))
    section = replace(TOY, plan=counted)
    section.planned("full").clear()
    assert section.planned("full") == toy() and len(made) == 1
    assert section.planned("smoke") == TOY.planned("smoke") and len(made) == 2


def test_a_whole_number_will_do_for_a_float_and_is_left_to_the_configs_elsewhere():
    assert toy(rate=1)[0].spec.train.lr == 1.0
    with pytest.raises(ConfigError, match="context_length: needs a whole number, got 1.5"):
        toy(sizes=[1.5])
