"""The trained models at hand, those of the package first, by labels to choose from; each is opened once."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from tinylm import data, ledger, study
from tinylm.analysis import frames
from tinylm.config import ModelConfig
from tinylm.config.errors import needing_packages
from tinylm.config.interrupts import uninterrupted
from tinylm.evaluation import pretrained
from tinylm.explore import labels

if TYPE_CHECKING:
    from tinylm.evaluation.model import Model

NONE_HERE = (
    "No trained model is here, and the folder tinylm/evaluation/pretrained lacks those that come with the package: git checkout "
    "tinylm/evaluation/pretrained brings them back. This trains a small one in seconds: python -m tinylm train --recipe transformer "
    "--corpus grammar-char --budget 1e10. Then look again."
)


class Checkpoints:
    """The weights files of those models that are accepted; a file without a record may be of any model."""

    def __init__(self, accepts: Callable[[ModelConfig], bool]) -> None:
        self._accepts = accepts
        self._opened: dict[Path, Model] = {}
        self.scan()

    def scan(self) -> dict[str, Path]:
        """The files there are now by their labels: the package's, planned runs, others, those without a record."""
        self._records, planned, packed = ledger.known().records, study.by_key(), [*pretrained.MODELS.values()]
        found = []
        for key, path in pretrained.at_hand().items():
            record = self._records.get(key)
            parts = [self._records[part] for part in pretrained.mixed(path) if part in self._records] if record is None else []
            if parts:
                if all(self._accepts(part.spec.model) for part in parts):
                    title = " with ".join(labels.title(frames.run_of(part, planned)) for part in parts)
                    found.append((len(packed) + 1, f"{data.called(parts[0].spec.corpus)} · {title}", path))
            elif record is None:
                found.append((len(packed) + 2, f"{key} · no record", path))
            elif self._accepts(record.spec.model):
                score = f" · test NLL {record.test.nll:.3f}" if record.test else ""
                title = labels.title(frames.run_of(record, planned))
                label = f"{data.called(record.spec.corpus)} · {title}, seed {record.spec.seed}{score}"
                rank = packed.index(key) if key in packed else len(packed) + (key not in planned)
                found.append((rank, label, path))
        return {label: path for _, label, path in sorted(found)}

    def open(self, path: Path) -> "Model":
        """The model in a file; PackageError or WeightsError says why it cannot be used."""
        if path not in self._opened:
            with needing_packages("a trained model"), uninterrupted():
                from tinylm.evaluation import weights  # torch is loaded only where a model computes
            self._opened[path] = weights.open_file(path, self._records)
        return self._opened[path]
