"""Time per step and FLOP/s of a dense Transformer against its sizes, and where the rest of the time goes."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

from tinylm import cpu
from tinylm.bench.rows import DENSE, Bench
from tinylm.bench.timing import peak, per_call
from tinylm.config import ModelConfig, TrainConfig

TRAIN = TrainConfig(epochs=1, loss_at="all")
SIZES = {
    "width": [32, 64, 128, 256, 512],
    "depth": [1, 2, 3, 6, 12],
    "context": [16, 32, 64, 128, 256, 512],
    "batch": [1, 4, 16, 64, 128],
}
# What an operator's own time is spent on, by a part of its name; the first match counts.
KINDS = {
    "matrix products": ("mm", "bmm"),
    "softmax": ("softmax",),
    "norms": ("norm",),
    "activations": ("clamp", "threshold", "relu", "gelu"),
    "optimizer": ("adam", "Optimizer"),
    "copies and layout": ("copy", "cat", "index", "embedding", "fill"),
    "sums and products of elements": ("add", "mul", "sum"),
}


def sized(name: str, value: int) -> tuple[ModelConfig, TrainConfig]:
    """The dense Transformer with one size changed."""
    if name == "batch":
        return DENSE, replace(TRAIN, batch_size=value)
    changed = {"width": {"d_model": value, "d_ff": 2 * value}, "depth": {"n_layer": value}, "context": {"context_length": value}}[name]
    return replace(DENSE, **changed), TRAIN


def points(bench: Bench) -> Iterator[dict[str, Any]]:
    """One row per size and precision: milliseconds per step, GFLOP/s."""
    cpu.prepare()
    for name, values in SIZES.items():
        for value in values:
            for precision in ("fp32", "bf16"):
                model, train = sized(name, value)
                seconds = per_call(bench.update(model, replace(train, precision=precision)), bench.device)
                rate = bench.flops(model, train) / seconds / 1e9
                yield {"size": name, "value": value, "precision": precision, "ms": 1e3 * seconds, "gflops": rate}


def peaks(bench: Bench) -> dict[str, float]:
    """GFLOP/s of one large matrix product in each precision, as training prepares the process."""
    cpu.prepare()
    return {name: peak(dtype, bench.device) / 1e9 for name, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16))}


def shares(bench: Bench, precision: str, n_steps: int = 5) -> dict[str, float]:
    """Fraction of a dense step's host time by kind of operation (Python and dispatch are in `other`)."""
    step = bench.update(replace(DENSE, attention_dropout=0.1, ffn_dropout=0.1), replace(TRAIN, precision=precision))
    step()
    with profile(activities=[ProfilerActivity.CPU]) as found:
        for _ in range(n_steps):
            step()
    times: dict[str, float] = defaultdict(float)
    for event in found.key_averages():
        kind = next((kind for kind, parts in KINDS.items() if any(part in event.key for part in parts)), "other")
        kind = "random masks" if "random" in event.key or event.key == "aten::ge_" else kind
        times[kind] += event.self_cpu_time_total
    total = sum(times.values())
    return {kind: value / total for kind, value in sorted(times.items(), key=lambda item: -item[1])}
