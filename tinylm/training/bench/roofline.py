"""Time per step and FLOP/s of a dense Transformer against its sizes, and where the rest of the time goes."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

from tinylm.config import ModelConfig, TrainConfig
from tinylm.training import cpu
from tinylm.training.bench.rows import DENSE, Bench
from tinylm.training.bench.timing import median_seconds, one_product

TRAIN = TrainConfig(epochs=1, loss_at="all")
SIZES = {
    "width": [32, 64, 128, 256, 512],
    "depth": [1, 2, 3, 6, 12],
    "context": [16, 32, 64, 128, 256, 512],
    "batch": [1, 4, 16, 64],
}
ROUNDS = 3  # bursts per point
# What an operator's own time is spent on, by how its name begins; the first match counts, the rest is the interpreter's.
KINDS = {
    "matrix products": ("aten::mm", "aten::bmm", "aten::addmm", "aten::baddbmm"),
    "softmax": ("aten::_softmax", "aten::_log_softmax", "aten::nll"),
    "norms": ("aten::native_layer_norm", "aten::_fused_rms_norm", "aten::rms_norm"),
    "activations": ("aten::clamp", "aten::threshold", "aten::relu", "aten::gelu"),
    "random masks": ("aten::random_", "aten::ge_"),
    "optimizer": ("aten::_fused_adam",),
    "copies and layout": ("aten::copy_", "aten::cat", "aten::index", "aten::embedding", "aten::fill_", "aten::zero_"),
    "sums and products of elements": ("aten::add", "aten::mul", "aten::sum"),
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
                seconds = median_seconds(bench.update(model, replace(train, precision=precision)), ROUNDS, bench.device)
                rate = bench.flops(model, train) / seconds / 1e9
                yield {"size": name, "value": value, "precision": precision, "ms": 1e3 * seconds, "gflops": rate}


def peaks(bench: Bench) -> dict[str, float]:
    """GFLOP/s of one large matrix product in each precision, as training prepares the process."""
    cpu.prepare()
    found = {}
    for name, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        product, n_flops = one_product(dtype, bench.device)
        found[name] = n_flops / median_seconds(product, bench.rounds, bench.device) / 1e9
    return found


def shares(bench: Bench, precision: str, n_steps: int = 5) -> dict[str, float]:
    """Fraction of a dense step's host time by kind of operation; what no kind names is the interpreter and dispatch."""
    step = bench.update(replace(DENSE, attention_dropout=0.1, ffn_dropout=0.1), replace(TRAIN, precision=precision))
    step()
    with profile(activities=[ProfilerActivity.CPU], acc_events=True) as found:  # PyTorch 2.11 warns without it
        for _ in range(n_steps):
            step()
    times: dict[str, float] = defaultdict(float)
    for event in found.key_averages():
        kind = next((kind for kind, names in KINDS.items() if event.key.startswith(names)), "interpreter and dispatch")
        times[kind] += event.self_cpu_time_total
    total = sum(times.values())
    return {kind: value / total for kind, value in sorted(times.items(), key=lambda item: -item[1])}
