"""How the benchmark takes the time of a step: both sides in one process, in turns, medians, ratios within a round."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import torch

from tinylm.models.networks.threads import threads
from tinylm.training import cpu

BURST = 0.25  # seconds that each side runs before it is the other's turn
ENOUGH = 5.0  # seconds: what warms up is little beside them


@dataclass(frozen=True)
class Pair:
    """Median seconds of a call on either side, and the median over rounds of theirs divided by ours."""

    ours: float
    theirs: float
    ratio: float


def compare(ours: Callable[[], object], theirs: Callable[[], object], rounds: int, device: str) -> Pair:
    """Time two calls in turns, both in the process as training prepares it."""
    cpu.prepare()
    times = [(per_call(ours, device), per_call(theirs, device)) for _ in range(rounds)]
    return Pair(median(a for a, _ in times), median(b for _, b in times), median(b / a for a, b in times))


def unprepared(call: Callable[[], object]) -> Callable[[], object]:
    """The call in a process as PyTorch and the system set it up: what somebody else's script runs in."""

    def run() -> None:
        with cpu.unprepared():
            call()

    return run


def alone(call: Callable[[], object]) -> Callable[[], object]:
    """The call on one thread of a CPU."""

    def run() -> object:
        with threads(1):
            return call()

    return run


def per_call(call: Callable[[], object], device: str) -> float:
    """Median seconds of a call after one that is left out, over calls that fill a burst; on a GPU the mean, waited for once.

    A call that takes longer than ENOUGH is made once.
    """
    first = _seconds(call)
    _wait(device)
    if device != "cpu":
        return _mean_on_device(call, device)
    if first > ENOUGH:
        return first
    times: list[float] = []
    while sum(times) < BURST or len(times) < 3:
        times.append(_seconds(call))
    return median(times)


def _seconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def _mean_on_device(call: Callable[[], object], device: str, n_calls: int = 50) -> float:
    for _ in range(5):
        call()
    _wait(device)
    started = time.perf_counter()
    for _ in range(n_calls):
        call()
    _wait(device)
    return (time.perf_counter() - started) / n_calls


def _wait(device: str) -> None:
    if device != "cpu":
        torch.accelerator.synchronize()


def one_product(dtype: torch.dtype, device: str) -> tuple[Callable[[], object], int]:
    """One large square matrix product, the ceiling of any training step, and its FLOPs."""
    n = 2048 if device == "cpu" else 8192
    a = torch.randn(n, n, device=device).to(dtype)
    return lambda: a @ a, 2 * n**3


def median_seconds(call: Callable[[], object], rounds: int, device: str) -> float:
    """Median over so many bursts of the median seconds of a call."""
    return median(per_call(call, device) for _ in range(rounds))
