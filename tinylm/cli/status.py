"""`status`: which runs of the study are recorded, and which are left."""

import argparse
import json
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any

from tinylm import files, ledger, study
from tinylm.cli.common import Request, StudyRuns, command, relative, survey, table
from tinylm.config.shown import short
from tinylm.ledger import Ledger
from tinylm.study import Planned

EXAMPLES = """
  python -m tinylm status
  python -m tinylm status --profile full --section words --json
exit code: 0 when nothing is left and no record is broken, else 1"""
HEADER = ["section", "planned", "recorded", "missing", "stale", "broken", "FLOPs left", "left, by seed"]


@dataclass(frozen=True, kw_only=True)
class StatusRequest(Request):
    """The planned runs whose state is asked for."""

    runs: StudyRuns
    json: bool

    @classmethod
    def of(cls, args: argparse.Namespace) -> "StatusRequest":
        return super().of(args, runs=StudyRuns(profile=args.profile, section=args.section))


def add(commands: Any) -> None:
    """Add the subcommand."""
    parser = command(commands, "status", StatusRequest, run, "show which runs of the study are recorded, and which are left", EXAMPLES)
    parser.add_argument("--profile", default="full", help=f"one of {', '.join(study.PROFILES)} (full)")
    parser.add_argument("--section", metavar="NAME", help=f"one of {', '.join(study.SECTIONS)}")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(request: StatusRequest) -> int:
    """Print the state of each section; 1 where runs are left or a record is broken."""
    runs = request.runs.planned()
    broken = {path: found for path, found in survey(files.ledgers()).items() if isinstance(found, str)}
    sections = _sections(runs, ledger.known(), Counter(path.parent.name for path in broken))
    complete = not any(section["missing"] or section["stale"] for section in sections.values())
    names = {relative(path): problem for path, problem in broken.items()}
    if request.json:
        print(json.dumps({"profile": request.runs.profile, "complete": complete, "sections": sections, "broken": names}, indent=1))
    else:
        print(_text(request.runs, sections, complete))
    return 0 if complete and not broken else 1


def _sections(runs: list[Planned], ledger: Ledger, broken: Counter) -> dict[str, dict[str, Any]]:
    """Per section the names planned, recorded, missing and stale, and the FLOPs left."""
    out: dict[str, dict[str, Any]] = {}
    for run in runs:
        empty = {"planned": 0, "recorded": 0, "missing": defaultdict(list), "stale": defaultdict(list), "broken": broken[run.section]}
        section = out.setdefault(run.section, empty | {"flops_left": 0})
        section["planned"] += 1
        if ledger.find(run.spec) is not None:
            section["recorded"] += 1
            continue
        section["stale" if ledger.record(run.spec.key) else "missing"][str(run.spec.seed)].append(run.name)
        section["flops_left"] += run.cost.flops
    return out


def _text(asked: StudyRuns, sections: dict[str, dict[str, Any]], complete: bool) -> str:
    total = Counter()
    rows = []
    for name, section in sections.items():
        left = {state: Counter({seed: len(names) for seed, names in section[state].items()}) for state in ("missing", "stale")}
        counts = {key: section[key] for key in ("planned", "recorded", "broken", "flops_left")}
        counts |= {state: by_seed.total() for state, by_seed in left.items()}
        total.update(counts)
        rows.append(_row(name, counts, left["missing"] + left["stale"]))
    if len(rows) > 1:
        rows.append(_row("all", total, Counter()))
    section = f" --section {asked.section}" if asked.section else ""
    profile = "" if asked.is_published else f" --profile {asked.profile}"
    last = "Nothing is left." if complete else f"Train what is left with: python -m tinylm train --missing{profile}{section}"
    return f"{table(HEADER, rows)}\n{last}"


def _row(name: str, counts: dict[str, int], by_seed: Counter) -> list[str]:
    numbers = [f"{counts[key]:,}" for key in ("planned", "recorded", "missing", "stale", "broken")]
    return [name, *numbers, short(counts["flops_left"]), " ".join(f"{seed}:{n}" for seed, n in sorted(by_seed.items()))]
