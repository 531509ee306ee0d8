"""What the study and its sister project state for a spec of ours."""

from collections.abc import Collection, Iterable
from dataclasses import replace
from functools import cache
from typing import Any, TypeVar

from tinylm.config import RunSpec
from tinylm.study import plan
from tinylm.study.planned import select
from tinylm.study.reported_rows import ROWS, SISTER_ROWS, SISTER_WORDS, PaperRow, SisterRow

Row = TypeVar("Row")


def paper_row(spec: RunSpec) -> PaperRow | None:
    """The study's own row for a spec, whatever its seed; None where the spec is not one of its runs."""
    return _paper_rows().get(replace(spec, seed=0).key)


@cache
def _paper_rows() -> dict[str, PaperRow]:
    return _by_key(ROWS)


def sister_row(spec: RunSpec) -> SisterRow | None:
    """What the sister project states for a run of its models, whatever its seed; None where it states nothing of it."""
    return _sister_rows().get(replace(spec, seed=0).key)


def sister_untrained(trained: Collection[RunSpec]) -> list[tuple[str, SisterRow]]:
    """What the sister project states of models that are not among the trained ones, by name: runs of the plan, then those on words."""
    keys = {replace(spec, seed=0).key for spec in trained}
    runs = {run.spec.key: run for run in select(plan("full"), section="claims", role="sister", seed=0)}
    named = [(run.name, _sister_rows()[key]) for key, run in runs.items() if key in _sister_rows() and key not in keys]
    return named + [(f"Transformer on {text}", SisterRow(nll, "vocabulary cut to 10,000 words")) for text, nll in SISTER_WORDS.items()]


@cache
def _sister_rows() -> dict[str, SisterRow]:
    return _by_key(SISTER_ROWS)


def _by_key(rows: Iterable[tuple[dict[str, Any], Row]]) -> dict[str, Row]:
    runs = select(plan("full"), seed=0)
    return {run.spec.key: row for fields, row in rows for run in select(runs, **fields)}
