import pytest

from tinylm import study


def test_timings_are_no_runs():
    assert [study.section_plan("speed", profile) for profile in study.PROFILES] == [[], [], []]


def test_the_machine_whose_timings_are_shown_is_a_parameter():
    assert study.SECTIONS["speed"].parameters("full") == {"device": "cpu"}
    with pytest.raises(study.StudyError, match="device: needs a name in quotes, got 0"):
        study.speed(device=0)
