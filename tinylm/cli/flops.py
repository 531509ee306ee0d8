"""`flops`: the FLOPs of a run by part, without running it, and those of the paper's runs beside the paper's numbers."""

import argparse
import json
from dataclasses import dataclass
from typing import Any

from tinylm import study
from tinylm.cli import specs
from tinylm.cli.common import Request, StudyRuns, UsageError, command, table, whole
from tinylm.config.shown import short
from tinylm.study import Planned, costs, distinct, reported
from tinylm.study.costs import CONVENTIONS

EXAMPLES = """
  python -m tinylm flops                                            the runs of the paper
  python -m tinylm flops --section sweeps                           the runs of a section
  python -m tinylm flops --corpus ptb --model transformer --epochs 8
  python -m tinylm flops --corpus tiny_shakespeare --model self-attention --heads 1 4 --budget 1e13 --json"""
NOTE = "FLOPs count matrix products, of forward, backward and optimizer; lookups, norms, softmax, activations and evaluation are left out."


@dataclass(frozen=True, kw_only=True)
class FlopsRequest(Request):
    """The runs to count: those of a section, single runs, or the paper's (None)."""

    runs: StudyRuns | specs.SingleRuns | None
    json: bool

    @classmethod
    def of(cls, args: argparse.Namespace) -> "FlopsRequest":
        return super().of(args, runs=_runs(args))


def _runs(args: argparse.Namespace) -> StudyRuns | specs.SingleRuns | None:
    single = specs.given(args)
    if single and (args.section or args.profile):
        raise UsageError(f"{single[0]} describes a single run and does not go with --section or --profile")
    if args.profile and not args.section:
        raise UsageError("--profile needs --section; `tinylm flops` alone shows the paper's rows")
    if args.seeds and not single:
        raise UsageError("--seeds goes with single runs; every seed of a planned run costs the same")
    if single:
        return specs.single_runs(args)
    return StudyRuns(profile=args.profile or "full", section=args.section) if args.section else None


def add(commands: Any) -> None:
    """Add the subcommand."""
    parser = command(commands, "flops", FlopsRequest, run, "count the FLOPs of a run, part by part, without running it", EXAMPLES)
    parser.add_argument("--profile", help=f"with --section: one of {', '.join(study.PROFILES)} (full)")
    parser.add_argument("--section", metavar="NAME", help=f"one of {', '.join(study.SECTIONS)}")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--seeds", "--seed", nargs="+", action="extend", type=whole(0), metavar="N", help=argparse.SUPPRESS)
    specs.add_flags(parser)


def run(request: FlopsRequest) -> int:
    """Print the paper's rows, a section's rows, or the parts of single runs."""
    match request.runs:
        case specs.SingleRuns() as single:
            found = [costs.cost(run).facts | {"name": single.label(run)} for run in single.planned()]
            text = "\n\n".join(map(_describe, found))
        case StudyRuns() as section:
            found = [costs.cost(run).facts for run in _one_seed(section.planned())]
            text = _section_table(found)
        case None:
            found = paper_rows()
            text = _paper_table(found)
    print(json.dumps(found, indent=1) if request.json else f"{text}\n{NOTE}")
    return 0


def paper_rows() -> list[dict[str, Any]]:
    """The paper's runs: parameters and costs as counted here, and as the paper states them."""
    rows = []
    for run in _one_seed(study.plan("full")):
        row = reported.paper_row(run.spec)
        if row is not None:
            found = costs.cost(run).facts
            del found["parts"]
            rows.append(found | {"n_params_stated": row.n_params, "flops_2nd_stated": row.flops_2nd})
    return rows


def _one_seed(runs: list[Planned]) -> list[Planned]:
    return distinct(runs, lambda run: run.row)


def _describe(found: dict[str, Any]) -> str:
    title = f"{found['name']} on {found['corpus']}: {found['n_params']:,} parameters, key {found['key']}"
    counts = f"{found['steps']:,} steps, {found['windows']:,} windows, {found['tokens_seen']:,} target tokens"
    rows = []
    for convention, parts in found["parts"].items():
        total = {column: sum(part[column] for part in parts.values()) for column in ("forward", "backward", "run")}
        for name, part in (parts | {"total": total}).items():
            share = f"{part['run'] / total['run']:.1%}" if total["run"] else "-"
            window = [f"{part['forward']:,}", f"{part['backward']:,}"]
            rows.append([f"{convention}: {name.replace('_', ' ')}", *window, short(part["run"]), share])
        rows.append([""] * 5)
    body = table(["part", "forward / window", "backward / window", "run", "share"], rows[:-1])
    conventions = ", ".join(f"{name} {short(found[field])}" for name, field in CONVENTIONS.items())
    return f"{title}\n{counts}\n\n{body}\n\n{conventions} FLOPs"


def _section_table(found: list[dict[str, Any]]) -> str:
    rows = [[f["name"], f"{f['n_params']:,}", f"{f['steps']:,}", *(short(f[field]) for field in CONVENTIONS.values())] for f in found]
    return table(["run", "parameters", "steps", *CONVENTIONS], rows)


def _paper_table(found: list[dict[str, Any]]) -> str:
    rows = []
    for f in found:
        stated = f["flops_2nd_stated"]
        ratio = f"{stated / f['flops_textbook']:.2f}" if stated else "-"
        counted = [short(f[CONVENTIONS[name]]) for name in ("executed", "textbook", "2ND")]
        rows.append([f["name"], f"{f['n_params']:,}", *counted, short(stated) if stated else "-", ratio])
    return table(["run", "parameters", "executed", "textbook", "2ND", "2ND stated", "stated / textbook"], rows)
