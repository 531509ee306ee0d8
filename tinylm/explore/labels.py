"""How the explorer names runs and sizes."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from tinylm.analysis.summaries import Result
from tinylm.config import NgramConfig
from tinylm.ledger import RunRecord
from tinylm.study import Planned, titles

STEPS_OF_TEN = (1, 2, 5)


def run_of(record: RunRecord, planned: Mapping[str, Planned]) -> Planned:
    """The planned run of a record; one of its own, called by its architecture and the key of its seed 0, where there is none."""
    spec = record.spec
    if spec.key in planned:
        return planned[spec.key]
    architecture = titles.architecture(spec.model)
    kind = spec.model.title if isinstance(spec.model, NgramConfig) else architecture
    return Planned(section="local", role="single", architecture=architecture, name=f"{kind}, {replace(spec, seed=0).key[:8]}", spec=spec)


def title(run: Planned) -> str:
    """SECTION/NAME, which seeds share."""
    return f"{run.section}/{run.name}"


def called(name: str, result: Result) -> Result:
    """The result under another name of its run."""
    return Result(replace(result.run, name=name), result.record)


def results(records: Iterable[RunRecord], planned: Mapping[str, Planned]) -> list[Result]:
    """The records that today's code would give, with their runs: networks before counts, planned ones in the study's order."""
    order = {key: i for i, key in enumerate(reversed(planned))}
    kept = [record for record in records if not record.is_stale]
    kept.sort(key=lambda record: (record.spec.is_counts, order.get(record.spec.key, len(order))))
    return [Result(run_of(record, planned), record) for record in kept]


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
