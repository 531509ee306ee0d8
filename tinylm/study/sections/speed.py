"""The appendix on speed. Needs no torch."""

from tinylm.study.parameters import checked
from tinylm.study.planned import Planned


@checked
def speed(*, device: str) -> list[Planned]:
    """The appendix on speed shows timings that `python -m tinylm bench` recorded; it plans no run."""
    return []
