import pytest

from tinylm import study
from tinylm.study.parameters import StudyError
from tinylm.study.profiles import PROFILES


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


def test_a_parameter_left_out_is_named():
    with pytest.raises(StudyError, match="sweeps needs the parameter 'seeds'"):
        study.sweeps(**{name: value for name, value in PROFILES["smoke"]["sweeps"].items() if name != "seeds"})
