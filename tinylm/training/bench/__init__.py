"""Timings of training on this machine, each against the straightforward way to do the same."""

import datetime
import platform
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from tinylm import study
from tinylm.study import Planned
from tinylm.training.bench import roofline, rows, runs
from tinylm.training.bench.rows import Row

CPUINFO = Path("/proc/cpuinfo")
TIMED = ("architectures", "sweeps", "rope", "words", "budget", "claims", "capacity")  # sections whose tables have a time beside FLOPs


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
    found = {"date": today, "device": name, "kind": processor_kind() if device == "cpu" else ""}
    versions = {"threads": str(torch.get_num_threads()), "python": platform.python_version(), "torch": torch.__version__}
    return {name: value for name, value in (found | versions).items() if value}


def _told(cpuinfo: Path) -> dict[str, str]:
    """What Linux tells of the last processor."""
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.exists() else []
    return {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}


def processor(cpuinfo: Path = CPUINFO) -> str:
    """The processor's name where the system tells it, and the widest vectors that PyTorch uses."""
    name = _told(cpuinfo).get("model name") or platform.processor() or platform.machine()
    return f"{name}, {torch.backends.cpu.get_cpu_capability()}"


def processor_kind(cpuinfo: Path = CPUINFO) -> str:
    """Family and model, since processors of several have one name; empty where the system does not tell them."""
    told = _told(cpuinfo)
    return f"family {told['cpu family']}, model {told['model']}" if {"cpu family", "model"} <= told.keys() else ""
