"""What the commands that use trained models share: the model's flag, sampling flags, how a prompt is read."""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tinylm.cli.common import Request, UsageError, folder, read_ledger, real, relative, table, whole
from tinylm.evaluation import pretrained

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tinylm.evaluation.generate import Sampling
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


@dataclass(frozen=True, kw_only=True)
class SamplingRequest(ModelRequest):
    """A trained model, how many tokens it generates, and how they are sampled."""

    length: int
    temperature: float
    top_k: int
    seed: int

    def sampling(self) -> "Sampling":
        """The settings of the sampling; ConfigError for a seed that is too large."""
        from tinylm.evaluation.generate import Sampling  # torch is loaded only by the commands that compute

        return Sampling(temperature=self.temperature, top_k=self.top_k, seed=self.seed)


def add_model_flags(parser: argparse.ArgumentParser, reads_corpus_for: str = "weights without vocabulary") -> None:
    """Add --model and --data-dir; the help says what a corpus is read for."""
    help_text = f"{NAMING}; weights trained here take precedence over the package's (default: {pretrained.DEFAULT})"
    parser.add_argument("--model", metavar="NAME|KEY|FILE", default=pretrained.DEFAULT, help=help_text)
    add_data_dir(parser, reads_corpus_for)


def add_data_dir(parser: argparse.ArgumentParser, reads_corpus_for: str) -> None:
    """Add --data-dir; the help says what a corpus is read for."""
    parser.add_argument("--data-dir", type=folder, metavar="DIR", help=f"the folder above the corpora's folders, for {reads_corpus_for}")


def add_sampling_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of the sampling."""
    parser.add_argument("--length", type=whole(1), default=300, metavar="N", help="tokens to generate (300)")
    parser.add_argument(
        "--temperature", type=temperature, default=0.8, metavar="T", help="sampling temperature; 0 takes the most likely token (0.8)"
    )
    parser.add_argument("--top-k", type=whole(0), default=0, metavar="K", help="sample from the K most likely tokens only (0: from all)")
    parser.add_argument("--seed", type=whole(0), default=0, metavar="N", help="the same seed gives the same text (0)")


def temperature(text: str) -> float:
    """An argument type: a finite number from 0 up."""
    value = real(text)
    if not 0 <= value < 1e6:
        raise argparse.ArgumentTypeError(f"{text!r} is not a temperature from 0 up")
    return value


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


def pieces(trained: "Trained", prompt: str, sampling: "Sampling") -> "Iterator[str]":
    """An endless iterator over the texts of the tokens that continue a prompt; words outside the vocabulary are named on stderr."""
    from tinylm.evaluation import generate

    ids = trained.vocabulary.encode(prompt)  # raises for an unknown token where there is no <unk>
    for word, count in trained.vocabulary.unknown(prompt).items():
        print(f"warning: {trained.spec.corpus} has no {word!r}; <unk> replaces it {_times(count)}", file=sys.stderr)
    return map(trained.vocabulary.next_text, generate.continued(trained, ids, sampling))


def lead_note(trained: "Trained") -> str:
    """A note on what precedes a short prompt; empty for a model that was trained on contexts of all lengths."""
    if trained.spec.train.loss_at == "all":
        return ""
    length, corpus = trained.spec.model.context_length, trained.spec.corpus
    return f"note: the model was trained on full windows of {length} tokens; text of {corpus} fills the window before a shorter prompt"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
