"""What the study and its sister project state for a spec of ours."""

from dataclasses import replace
from functools import cache

from tinylm.config import RunSpec
from tinylm.study import plan, reported_rows, section_plan


def paper_row(spec: RunSpec) -> reported_rows.PaperRow | None:
    """The study's own row for a spec, whatever its seed; None where the spec is not one of its runs."""
    return _paper_rows().get(replace(spec, seed=0).key)


@cache
def _paper_rows() -> dict[str, reported_rows.PaperRow]:
    # The control's models bear the same names, but read a generated text that the study does not have.
    runs = [run for run in plan("full") if run.section != "control" and run.spec.seed == 0]
    return {run.spec.key: reported_rows.ROWS[run.name] for run in runs if run.name in reported_rows.ROWS}


def sister_row(spec: RunSpec) -> reported_rows.SisterRow | None:
    """What the sister project states for a run of its models, whatever its seed; None where it states nothing of it."""
    return _sister_rows().get(replace(spec, seed=0).key)


@cache
def _sister_rows() -> dict[str, reported_rows.SisterRow]:
    runs = [run for run in section_plan("claims", "full") if run.spec.seed == 0]
    return {run.spec.key: reported_rows.SISTER_ROWS[run.name] for run in runs if run.name in reported_rows.SISTER_ROWS}
