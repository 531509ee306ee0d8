"""Planned runs -> their records, for a notebook: found in the ledger, or trained when the parameters were edited."""

from collections.abc import Sequence
from typing import Any

from tinylm import data, files, ledger, study
from tinylm.config import TinylmError
from tinylm.config.interrupts import uninterrupted
from tinylm.evaluation.probes import STATISTICS
from tinylm.ledger import RunRecord
from tinylm.report.runs import Run
from tinylm.study import Planned


class MissingRecords(TinylmError):
    """Published runs that are not in the ledger."""


def run(planned: Sequence[Planned], minutes: float = 0.0) -> list[Run]:
    """The records of the planned runs, in order; prints which are missing.

    A missing run of the published study is never trained here: it takes hours, and `run_me.py --train` does it. Any other
    missing run, one whose parameters were edited, is trained now and kept in out/ledger, for at most `minutes` where they
    are given. Raises PoolError where it would take more than ten and none are given, or where it was stopped: calling again goes
    on. Raises MissingRecords when there is no record of any run.
    """
    published = {run.spec.key for run in study.plan("full")}
    found = ledger.known()
    new = [run for run in planned if found.find(run.spec) is None and run.spec.key not in published]
    if new:
        _train(new, minutes)
        found = ledger.known()
    pairs = [(run, found.find(run.spec)) for run in planned]
    _report_missing([run for run, record in pairs if record is None])
    results = [Run(run, record) for run, record in pairs if record is not None]
    if planned and not results:
        raise MissingRecords(f"no record of this section exists yet; train it with: {_command(planned)}")
    return results


def search_records(level: str) -> list[RunRecord]:
    """The records of the runs that chose the recipes of a level, character or word, none of which is a result of the study."""
    found = ledger.Ledger([files.LEDGER / ledger.SEARCH]).records.values()
    return [record for record in found if data.info(record.spec.corpus).level == level]


def companions(planned: Sequence[Planned]) -> list[Planned]:
    """The other sections of the study that the planned section is part of, for a notebook that reads the results of all of them.

    A section with edited parameters is set beside the published study.
    """
    section, keys = planned[0].section, {run.spec.key for run in planned}
    profiles = [name for name in study.PROFILES if {run.spec.key for run in study.section_plan(section, name)} == keys]
    return [run for run in study.plan(profiles[0] if profiles else "full") if run.section != section]


def _train(planned: Sequence[Planned], minutes: float) -> None:
    try:
        with uninterrupted():
            from tinylm.training import machine, pool  # torch is loaded only where a run is missing

        settings = machine.Settings(minutes=minutes)
        print(pool.require_allowed(planned, settings, "tl.run(plan, minutes={minutes})"), flush=True)
        pool.finish_all(planned, settings)
    except KeyboardInterrupt:  # before the first run
        raise MissingRecords("stopped before training; run the cell again to go on") from None


def _command(planned: Sequence[Planned]) -> str:
    sections = {run.section for run in planned}
    return "python -m tinylm train --missing" + (f" --section {sections.pop()}" if len(sections) == 1 else "")


def _report_missing(planned: Sequence[Planned]) -> None:
    if planned:
        rows = len({run.name for run in planned})
        print(f"{len(planned)} planned runs of {rows} row{'s' if rows > 1 else ''} are not recorded; {_command(planned)} trains them.")


def corpus_statistics(names: Sequence[str]) -> list[dict[str, Any]]:
    """The recorded statistics of the named corpora; computed now and kept in out/ledger where there is no record of this text."""
    return [STATISTICS.read(name, files.ledgers()) or STATISTICS.record(name, files.LOCAL_LEDGER) for name in names]
