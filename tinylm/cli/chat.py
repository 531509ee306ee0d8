"""`chat`: continue prompts line by line; settings can be changed in between."""

import argparse
import contextlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinylm.cli import sampling, trained_models
from tinylm.cli.common import command, whole
from tinylm.config import TinylmError, shown

if TYPE_CHECKING:
    from tinylm.evaluation.model import Model

EXAMPLES = """
  python -m tinylm chat
  python -m tinylm chat --model self-attention --temperature 0.5
  printf 'temp 0\\nHAMLET:\\n' | python -m tinylm chat --length 100"""
SUMMARY = "continue texts line by line, as no assistant would; settings can be changed in between"
WELCOME = "The model continues a text; it is no assistant. Write one; help, quit."
HELP = """Write a text, and the model continues it. It is no assistant: it answers no question and follows no instruction.
A line that begins with a space is always a text.
  temp 0.3      sampling temperature; 0 takes the most likely token
  topk 40       sample from the 40 most likely tokens only; 0: from all
  topp 0.9      sample from the most likely tokens only that have this probability together; 1: from all
  length 200    tokens to generate
  stop \\n       end before this text, here before a line end; stop alone: at no text
  seed 3        seed of the next continuation; the one after it has seed 4, and so on
  model NAME    another model: its name, key or file
  models        list the trained models that are here
  help          this text
  quit          leave, as Ctrl-D does; Ctrl-C stops a continuation"""


def add(commands: Any) -> None:
    """Add the subcommand."""
    parser = command(commands, "chat", sampling.SamplingRequest, run, SUMMARY, EXAMPLES)
    sampling.add_sampling_flags(parser)
    trained_models.add_model_flags(parser)


@dataclass
class Session:
    """The state of a chat between its lines."""

    model: "Model"
    sampling: dict[str, Any]
    length: int
    data_dir: Path | None


def run(request: sampling.SamplingRequest) -> int:
    """Read lines until `quit` or the end of the input; a mistake in a line is reported and the next line read."""
    session = Session(request.open(), request.sampling, request.length, request.data_dir)
    asks = sys.stdin.isatty()
    if asks:
        with contextlib.suppress(ImportError):  # absent on some systems: then without history
            import readline  # noqa: F401  importing it gives `input` its history and editing
        print(f"{_about(session)}\n{sampling.lead_note(session.model)}\n{WELCOME}")
    while True:
        try:
            line = input("> " if asks else "")
            if line.strip() == "quit":
                return 0
            answer(session, line)
        except EOFError:
            return 0
        except KeyboardInterrupt:
            print()
        except (TinylmError, argparse.ArgumentTypeError) as error:
            print(f"error: {shown.printable(str(error))}", file=sys.stderr)


def answer(session: Session, line: str) -> None:
    """Carry out a line that is a setting or a command, or continue it as a text."""
    word, _, value = line.partition(" ")
    if word in WORDS and not value.strip():
        print(WORDS[word](session))
    elif word in SETTINGS and value.strip():
        SETTINGS[word](session, value.strip())
        print(_about(session))
    elif line.strip():
        _continue(session, line.removeprefix(" "))


def _continue(session: Session, prompt: str) -> None:
    """Print the prompt and what follows; the next continuation has another seed, also when this one is stopped."""
    drawn = sampling.pieces(session.model, prompt, session.sampling, session.length)
    session.sampling = session.sampling | {"seed": session.sampling["seed"] + 1}
    sampling.write_on(prompt, drawn)


def _about(session: Session) -> str:
    model, how = session.model, session.sampling
    settings = f"temp {how['temperature']:g}, topk {how['top_k']}, length {session.length}, seed {how['seed']}"
    settings += f", topp {how['top_p']:g}" if how["top_p"] < 1 else ""
    settings += f", stop {' '.join(map(repr, how['stop']))}" if how["stop"] else ""
    return shown.printable(f"[{model.vocabulary.corpus} {model.spec.model.kind} {model.key}: {settings}]")


def _set(field: str, parse: Callable[[str], Any]) -> Callable[[Session, str], None]:
    def change(session: Session, text: str) -> None:
        session.sampling = session.sampling | {field: parse(text)}

    return change


def _stop_nowhere(session: Session) -> str:
    session.sampling = session.sampling | {"stop": ()}
    return _about(session)


def _set_length(session: Session, text: str) -> None:
    session.length = whole(1)(text)


def _set_model(session: Session, text: str) -> None:
    session.model = trained_models.open_model(text, session.data_dir)


SETTINGS: dict[str, Callable[[Session, str], None]] = {
    "temp": _set("temperature", sampling.temperature),
    "topk": _set("top_k", whole(0)),
    "topp": _set("top_p", sampling.share),
    "stop": _set("stop", lambda text: (sampling.stop(text),)),
    "seed": _set("seed", whole(0)),
    "length": _set_length,
    "model": _set_model,
}
WORDS: dict[str, Callable[[Session], str]] = {
    "help": lambda _: HELP,
    "models": lambda _: trained_models.listing(),
    "stop": _stop_nowhere,
}
