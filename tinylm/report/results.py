"""Planned runs -> their records, for a notebook: found in the ledger, or trained when the parameters were edited."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tinylm import data, files, ledger, study
from tinylm.analysis.summaries import Result
from tinylm.config import TinylmError
from tinylm.data import statistics
from tinylm.ledger import RunRecord
from tinylm.study import Planned


class MissingRecords(TinylmError):
    """Published runs that are not in the ledger."""


def run(planned: Sequence[Planned]) -> list[Result]:
    """The records of the planned runs, in order; prints which are missing.

    A missing run of the published study is never trained here: it takes hours, and `run_me.py --train` does it. Any other
    missing run, one whose parameters were edited, is trained now and kept in out/ledger. Raises MissingRecords when none
    is left.
    """
    published = {run.spec.key for run in study.plan("full")}
    found = ledger.Ledger([files.LEDGER, files.LOCAL_LEDGER])
    new = [run for run in planned if found.find(run.spec) is None and run.spec.key not in published]
    if new:
        _train(new)
        found = ledger.Ledger([files.LEDGER, files.LOCAL_LEDGER])
    pairs = [(run, found.find(run.spec)) for run in planned]
    _report_missing([run for run, record in pairs if record is None])
    results = [Result(run.name, record) for run, record in pairs if record is not None]
    if planned and not results:
        raise MissingRecords(f"no record of this section exists yet; train it with: {_command(planned)}")
    return results


def of_corpora(results: Sequence[Result], corpora: Sequence[str]) -> list[Result]:
    """The results on the named corpora."""
    return [result for result in results if result.record.spec.corpus in corpora]


def search_records(level: str) -> list[RunRecord]:
    """The records of the runs that chose the recipes of a level, character or word, none of which is a result of the study."""
    found = ledger.Ledger([files.LEDGER / "search"]).records.values()
    return [record for record in found if data.info(record.spec.corpus).level == level]


def companions(planned: Sequence[Planned]) -> list[Planned]:
    """The other sections of the study that the planned section is part of, for a notebook that reads the results of all of them.

    A section with edited parameters is set beside the published study. The control is left out: its models bear the names of others.
    """
    section, keys = planned[0].section, {run.spec.key for run in planned}
    profiles = [name for name in study.PROFILES if {run.spec.key for run in study.section_plan(section, name)} == keys]
    return [run for run in study.plan(profiles[0] if profiles else "full") if run.section not in (section, "control")]


def _train(planned: Sequence[Planned]) -> None:
    from tinylm.training import pool  # torch is loaded only where a run is missing

    left = pool.train_all(planned, pool.Settings(), lambda run, record: None)
    if left:
        raise MissingRecords(f"{len(left)} of {len(planned)} runs were stopped; run the cell again to continue them")


def _command(planned: Sequence[Planned]) -> str:
    sections = {run.section for run in planned}
    return "python -m tinylm train --missing" + (f" --section {sections.pop()}" if len(sections) == 1 else "")


def _report_missing(planned: Sequence[Planned]) -> None:
    if planned:
        seeds = Counter(run.name for run in planned)
        names = ", ".join(f"{name} ({n} seed{'s' if n > 1 else ''})" for name, n in seeds.items())
        print(f"Not yet in the ledger: {names}.\nTrain them with: {_command(planned)}")


def corpus_statistics(names: Sequence[str]) -> list[dict[str, Any]]:
    """The recorded statistics of the named corpora; computed now and kept in out/ledger where there is no record of this text."""
    folders = (files.LEDGER, files.LOCAL_LEDGER)
    return [recorded_statistics(name, folders) or record_statistics(name, files.LOCAL_LEDGER) for name in names]


def recorded_statistics(name: str, folders: Sequence[Path]) -> dict[str, Any] | None:
    """The record of a corpus's statistics in the first ledger folder that has it, None where there is none of this very text."""
    for folder in folders:
        found = ledger.read_facts(folder / "corpora" / f"{name}.json")
        if found is not None and found.get("sha256") == data.info(name).sha256:
            return found
    return None


def record_statistics(name: str, folder: Path, data_dir: Path | None = None) -> dict[str, Any]:
    """Compute a corpus's statistics and write them to folder/corpora/NAME.json."""
    corpus = data.load(name, data_dir)
    found = {"sha256": corpus.info.sha256} | statistics.corpus_statistics(corpus)
    ledger.write_text(folder / "corpora" / f"{name}.json", json.dumps(found, indent=1) + "\n")
    return found
