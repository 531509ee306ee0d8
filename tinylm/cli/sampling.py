"""What the commands that generate text share: the flags of the sampling, and the text of token after token."""

import argparse
import sys
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

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
    top_p: float = 1.0
    stop: tuple[str, ...] = ()

    @property
    def sampling(self) -> dict[str, Any]:
        """The settings of the sampling, as `Model.stream` takes them."""
        return {name: getattr(self, name) for name in ("temperature", "top_k", "seed", "top_p", "stop")}


def add_sampling_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of the sampling."""
    parser.add_argument("--length", type=whole(1), default=300, metavar="N", help="tokens to generate (300)")
    parser.add_argument(
        "--temperature", type=temperature, default=0.8, metavar="T", help="sampling temperature; 0 takes the most likely token (0.8)"
    )
    parser.add_argument("--top-k", type=whole(0), default=0, metavar="K", help="sample from the K most likely tokens only (0: from all)")
    most = "sample from the most likely tokens only, as many as have this probability together (1: from all)"
    parser.add_argument("--top-p", type=share, default=1.0, metavar="P", help=most)
    until = "end before the first of these texts; \\n is a line end"
    parser.add_argument("--stop", type=stop, nargs="+", action="extend", default=[], metavar="TEXT", help=until)
    parser.add_argument("--seed", type=whole(0), default=0, metavar="N", help="the same seed gives the same text (0)")


def share(text: str) -> float:
    """An argument type: a number above 0 and at most 1."""
    value = real(text)
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a share above 0 and at most 1")
    return value


def stop(text: str) -> str:
    """An argument type: a text of one character or more, in which \\n is a line end."""
    if not text:
        raise argparse.ArgumentTypeError("the text to stop at is empty; give one character or more")
    return text.replace("\\n", "\n")


def temperature(text: str) -> float:
    """An argument type: a finite number from 0 up."""
    value = real(text)
    if not 0 <= value < 1e6:
        raise argparse.ArgumentTypeError(f"{text!r} is not a temperature from 0 up")
    return value


def pieces(model: "Model", prompt: str, sampling: dict[str, Any], length: int | None = None) -> "Iterator[str]":
    """The texts of the tokens that continue a prompt, `length` of them or without end; words outside the vocabulary are named on stderr.

    A vocabulary may be anybody's, so what is printed goes through `shown.printable`.
    """
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        found = model.stream(prompt, **sampling, length=length)
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
