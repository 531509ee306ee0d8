"""What a probe is: something measured beside the training, once a subject, kept as one JSON file in a folder of the ledger."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

from tinylm import data, files, ledger
from tinylm.study import Planned

Subject = TypeVar("Subject")


class Probe(ABC, Generic[Subject]):
    """A measurement in a folder of the ledger; `is_costly` when one takes minutes, and is made for the published study only."""

    folder: str
    title: str
    is_costly = False

    @abstractmethod
    def subjects(self, plan: Sequence[Planned], corpora: Sequence[str]) -> list[Subject]:
        """What is measured of a plan and of the corpora that its notebooks show."""

    @abstractmethod
    def name(self, subject: Subject) -> str:
        """The subject's name to a reader."""

    @abstractmethod
    def key(self, subject: Subject) -> str:
        """The name of the subject's file, without .json."""

    @abstractmethod
    def is_possible(self, subject: Subject, data_dir: Path | None) -> bool:
        """Whether all that the measurement needs is at hand."""

    @abstractmethod
    def measure(self, subject: Subject, data_dir: Path | None) -> dict[str, Any]:
        """The facts, as JSON values."""

    def is_current(self, subject: Subject, facts: dict[str, Any]) -> bool:
        """Whether recorded facts are of this very subject."""
        return True

    def read(self, subject: Subject, folders: Sequence[Path]) -> dict[str, Any] | None:
        """What is recorded of a subject in the first ledger folder that has it, None where there is nothing."""
        found = (ledger.read_facts(folder / self.folder / f"{self.key(subject)}.json") for folder in folders)
        return next((facts for facts in found if facts is not None and self.is_current(subject, facts)), None)

    def record(self, subject: Subject, folder: Path, data_dir: Path | None = None) -> dict[str, Any]:
        """Measure, and write the facts into the ledger folder."""
        facts = self.measure(subject, data_dir)
        ledger.write_facts(folder / self.folder / f"{self.key(subject)}.json", facts)
        return facts

    def missing(self, subjects: Sequence[Subject], folders: Sequence[Path], data_dir: Path | None) -> list[Subject]:
        """The subjects that have no record and can be measured here."""
        return [one for one in subjects if self.read(one, folders) is None and self.is_possible(one, data_dir)]


class CorpusProbe(Probe[str]):
    """A probe of corpora by name; its facts hold the sha256 of the very text that they are of."""

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
        return {"sha256": corpus.info.sha256} | self.facts(corpus)

    @abstractmethod
    def facts(self, corpus: data.Corpus) -> dict[str, Any]:
        """What is measured, as JSON values."""


class RunProbe(Probe[Planned]):
    """A probe of runs: of their weights, or of counts, which need none."""

    def name(self, subject: Planned) -> str:
        return subject.name

    def key(self, subject: Planned) -> str:
        return subject.spec.key

    def is_possible(self, subject: Planned, data_dir: Path | None) -> bool:
        spec = subject.spec
        return (spec.is_counts or weights_file(subject).exists()) and data.available(spec.corpus, data_dir)


def weights_file(run: Planned) -> Path:
    """Where training leaves the weights of a run."""
    return files.WEIGHTS / f"{run.spec.key}.safetensors"
