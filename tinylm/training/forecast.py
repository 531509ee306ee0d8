"""How long training should take on this machine's CPU, and what it can train in a time: measured FLOP/s, and seconds of a step."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from statistics import median

import torch

from tinylm import data
from tinylm.config import GatedCountsConfig, RunSpec, TrainConfig, TransformerConfig
from tinylm.flops import scoring_flops
from tinylm.models.networks import build
from tinylm.study import Planned
from tinylm.training import machine, states
from tinylm.training.machine import Settings
from tinylm.training.own_torch import own_torch
from tinylm.training.step import make_update

EFFICIENCY = 0.4  # training reached 0.35 to 0.58 of the speed of one large product over the study's models
ROUNDS = 3  # of fitting a budget to a time: the model of a recipe, and what is scored, depend on the budget
VOCAB_SIZE = 16
ONE_BLOCK = RunSpec(
    corpus="grammar-char",
    model=TransformerConfig(context_length=4, n_layer=1, n_head=1, d_model=4, d_ff=4),
    train=TrainConfig(steps=20, batch_size=1, loss_at="all"),
)


def expected_speed(settings: Settings, seconds: float = 2.0) -> float:
    """FLOP/s that training on this CPU should reach, from `seconds` of products of two 512 x 512 float32 matrices on one core."""
    a, threads = torch.full((512, 512), 0.5), torch.get_num_threads()  # no random numbers of the caller are drawn
    torch.set_num_threads(1)
    started, n_products = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        a @ a
        n_products += 1
    torch.set_num_threads(threads)
    return EFFICIENCY * settings.n_workers * n_products * 2 * 512**3 / (time.perf_counter() - started)


@cache
def step_seconds(optimizer: str, precision: str) -> float:
    """Seconds that a step takes besides its FLOPs, for each block of the model; measured once, on a block that has next to none."""
    spec = replace(ONE_BLOCK, train=replace(ONE_BLOCK.train, optimizer=optimizer, precision=precision))
    with own_torch("cpu", 1):
        update = make_update(spec, build(spec.model, VOCAB_SIZE).train(), torch.zeros(VOCAB_SIZE, dtype=torch.int64), spec.train.steps)
        seconds = []
        for step in range(spec.train.steps):
            started = time.perf_counter()
            update(torch.zeros(1, dtype=torch.int64), step)
            seconds.append(time.perf_counter() - started)
    return median(seconds)


def timed_seconds(run: Planned, n_steps: int = 3) -> float:
    """How long training and scoring a run should take on one core, from `n_steps` of its own steps, timed now on tokens that mean nothing.

    Of a network that reads counts, whose steps need them, it is what `run_seconds` says.
    """
    spec, vocab_size = run.spec, data.vocab_size(run.spec.corpus)
    if isinstance(spec.model, GatedCountsConfig):
        return run_seconds(run, expected_speed(Settings(workers=1), 0.5))
    length = spec.model.context_length + 1
    with own_torch("cpu", 1):
        tokens = torch.arange(spec.train.batch_size + length, dtype=torch.int64) % vocab_size
        update = make_update(spec, build(spec.model, vocab_size).train(), tokens, run.cost.steps)
        seconds = [_timed(update, torch.arange(spec.train.batch_size), step) for step in range(1 + n_steps)]
    step = min(seconds[1:])  # the first one prepares memory, and others wait for whoever shares the core
    return run.cost.steps * step * (1 + scoring_flops(spec, data.info(spec.corpus)) / run.cost.flops)


def _timed(update: Callable[[torch.Tensor, int], torch.Tensor], starts: torch.Tensor, step: int) -> float:
    """Seconds of one step."""
    started = time.perf_counter()
    update(starts, step).item()
    return time.perf_counter() - started


def share_done(run: Planned, settings: Settings) -> float:
    """How much of a run's training its checkpoint holds, from 0 to 1."""
    steps = states.steps_done(settings.checkpoint(run.spec), run.spec)
    return min(steps / run.cost.steps, 1.0) if steps else 0.0


def run_seconds(run: Planned, speed: float) -> float:
    """How long training and scoring a run should take on one core of so many FLOP/s: its FLOPs, and what its steps take besides."""
    spec = run.spec
    steps = run.cost.steps * getattr(spec.model, "n_layer", 1) * step_seconds(spec.train.optimizer, spec.train.precision)
    return steps + (run.cost.flops + scoring_flops(spec, data.info(spec.corpus))) / speed


def expected_seconds(planned: Sequence[Planned], settings: Settings) -> float | None:
    """How long training and scoring the runs should take on this machine's CPU; None on a GPU, of which nothing is known.

    A run is taken to use one core: a step of a small model is not faster on two.
    """
    if settings.device != "cpu":
        return None
    if all(run.spec.is_counts for run in planned):
        return 0.0
    speed = expected_speed(replace(settings, workers=1), 0.1)
    seconds = [run_seconds(run, speed) * (1 - share_done(run, settings)) for run in planned if not run.spec.is_counts]
    return max(sum(seconds) / min(settings.n_workers, machine.n_cores()), *seconds)


def affordable_flops(
    plan: Callable[[int], Planned], seconds: float, settings: Settings, took: Callable[[Planned], float] | None = None
) -> int:
    """The FLOPs that the run of a budget, which `plan` makes, should spend in `seconds` on this machine's CPU.

    `took` says how long a run should take; `run_seconds` unless given.
    """
    speed = expected_speed(replace(settings, workers=1))
    flops = int(seconds * speed)
    for _ in range(ROUNDS):
        run = plan(flops)
        flops = int(run.cost.flops * seconds / (took(run) if took else run_seconds(run, speed)))
    return flops
