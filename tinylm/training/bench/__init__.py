"""Timings of training on this machine, each against the straightforward way to do the same."""

import datetime
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from tinylm import study
from tinylm.study import Planned
from tinylm.training.bench import roofline, rows, runs
from tinylm.training.bench.rows import Row

TIMED = ("architectures", "sweeps", "rope", "words", "budget", "claims")  # sections whose tables have a time beside FLOPs


def run(device: str, rounds: int, said: Callable[[Row], None]) -> dict[str, Any]:
    """Every row, told as it is measured, and the roofline: what `python -m tinylm bench` saves."""
    bench = rows.open_bench(device, rounds)
    found: list[Row] = []
    for measure in rows.ROWS:
        for row in measure(bench):
            found.append(row)
            said(row)
    return {
        "machine": machine(device),
        "rows": [asdict(row) for row in found],
        "peaks": roofline.peaks(bench),
        "points": list(roofline.points(bench)),
        "shares": {precision: roofline.shares(bench, precision) for precision in ("fp32", "bf16")},
    }


def run_seconds(device: str, said: Callable[[Planned, float], None], known: Mapping[str, float] | None = None) -> dict[str, Any]:
    """How long each run takes that a table of costs has: what `python -m tinylm bench --runs` saves. Those known by key are not timed."""
    known = known or {}
    planned = [run for run in study.plan("full") if run.section in TIMED and run.row.spec.key not in known]
    return {"machine": machine(device), "runs": {**known, **runs.all_seconds(planned, device, said)}}


def machine(device: str) -> dict[str, str]:
    """What the timings are of: processor, threads, versions."""
    name = {"cpu": processor, "cuda": torch.cuda.get_device_name}.get(device, lambda: device)()
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    return {
        "date": today,
        "device": name,
        "threads": str(torch.get_num_threads()),
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """The processor's name where the system tells it, and the widest vectors that PyTorch uses."""
    lines: Sequence[str] = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{(names or [platform.processor() or platform.machine()])[0]}, {torch.backends.cpu.get_cpu_capability()}"
