"""Statistics of the corpora that notebooks show, so that the report needs no text."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tinylm import data
from tinylm.data import statistics
from tinylm.evaluation.probes.probe import Probe
from tinylm.study import Planned


class Statistics(Probe[str]):
    """What a corpus is like before any model reads it; a record is of the very text whose sha256 it holds."""

    folder = "corpora"
    title = "statistics"

    def subjects(self, plan: Sequence[Planned], corpora: Sequence[str]) -> list[str]:
        """Every corpus that a notebook shows."""
        return list(dict.fromkeys(corpora))

    def name(self, subject: str) -> str:
        return subject

    def key(self, subject: str) -> str:
        return subject

    def is_possible(self, subject: str, data_dir: Path | None) -> bool:
        return data.available(subject, data_dir)

    def is_current(self, subject: str, facts: dict[str, Any]) -> bool:
        return facts.get("sha256") == data.info(subject).sha256

    def measure(self, subject: str, data_dir: Path | None) -> dict[str, Any]:
        corpus = data.load(subject, data_dir)
        return {"sha256": corpus.info.sha256} | statistics.corpus_statistics(corpus)


STATISTICS = Statistics()
