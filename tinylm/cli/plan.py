"""`plan`: what to train on a text for a budget of FLOPs or of minutes, what to expect of it, and the command that does it."""

import argparse
import json
import shlex
import sys
from collections.abc import Sequence
from contextlib import nullcontext, redirect_stdout
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinylm import data, files
from tinylm.cli import specs, train
from tinylm.cli.common import DEVICES, Parser, Request, UsageError, command, folder, minutes, table
from tinylm.config import shown
from tinylm.config.fields import MOST
from tinylm.config.shown import duration, short
from tinylm.data import own_texts

if TYPE_CHECKING:
    from tinylm.analysis import advice
    from tinylm.report.plans import Choice, Plan

EXAMPLES = """
  python -m tinylm plan --corpus my.txt --budget 1e12        what to train with 1e12 FLOPs
  python -m tinylm plan --corpus my.txt --minutes 10         what to train in ten minutes on this machine
  python -m tinylm plan --corpus my.txt --budget 1e11 --go   and train it
Counts of the text and short runs on it are made first; their FLOPs are part of the budget. docs/plan.md says how far forecasts missed."""
LARGEST = 100_000_000  # bytes of a text file
HEADER = ["model", "parameters", "context", "steps", "passes", "FLOPs", "valid NLL", "interval", "bits per byte", "seconds"]


@dataclass(frozen=True, kw_only=True)
class PlanRequest(Request):
    """The text and its level, and the FLOPs or the minutes; `started` is when the command began, in seconds of `time.monotonic`."""

    corpus: str
    level: str | None
    budget: int | None
    minutes: float | None
    go: bool
    json: bool
    device: str
    data_dir: Path | None
    started: float
    command_line: str

    def __post_init__(self) -> None:
        if bool(self.budget) == bool(self.minutes):
            raise UsageError("say how much may be spent by one of the two: --budget FLOPS or --minutes M")
        if (self.budget or 0) > MOST[int]:
            raise UsageError(f"--budget: must be at most {MOST[int]:.1e} FLOPs")
        if self.go and self.json:
            raise UsageError("--json prints a plan, and --go trains it; the command in the plan takes --json too")


def add(commands: Any) -> None:
    """Add the subcommand."""
    summary = "what to train on a text for a budget, and what to expect of it"
    parser = command(commands, "plan", PlanRequest, run, summary, EXAMPLES)
    parser.add_argument("--corpus", required=True, metavar="NAME|FILE", help="a UTF-8 text file of your own, or a corpus's name")
    parser.add_argument("--level", choices=own_texts.PREFIXES, help="tokens of a text file (character)")
    parser.add_argument("--budget", type=specs.count, metavar="FLOPS", help="what may be spent, e.g. 1e12")
    parser.add_argument("--minutes", type=minutes(), metavar="M", help="the time that may be spent on this machine, in place of FLOPs")
    parser.add_argument("--go", action="store_true", help="train what is advised")
    parser.add_argument("--json", action="store_true", help="print the plan as JSON, and everything else on stderr")
    parser.add_argument("--device", choices=DEVICES, default="auto", help="device (cuda where there is one, else cpu)")
    parser.add_argument("--data-dir", type=folder, metavar="DIR", help="the folder above the corpora's folders")


def run(request: PlanRequest) -> int:
    """Make the plan, print it and, where asked to, train what it advises."""
    with redirect_stdout(sys.stderr) if request.json else nullcontext():
        plan = _made(request)
    if request.json:
        print(json.dumps(plan.facts(), indent=1))
        return 0
    print("\n".join(_said(plan)), flush=True)
    return _trained(plan.choices[0], request) if request.go else 0


def _made(request: PlanRequest) -> "Plan":
    """The plan; UsageError where nothing can be trained."""
    _require_small(request.corpus)
    corpus = data.corpus_name(request.corpus, request.level)
    data.load(corpus, request.data_dir)
    from tinylm.report import plans
    from tinylm.training import machine  # torch is loaded only by the commands that compute

    places = {"folder": files.LOCAL_LEDGER, "checkpoints": files.CHECKPOINTS, "weights": files.WEIGHTS}
    settings = machine.Settings(device=machine.device(request.device), data_dir=request.data_dir, **places)
    say = partial(print, file=sys.stderr, flush=True)
    plan = plans.made(corpus, request.budget or 0, request.minutes or 0.0, settings, say)
    if not plan.choices:
        raise UsageError(f"--minutes {request.minutes:g} is too little for anything on {data.called(corpus)}; give more")
    return plan


