"""What the commands that use trained models share: the model's flag, opening one, the list of those that are here."""

import argparse
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tinylm import data
from tinylm.cli.common import Request, folder, relative, table
from tinylm.config.errors import needing_packages
from tinylm.evaluation import pretrained

if TYPE_CHECKING:
    from tinylm.evaluation.model import Model

NAMING = (
    f"one that comes with the package ({', '.join(pretrained.MODELS)}), a weights file, a run's key or the beginning of it, or a planned "
    "run's name, as RoPE, KN-6 or, with its seed, RoPE@1"
)

WITH = "another model of the same corpus, whose probabilities are added by weights fitted to valid, as of counts to a network"


@dataclass(frozen=True, kw_only=True)
class ModelRequest(Request):
    """A trained model to open, those that it is mixed with, and the folder of the corpora."""

    model: str
    data_dir: Path | None
    others: Sequence[str] = ()

    def open(self) -> "Model":
        """The model, or the mixture; WeightsError where one is not here."""
        model, *others = (open_model(name, self.data_dir) for name in (self.model, *self.others))
        if not others:
            return model
        from tinylm.evaluation import mixture

        return mixture.mix(model, *others, held_out=data.load(model.spec.corpus, self.data_dir))


def add_model_flags(parser: argparse.ArgumentParser, reads_corpus_for: str = "weights without vocabulary") -> None:
    """Add --model and --data-dir; the help says what a corpus is read for."""
    help_text = f"{NAMING}; weights trained here take precedence over the package's (default: {pretrained.DEFAULT})"
    parser.add_argument("--model", metavar="NAME|KEY|FILE", default=pretrained.DEFAULT, help=help_text)
    parser.add_argument("--with", dest="others", metavar="NAME|KEY|FILE", action="append", default=[], help=f"{WITH} (may be given again)")
    add_data_dir(parser, reads_corpus_for)


def add_data_dir(parser: argparse.ArgumentParser, reads_corpus_for: str) -> None:
    """Add --data-dir; the help says what a corpus is read for."""
    parser.add_argument("--data-dir", type=folder, metavar="DIR", help=f"the folder above the corpora's folders, for {reads_corpus_for}")


def open_model(name: str, data_dir: Path | None) -> "Model":
    """The trained model that a name, key or path means, as `loading.load`."""
    with needing_packages("a trained model"):
        from tinylm.evaluation import loading  # pandas and torch are loaded only by the commands that compute

        return loading.load(name, data_dir)


def listing() -> str:
    """A table of the trained models that are here: the package's by name, the others by the name of their run."""
    from tinylm.evaluation import loading

    here = loading.list_models()
    if here.empty:
        empty = "no trained model is here, and tinylm/evaluation/pretrained is empty"
        return f"{empty}; train one with: python -m tinylm train --run Transformer@0"
    shown = here.assign(
        model=here["model"].fillna("-"),
        corpus=here["corpus"].map(data.called, na_action="ignore").fillna("-"),
        test_nll=["-" if math.isnan(nll) else f"{nll:.4f}" for nll in here["test_nll"]],
        file=[relative(Path(file)) if file else "-" for file in here["file"]],
    )
    rows = shown[["name", "model", "corpus", "test_nll", "file"]].to_numpy().tolist()
    return table(["name", "model", "corpus", "test NLL", "file"], rows)
