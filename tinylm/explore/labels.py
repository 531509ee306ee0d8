"""How the explorer names runs and sizes."""

from collections.abc import Iterable

from tinylm.study import Planned

STEPS_OF_TEN = (1, 2, 5)


def title(run: Planned) -> str:
    """SECTION/NAME, which seeds share."""
    return f"{run.section}/{run.name}"


def sizes(counts: Iterable[int]) -> list[tuple[str, int]]:
    """Zero and round sizes from a thousand up, to the first that none of the counts exceeds, with labels for a slider."""
    high = max(counts, default=0)
    steps = [m * 10**e for e in range(3, 13) for m in STEPS_OF_TEN]
    last = next(i for i, step in enumerate(steps) if step >= high)
    return [(short_count(step), step) for step in [0, *steps[: last + 1]]]


def short_count(value: int) -> str:
    """A round count with the letter of its thousands, e.g. 200k."""
    for letter, unit in (("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if value >= unit:
            return f"{value // unit}{letter}"
    return str(value)
