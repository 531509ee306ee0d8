"""What the subcommands share: requests, parsers, the ledger's folders, the choice of planned runs, plain tables."""

import argparse
import math
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, NoReturn, Self, TypeVar

from tinylm import files, ledger, study
from tinylm.analysis import layout
from tinylm.config import TinylmError, shown
from tinylm.config.errors import nearest, unknown
from tinylm.config.shown import perplexity, short
from tinylm.ledger import LedgerError, RunRecord
from tinylm.study import Planned

DEVICES = ("auto", "cpu", "cuda", "mps")  # as training.machine has them, which loads torch
AnyRequest = TypeVar("AnyRequest", bound="Request")


class UsageError(TinylmError):
    """Arguments that contradict each other, or that name something that does not exist."""


class Parser(argparse.ArgumentParser):
    """A parser with examples below its flags, whose mistakes are one line that names the help."""

    def __init__(self, examples: str = "", **options: Any) -> None:
        options |= {"epilog": f"examples:\n{examples.strip(chr(10))}" if examples else None}
        # Flags must be written out, so that a later flag breaks no script.
        super().__init__(**options, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
        self._negative_number_matcher = re.compile(r"-(\.?\d|inf|nan)")  # argparse's own takes -1e12 for a flag

    def _check_value(self, action: argparse.Action, value: Any) -> None:  # argparse's own suggests nothing before Python 3.14
        if action.choices is not None and value not in action.choices:
            raise argparse.ArgumentError(action, unknown("value", value, action.choices))

    def _print_message(self, message: str, file: Any = None) -> None:  # argparse's own hides that it could not be written
        (file or sys.stderr).write(message)

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {shown.printable(message)}; see {self.prog} --help\n")

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[argparse.Namespace, list[str]]:
        found, foreign = super().parse_known_args(args, namespace)
        if foreign:  # told by the command's own parser, which can name the command's help
            flags = [flag.removeprefix("--") for flag in self._option_string_actions if flag.startswith("--")]
            near = nearest(foreign[0].partition("=")[0].removeprefix("--"), flags) if foreign[0].startswith("--") else None
            self.error(f"unrecognized arguments: {' '.join(foreign)}" + (f" (did you mean --{near}?)" if near else ""))
        return found, foreign


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a command is asked for, with a field for each argument; a command's own request raises UsageError for contradictions."""

    @classmethod
    def of(cls, args: argparse.Namespace, **made: Any) -> Self:
        """The request of parsed arguments: each field is `made`, or the argument of its name, a list as a tuple."""
        values = {f.name: getattr(args, f.name) for f in fields(cls) if f.name not in made}
        return cls(**made, **{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})


def subparser(commands: Any, name: str, summary: str, examples: str) -> Parser:
    """Add a subcommand without an action."""
    return commands.add_parser(name, description=summary, help=summary, examples=examples)


def command(commands: Any, name: str, request: type[AnyRequest], run: Callable[[AnyRequest], int], summary: str, examples: str) -> Parser:
    """Add a subcommand: its arguments become a request at once, which `run` carries out; `run` returns the exit code."""
    added = subparser(commands, name, summary, examples)
    added.set_defaults(run=lambda args: run(request.of(args)))
    return added


def whole(least: int) -> Callable[[str], int]:
    """An argument type: a whole number not below `least`."""

    def parse(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {least} up")
        return int(text)

    return parse


def real(text: str) -> float:
    """The number in a text, NaN where there is none."""
    try:
        return float(text)
    except ValueError:
        return math.nan


MOST_MINUTES = 1e6  # two years


def minutes(or_zero: bool = False) -> Callable[[str], float]:
    """An argument type: a finite number above zero, or zero too."""

    def parse(text: str) -> float:
        value = real(text)
        if not 0 <= value < MOST_MINUTES or (value == 0 and not or_zero):
            least = "from 0" if or_zero else "above 0"
            raise argparse.ArgumentTypeError(f"{text!r} is not a number of minutes {least} and below {MOST_MINUTES:,.0f}")
        return value

    return parse


def folder(text: str) -> Path:
    """An argument type: an existing folder."""
    if not Path(text).is_dir():
        raise argparse.ArgumentTypeError(f"{text} is not a folder")
    return Path(text)


def add_place_flags(parser: Any) -> None:
    """Add the flags that say who trains."""
    parser.add_argument("--workers", type=whole(1), metavar="N", help="processes (one per core; one on a GPU)")
    parser.add_argument("--cluster", metavar="tls://HOST:PORT", help="train on the workers of a Dask cluster (docs/cluster.md)")


def check_place(cluster: str | None, workers: int | None, data_dir: Path | None) -> None:
    """UsageError for a cluster beside what only this machine has, and for one without an address."""
    if cluster == "":
        raise UsageError("--cluster needs an address, as tls://HOST:PORT")
    if cluster and (workers or data_dir):
        raise UsageError("--workers and --data-dir are of this machine; a cluster's workers are started with their own")


def require_clone(what: str) -> None:
    """UsageError where this is an installed package, for what writes into the repository."""
    if not files.IS_CLONE:
        raise UsageError(f"{what} needs a clone of the repository, and this is the package installed in {files.PACKAGE}")


def survey(folders: Sequence[Path]) -> dict[Path, RunRecord | str]:
    """Every file of the ledger folders that is named like a record: its record, or what is wrong with it."""
    found: dict[Path, RunRecord | str] = {}
    for path in sorted(path for folder in folders for path in folder.glob("**/*-s*-*.json")):
        try:
            found[path] = ledger.read_once(path)
        except (LedgerError, RecursionError) as error:
            found[path] = str(error).removeprefix(f"{path}: ") or type(error).__name__
    return found


@dataclass(frozen=True, kw_only=True)
class StudyRuns:
    """Planned runs of a profile: all of them, or those of one section or of some seeds."""

    profile: str = "full"
    section: str | None = None
    seeds: tuple[int, ...] = ()

    @property
    def is_published(self) -> bool:
        """Whether these are runs of the published study, whose records are tracked."""
        return self.profile == "full"

    def planned(self) -> list[Planned]:
        """The runs in the order of the plan; StudyError for an unknown profile or section, UsageError for a seed that no run has."""
        runs = study.plan(self.profile)
        if self.section is not None:
            study.section_plan(self.section, self.profile)  # raises for an unknown one
            runs = [run for run in runs if run.section == self.section]
        known = sorted({run.spec.seed for run in runs})
        foreign = sorted(set(self.seeds) - set(known))
        if foreign:
            raise UsageError(f"no planned run has seed {foreign[0]}; choose from {' '.join(map(str, known))}")
        return [run for run in runs if not self.seeds or run.spec.seed in self.seeds]


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Aligned plain text: the first column to the left, the others to the right."""
    return shown.printable(layout.plain([header, *rows], layout.beside(header)))


def relative(path: Path) -> str:
    """A path as it can be typed here: from the working directory where it lies below it, else whole."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def outcome(name: str, record: RunRecord) -> list[str]:
    """A record as a row under OUTCOME."""
    valid, test = record.valid, record.test
    scores = [f"{valid.nll:.4f}" if valid else "-", *([str(test), f"{perplexity(test.nll):.4g}"] if test else "--")]
    counts = [f"{record.n_params:,}", f"{record.steps:,}", short(record.flops)]
    return [name, str(record.spec.seed), *counts, *scores, f"{record.seconds:.0f}", record.status, record.spec.key]


OUTCOME = ["run", "seed", "parameters", "steps", "FLOPs", "valid NLL", "test NLL", "perplexity", "seconds", "status", "key"]
