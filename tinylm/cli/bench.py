"""`bench`: how fast training runs here, against the straightforward way to do the same."""

import argparse
import json
from pathlib import Path
from typing import Any

from tinylm import ledger, timings
from tinylm.cli.common import command, table, whole

EXAMPLES = """
  python -m tinylm bench                               a few minutes; leave the machine alone meanwhile
  python -m tinylm bench --json out/bench.json         and save what was measured
  python -m tinylm bench --json docs/ledger/bench/cpu.json    as README.md and the report show it"""


def add(commands: Any) -> None:
    """Add the subcommand."""
    parser = command(commands, "bench", run, "time training on this machine against straightforward code", EXAMPLES)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also save the measurements as JSON")
    parser.add_argument("--rounds", type=whole(1), default=7, metavar="N", help="turns that each side of a row takes (7)")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="cpu", help="what to measure (cpu)")


def run(args: argparse.Namespace) -> int:
    """Measure, print one line a row as it comes, then the table; save before the table is printed."""
    from tinylm import bench, sweep  # torch is loaded only by the commands that compute

    device = sweep.device(args.device)
    if args.json:
        ledger.write_text(args.json, "{}\n")  # a folder that cannot be written is known before minutes of measuring
    facts = bench.run(device, args.rounds, lambda row: print(f"{row.work} against {row.against}: {row.ratio:.2f}", flush=True))
    if args.json:
        ledger.write_text(args.json, json.dumps(ledger.rounded(facts), indent=1) + "\n")
    header, *rows = timings.cells(facts)
    print(f"\n{', '.join(f'{k} {v}' for k, v in facts['machine'].items())}\n{table(header, rows)}")
    return 0
