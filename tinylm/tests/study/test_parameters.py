import inspect
import json

import pytest

from tinylm import study
from tinylm.study import SECTIONS
from tinylm.study.parameters import StudyError


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
        study.sweeps(**(study.SECTIONS["sweeps"].parameters("smoke") | change))


def test_a_parameter_left_out_is_the_published_studys():
    assert study.sweeps() == study.section_plan("sweeps", "full")
    assert study.sweeps(seeds=[3]) == [run for run in study.sweeps() if run.spec.seed == 3 or run.spec.is_counts]


SECTION_PROFILES = [(section, profile) for profile in study.PROFILES for section in study.SECTIONS]


@pytest.mark.parametrize(("section", "profile"), SECTION_PROFILES)
def test_parameters_are_the_sections_literals(section, profile):
    parameters = study.SECTIONS[section].parameters(profile)
    assert list(parameters) == list(inspect.signature(SECTIONS[section].plan).parameters)
    assert json.loads(json.dumps(parameters)) == parameters