def _require_small(text: str) -> None:
    """UsageError for a file that would take long to read."""
    path = Path(text)
    if path.is_file() and (size := path.stat().st_size) > LARGEST:
        raise UsageError(f"{text} has {size / 1e6:,.0f} MB, and a plan reads {LARGEST / 1e6:.0f} MB at most; give a part of it")


def _said(plan: "Plan") -> list[str]:
    """The plan in words and a table."""
    about, best = data.info(plan.corpus), plan.choices[0]
    sizes = ", ".join(f"{split} {n:,}" for split, n in about.n_tokens.items())
    lines = [f"{shown.printable(data.called(plan.corpus))}: {about.vocab_size:,} distinct {about.level}s; {sizes}", *_tried(plan)]
    lines += ["", table(HEADER, [_row(choice) for choice in plan.choices]), "", f"Train: {best.offer.title}. {_expected(best)}"]
    lines += [f"  {best.offer.command}"]
    if best.seconds == 0 and not best.offer.beside:
        lines.append("It is trained already; the same command says how to use it.")
    return lines + _passed_over([choice.offer for choice in plan.choices])


def _passed_over(offers: "Sequence[advice.Offer]") -> list[str]:
    """Why the first offer leads, where another one is expected to be lower."""
    from tinylm.analysis import advice  # scipy is loaded only by the commands that compute

    best, *others = offers
    lower = [one for one in others if best.seen and one.is_known and one.seen and one.seen.nll < best.seen.nll]
    first = min(lower, key=lambda one: one.seen.nll, default=None)
    if first is None:
        return []
    gain = f"{best.seen.nll - first.seen.nll:.3f} lower, {100 * (1 - first.seen.nll / best.seen.nll):.1f} %"
    return [f"{first.title}: expected {gain}. Of models within {100 * advice.SIMPLER:g} % the simplest is advised."]


def _tried(plan: "Plan") -> list[str]:
    """What was counted and tried, and what part of the budget that cost."""
    names = [f"{record.spec.model.kind} {short(record.flops)} FLOPs, valid NLL {record.valid.nll:.3f}" for record in plan.trials[1:]]
    part = f", {100 * plan.spent / plan.flops:.1f} % of the budget" if plan.flops else ""
    return [f"tried: {'; '.join(names)} ({short(plan.spent)} FLOPs{part})"] if names else []


def _row(choice: "Choice") -> list[str]:
    """A choice under HEADER."""
    facts = choice.facts()
    loss = ["-", "-", "-"]
    if facts["valid_nll"] is not None:
        about = "" if facts["known"] else "above " if choice.offer.budget < min(choice.offer.recorded) else "below "
        interval = (
            "-" if facts["low"] is None or not facts["known"] else f"{facts['low']:.3f} to {facts['high']:.3f} ({facts['percent']} %)"
        )
        loss = [f"{about}{facts['valid_nll']:.3f}", interval, f"{about}{facts['bits_per_byte']:.3f}"]
    size = [f"{facts['n_params'] or 0:,}", str(facts["context"]), f"{facts['steps']:,}", f"{facts['passes']:.1f}", short(facts["flops"])]
    return [facts["title"], *size, *loss, "-" if choice.seconds is None else f"{choice.seconds:.0f}"]


def _expected(choice: "Choice") -> str:
    """What to expect of a choice."""
    facts, level = choice.facts(), data.info(choice.offer.corpus).level
    if facts["valid_nll"] is None:
        return "What to expect of it is not known."
    interval = "" if facts["low"] is None else f" ({facts['percent']} %: {facts['low']:.3f} to {facts['high']:.3f})"
    took = "" if not choice.seconds else f", in about {duration(choice.seconds)} here"
    return f"Expect a valid NLL of {facts['valid_nll']:.3f} nats per {level}{interval}, {facts['bits_per_byte']:.3f} bits per byte{took}."


def _trained(choice: "Choice", request: PlanRequest) -> int:
    """Train a choice by its command; the exit code."""
    words = [*shlex.split(choice.offer.command)[3:], "--device", request.device]
    words += ["--data-dir", str(request.data_dir)] if request.data_dir else []
    parser = Parser()
    train.add(parser.add_subparsers())
    known = argparse.Namespace(started=request.started, command_line=shlex.join(["python", "-m", "tinylm", *words]))
    args: Sequence[str] = words
    return train.run(train.TrainRequest.of(parser.parse_args(args, known)))
