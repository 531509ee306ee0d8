"""What the commands that use trained models share: the model's flag, opening one, the list of those that are here."""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tinylm.cli.common import Request, UsageError, folder, read_ledger, relative, table
from tinylm.evaluation import pretrained

if TYPE_CHECKING:
    from tinylm.evaluation.weights import Trained

NAMING = (
    f"one that comes with the package ({', '.join(pretrained.MODELS)}), a weights file, a run's key or the beginning of it, or a planned "
    "run's name, as RoPE or, with its seed, RoPE@1"
)


@dataclass(frozen=True, kw_only=True)
class ModelRequest(Request):
    """A trained model to open, and the folder of the corpora."""

    model: str
    data_dir: Path | None

    def open(self) -> "Trained":
        """The model; WeightsError where it is not here."""
        return open_model(self.model, self.data_dir)


def add_model_flags(parser: argparse.ArgumentParser, reads_corpus_for: str = "weights without vocabulary") -> None:
    """Add --model and --data-dir; the help says what a corpus is read for."""
    help_text = f"{NAMING}; weights trained here take precedence over the package's (default: {pretrained.DEFAULT})"
    parser.add_argument("--model", metavar="NAME|KEY|FILE", default=pretrained.DEFAULT, help=help_text)
    add_data_dir(parser, reads_corpus_for)


def add_data_dir(parser: argparse.ArgumentParser, reads_corpus_for: str) -> None:
    """Add --data-dir; the help says what a corpus is read for."""
    parser.add_argument("--data-dir", type=folder, metavar="DIR", help=f"the folder above the corpora's folders, for {reads_corpus_for}")


def open_model(name: str, data_dir: Path | None) -> "Trained":
    """The trained model that a name, key or path means; weights trained here take precedence over the package's."""
    try:
        from tinylm.evaluation import weights  # torch is loaded only by the commands that compute
    except ModuleNotFoundError as error:
        raise UsageError(f"a trained model needs the package {error.name}; run `python -m pip install {error.name}`") from error
    records = read_ledger().records
    return weights.open_file(weights.find(pretrained.key(name), pretrained.at_hand(), records), records, data_dir)


def listing() -> str:
    """A table of the trained models that are here: the package's by name, the others by the name of their run."""
    from tinylm.evaluation import weights

    files, packed = pretrained.at_hand(), {key: name for name, key in pretrained.MODELS.items()}
    rows = []
    for key, name, record in weights.listing(files, read_ledger().records):
        nll = f"{record.test.nll:.4f}" if record and record.test else "-"
        rows.append([packed.get(key, name) or "-", key, record.spec.corpus if record else "-", nll, relative(files[key])])
    if not rows:
        empty = "no trained model is here, and tinylm/evaluation/pretrained is empty"
        return f"{empty}; train one with: python -m tinylm train --run Transformer@0"
    return table(["model", "key", "corpus", "test NLL", "file"], rows)
