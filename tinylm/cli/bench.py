"""`bench`: time training on this machine against straightforward code."""

import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinylm import files, ledger
from tinylm.cli.common import DEVICES, Request, UsageError, command, table, whole
from tinylm.config.shown import duration
from tinylm.report import timings

if TYPE_CHECKING:
    from tinylm.study import Planned

EXAMPLES = """
  python -m tinylm bench                               takes about five minutes; run nothing else meanwhile
  python -m tinylm bench --json out/bench.json         also save the measurements
  python -m tinylm bench --json docs/ledger/bench/cpu-KIND.json    as docs/speed.md and the report show it; a file for each kind
  python -m tinylm bench --runs --json docs/ledger/bench/runs.json    the times beside the FLOPs in the report's tables"""


IDLE = 1.0  # processes that ran or waited over the last minute, at most


@dataclass(frozen=True, kw_only=True)
class BenchRequest(Request):
    """What to measure and how often, and the file that takes the measurements."""

    runs: bool
    missing: bool
    json: Path | None
    rounds: int
    device: str


def add(commands: Any) -> None:
    """Add the subcommand."""
    parser = command(commands, "bench", BenchRequest, run, "time training on this machine against straightforward code", EXAMPLES)
    parser.add_argument("--runs", action="store_true", help="instead time a step of each run of the study, and its counts")
    parser.add_argument("--missing", action="store_true", help="with --runs and --json, only the runs that FILE does not have")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also save the measurements as JSON")
    parser.add_argument("--rounds", type=whole(1), default=7, metavar="N", help="repetitions of each timed step, the two sides in turn (7)")
    parser.add_argument("--device", choices=DEVICES, default="cpu", help="device to measure (cpu)")


def run(request: BenchRequest) -> int:
    """Measure, print each row when it is done, then the table; UsageError, before any work, for a file that cannot be written."""
    from tinylm.training import bench, machine  # torch is loaded only by the commands that compute

    device = machine.device(request.device)
    if request.missing and not request.runs:
        raise UsageError("--missing is for --runs; give both")
    if request.json:
        _require_writable(request.json)
        _require_own(request.json, bench.machine(device), request.runs)
    if request.runs:
        require_idle()
        facts = _run_seconds(request, device)
    else:
        facts = _compared(device, request.rounds)
    if request.json:
        ledger.write_facts(request.json, facts)
    print(", ".join(f"{name} {value}" for name, value in facts["machine"].items()))
    return 0


def _run_seconds(request: BenchRequest, device: str) -> dict[str, Any]:
    """The times of the study's runs, each told and saved as it is measured, so that --missing goes on where this one is stopped."""
    from tinylm.training import bench

    machine = bench.machine(device)
    known = _known(request.json, machine) if request.missing else {}

    def measured(run: "Planned", took: float) -> None:
        known[run.row.spec.key] = took
        print(f"{run.title}: {duration(took)}", flush=True)
        if request.json:
            ledger.write_facts(request.json, {"machine": machine, "runs": known})

    return bench.run_seconds(device, measured, dict(known))


def _compared(device: str, rounds: int) -> dict[str, Any]:
    """The measurements against straightforward code, printed as a table."""
    from tinylm.training import bench

    if not files.IS_CLONE:
        print("Rebuilding the report is not timed: that needs a clone of the repository.", flush=True)
    facts = bench.run(device, rounds, lambda row: print(f"{row.work} against {row.against}: {row.ratio:.2f}", flush=True))
    header, *rows = timings.cells(facts)
    print(f"\n{table(header, rows)}\n")
    return facts


def _require_own(path: Path, machine: dict[str, str], runs: bool) -> None:
    """UsageError for a file of comparisons on another processor, which stay beside these."""
    found = (ledger.read_facts(path) if path.exists() else None) or {}
    before = {name: found.get("machine", {}).get(name, "") for name in ("device", "kind")}
    if found.get("rows") and not runs and before != {name: machine.get(name, "") for name in before}:
        raise UsageError(f"{path} is of {' '.join(filter(None, before.values()))}; name another file, such as {path.stem}-2.json")


def _known(path: Path | None, machine: dict[str, str]) -> dict[str, float]:
    """The times that a file has; UsageError where there is none, or one of another machine or other versions, which cannot be added to."""
    found = ledger.read_facts(path) if path and path.exists() else None
    if not found or "runs" not in found:
        raise UsageError("--missing adds to the times that a file has; give --runs and the file with --json")
    then = found["machine"]  # a file from before kinds were told says nothing of them
    others = [f"{name} {then[name]}" for name, value in machine.items() if name != "date" and then.get(name, value) != value]
    if others:
        raise UsageError(f"{path} has times of {', '.join(others)}, not of this machine; time all runs instead, without --missing")
    return found["runs"]


def require_idle() -> None:
    """UsageError on a busy machine: beside two busy threads, times of runs were up to twenty times too long."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if load > IDLE:
        raise UsageError(
            f"this machine is busy (load {load:.1f} over the last minute), and times of runs would be wrong; stop what else runs"
        )


def _holds_facts(path: Path) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a file that is none, which is then said
        return ledger.read_facts(path) is not None


def _require_writable(path: Path) -> None:
    if path.is_dir():
        raise UsageError(f"--json {path} is a folder; name a file in it")
    if path.exists() and not (path.is_file() and _holds_facts(path)):
        raise UsageError(f"--json {path} is there and holds no measurements; name another file, or move this one away")
    probe = path.with_name(f".{path.name}.probe")
    ledger.write_text(probe, "")
    probe.unlink()
