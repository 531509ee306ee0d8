"""What the commands that generate text share: the flags of the sampling, and the text of token after token."""

import argparse
import sys
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tinylm.cli.common import real, whole
from tinylm.cli.trained_models import ModelRequest
from tinylm.config import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tinylm.evaluation.model import Model


@dataclass(frozen=True, kw_only=True)
class SamplingRequest(ModelRequest):
    """A trained model, how many tokens it generates, and how they are sampled."""

    length: int
    temperature: float
    top_k: int
    seed: int

    @property
    def sampling(self) -> dict[str, float]:
        """The settings of the sampling, as `Model.stream` takes them."""
        return {"temperature": self.temperature, "top_k": self.top_k, "seed": self.seed}


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


def pieces(model: "Model", prompt: str, sampling: dict[str, float]) -> "Iterator[str]":
    """An endless iterator over the texts of the tokens that continue a prompt; words outside the vocabulary are named on stderr.

    A vocabulary may be anybody's, so what is printed goes through `shown.printable`.
    """
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        found = model.stream(prompt, **sampling)
    for warning in told:
        print(f"warning: {shown.printable(str(warning.message))}", file=sys.stderr)
    return found


def lead_note(model: "Model") -> str:
    """A note on what precedes a short prompt; empty for a model that can be asked about any context."""
    if model.spec.is_counts or model.spec.train.loss_at == "all":
        return ""
    length, corpus = model.spec.model.context_length, model.vocabulary.corpus
    note = f"note: the model was trained on full windows of {length} tokens; text of {corpus} fills the window before a shorter prompt"
    return shown.printable(note)


def write_on(prompt: str, pieces: "Iterator[str]") -> None:
    """Print a prompt and then each piece as soon as it is drawn."""
    print(shown.printable(prompt), end="", flush=True)
    for piece in pieces:
        print(shown.printable(piece), end="", flush=True)
    print()
