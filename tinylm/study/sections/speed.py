"""The appendix on speed. Needs no torch."""

from tinylm.study.parameters import Section, checked
from tinylm.study.planned import Planned


@checked
def speed(*, device: str = "cpu") -> list[Planned]:
    """The appendix on speed shows timings that `python -m tinylm bench` recorded; it plans no run."""
    return []


SECTION = Section(notebook="09_speed", plan=speed)
