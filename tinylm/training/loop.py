"""Spec -> record: the one training loop, FLOP-counted, the same on CPU and CUDA, resumable to the same bits.

The bits are those of one machine, one release of PyTorch and one number of threads: a sum over parts that several threads made rounds
otherwise, which shows in attention models. A checkpoint says how many it was made with, and the run goes on with as many.
"""

import math
import platform
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tinylm import files
from tinylm.config import RunSpec, TinylmError
from tinylm.config.scored import check_scoring, least_context
from tinylm.data import Corpus, statistics
from tinylm.evaluation import gated_counts, weights
from tinylm.evaluation.nlls import token_nlls
from tinylm.flops import RunCost, cost_after, run_cost
from tinylm.ledger import RunRecord, Score, versions
from tinylm.ledger.scores import summarise
from tinylm.models import checkpoint
from tinylm.models.networks import LanguageModel, build, n_params
from tinylm.models.networks.threads import threads
from tinylm.training import cpu, states
from tinylm.training.averaging import AVERAGES
from tinylm.training.batches import WindowStarts
from tinylm.training.declared_counts import check_counts, check_unchanged
from tinylm.training.step import make_update
from tinylm.training.teaching import Teacher

CHECK_EVERY = 50  # steps between looks at the loss: a look makes the host wait for the device
LOOK_AFTER = 2.0  # seconds after which it looks all the same, so that a stop is soon noticed
SAVE_EVERY = 60.0  # seconds between checkpoints
DECIDES_BITS = ("device", "threads", "torch")  # of a run's environment
UNUSABLE = (TinylmError, RuntimeError, KeyError, TypeError, ValueError, AttributeError)  # what a bad checkpoint may raise


class MemoryShort(TinylmError):
    """A batch that the device's memory does not hold."""


class Interrupted(Exception):
    """Training stopped before its end; its checkpoint, if it has one, continues it."""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Where a run is: updates, target tokens and FLOPs so far, seconds of training and validation.

    `train_nll` is the mean loss since the last report, `valid_nll` the validation of this very step, where there was one.
    """

    step: int
    num_steps: int
    tokens_seen: int
    flops: int
    seconds: float
    train_nll: float
    valid_nll: float | None


@dataclass
class Hooks:
    """What a caller may watch and steer: `progress(...)` is told every few steps, `stop()` asked as often; `warn` hears of a checkpoint
    that is not taken up; `n_at_once` batches are scored side by side, on cores that have nothing else to do.
    """

    progress: Callable[[Progress], None] = lambda progress: None
    stop: Callable[[], bool] = lambda: False
    warn: Callable[[str], None] = warnings.warn
    checkpoint: Path | None = None
    weights: Path | None = None
    n_at_once: int = 1


@dataclass
class _History:
    """What a run remembers beside weights and optimizer: saved whole in every checkpoint."""

    step: int = 0
    seconds: float = 0.0
    best_step: int = 0
    best_nll: float = math.inf
    loss_sum: float = 0.0
    loss_windows: int = 0
    curve: list[dict[str, float]] = field(default_factory=list)
    curve_seconds: list[float] = field(default_factory=list)


def train(spec: RunSpec, corpus: Corpus, device: str = "cpu", hooks: Hooks | None = None, teacher: Teacher | None = None) -> RunRecord:
    """Train, validate and test one spec; continues from `hooks.checkpoint` where that file exists, with as many threads as it began with.

    A checkpoint that is damaged or of another run is set aside, which `hooks.warn` is told, and the run starts anew.
    Raises ConfigError before any work for a spec that its corpus cannot run, and in the end for a module whose cost has changed;
    Interrupted when `hooks.stop()` says so. A loss that is not finite ends the run with status `diverged` and no scores. Writes the
    kept weights to `hooks.weights`.
    """
    try:
        with threads(0):  # a checkpoint may change them
            run = _Run(spec, corpus, torch.device(device), hooks or Hooks(), teacher)
            if not run.resume():  # without what it has taken of a bad one
                run = _Run(spec, corpus, torch.device(device), hooks or Hooks(), teacher)
            return run.record(run.fit())
    except torch.OutOfMemoryError as error:
        raise MemoryShort(_memory_advice(spec, device)) from error


def _memory_advice(spec: RunSpec, device: str) -> str:
    size = spec.train.micro_batch or spec.train.batch_size
    remedy = f"micro_batch={size // 2} splits a batch (a run of its own)" if size > 1 else "lower context_length or d_model"
    return (
        f"{device} has no memory for {size} windows of {spec.model.context_length} tokens at a time; {remedy}, and fewer processes share it"
    )


class _Run:
    """One training in progress."""

    def __init__(self, spec: RunSpec, corpus: Corpus, device: torch.device, hooks: Hooks, teacher: Teacher | None) -> None:
        self.spec, self.corpus, self.device, self.hooks = spec, corpus, device, hooks
        self.cost: RunCost = run_cost(spec, corpus.info)
        self.starts = WindowStarts(spec, len(corpus.train))
        check_scoring(spec, corpus.info.n_tokens)
        check_counts(spec, corpus.info.vocab_size)
        cpu.prepare()
        torch.manual_seed(spec.seed)
        self.model = build(spec.model, corpus.info.vocab_size).to(device)
        self.average = AVERAGES[spec.train.average](self.model, spec.train, self.cost.steps)
        self.tokens = {split: self._on_device(getattr(corpus, split)) for split in ("train", "valid", "test")}
        started = time.perf_counter()
        self.evidence = {split: said.to(device) for split, said in gated_counts.of_splits(spec, corpus).items()}
        before = (time.perf_counter() - started if self.evidence else 0.0) + (teacher.seconds if teacher else 0.0)
        self.update = make_update(spec, self.model, self.tokens["train"], self.cost.steps, self.evidence.get("train"), teacher)
        self.best: dict[str, Tensor] = {}
        self.best_nlls: np.ndarray | None = None  # of valid, by the best weights; unknown after a resumption
        self.history = _History(seconds=before)
        self.reported = (0.0, 0)  # loss_sum and loss_windows at the last report
        self.eval_steps = set(spec.train.validations(self.cost.steps))

    def _on_device(self, tokens: np.ndarray) -> Tensor:
        return torch.from_numpy(tokens.astype(np.int32)).to(self.device)

    def fit(self) -> bool:
        """Train to the planned step; whether every loss was finite."""
        clock, saved = time.perf_counter() - self.history.seconds, time.perf_counter()
        looked = saved
        precision = torch.float32 if self.device.type == "mps" else torch.float64  # which an Apple GPU lacks
        loss_sum = torch.tensor(self.history.loss_sum, dtype=precision, device=self.device)
        self.model.train()
        epoch, starts = -1, torch.empty(0)
        while self.history.step < self.cost.steps:
            now, place = divmod(self.history.step, self.starts.steps_per_epoch)
            if now != epoch:
                epoch, starts = now, torch.from_numpy(self.starts.epoch(now)).to(self.device)
            batch = starts[place * self.starts.batch_size : (place + 1) * self.starts.batch_size]
            loss_sum += self.update(batch, self.history.step) * len(batch)
            self.history.step += 1
            self.average.update(self.history.step)
            self.history.loss_windows += len(batch)
            due = self.history.step in self.eval_steps
            if not due and self.history.step % CHECK_EVERY and time.perf_counter() - looked < LOOK_AFTER:
                continue
            looked = time.perf_counter()
            self.history.loss_sum, self.history.seconds = loss_sum.item(), time.perf_counter() - clock
            if not math.isfinite(self.history.loss_sum):
                return False
            train_nll = self._train_nll()
            if due:
                if not self._validate():
                    return False
                loss_sum.zero_()
            self._report(train_nll, due)
            stop = self.hooks.stop() and self.history.step < self.cost.steps
            if stop or time.perf_counter() - saved > SAVE_EVERY:
                self.save()
                saved = time.perf_counter()
            if stop:
                raise Interrupted(f"stopped at step {self.history.step:,} of {self.cost.steps:,}")
        self.history.seconds = time.perf_counter() - clock
        return True

    def _train_nll(self) -> float:
        """Mean loss of the windows since the last report."""
        loss_sum, windows = self.reported
        return (self.history.loss_sum - loss_sum) / (self.history.loss_windows - windows)

    def _report(self, train_nll: float, validated: bool) -> None:
        self.reported = (self.history.loss_sum, self.history.loss_windows)
        spent = self._spent()
        self.hooks.progress(
            Progress(
                step=self.history.step,
                num_steps=self.cost.steps,
                tokens_seen=spent.tokens_seen,
                flops=spent.flops,
                seconds=self.history.seconds,
                train_nll=train_nll,
                valid_nll=self.history.curve[-1]["valid_nll"] if validated else None,
            )
        )

    def _spent(self) -> RunCost:
        return cost_after(self.spec, self.corpus.info, self.history.step)

    def _validate(self) -> bool:
        """Score the validation range, add a point to the curve, keep the weights if they are the ones to test; whether it was finite."""
        history = self.history
        nlls = self._nlls(self.average.model, "valid")
        nll = float(nlls.mean(dtype=np.float64))
        if not math.isfinite(nll):
            return False
        spent = self._spent()
        point = {"step": history.step, "tokens_seen": spent.tokens_seen, "flops": spent.flops}
        history.curve.append(point | {"train_nll": history.loss_sum / history.loss_windows, "valid_nll": nll})
        history.curve_seconds.append(round(history.seconds, 2))
        history.loss_sum, history.loss_windows = 0.0, 0
        if self.spec.train.keep == "last" or nll < history.best_nll:
            history.best_nll, history.best_step = nll, history.step
            self.best, self.best_nlls = checkpoint.weights_of(self.average.model), nlls
        return True

    def _nlls(self, model: LanguageModel, split: str) -> np.ndarray:
        return token_nlls(model, self.tokens[split], self.spec, evidence_NE=self.evidence.get(split), n_at_once=self.hooks.n_at_once)

    def save(self) -> None:
        """Write the checkpoint, if the caller asked for one."""
        if self.hooks.checkpoint is None:
            return
        groups = {
            "model": checkpoint.weights_of(self.model),
            "average": self.average.tensors(),
            "best": self.best,
            "random": checkpoint.random_states(),
            "optimizer": self.update.optimizer.tensors(),
        }
        tensors = {name: t for prefix, group in groups.items() for name, t in checkpoint.with_prefix(prefix, group).items()}
        states.save(self.hooks.checkpoint, self.spec, tensors, asdict(self.history), environment(self.device))

    def resume(self) -> bool:
        """Continue from the caller's checkpoint; False where there is one that cannot be used, which is set aside."""
        path = self.hooks.checkpoint
        if path is None or not path.exists():
            return True
        before = torch.get_num_threads()
        try:
            self._restore(*states.load(path, self.spec))
        except torch.OutOfMemoryError:  # of which the checkpoint is not the cause
            raise
        except UNUSABLE as error:
            torch.set_num_threads(before)
            why = str(error) if isinstance(error, TinylmError) else f"{path} does not fit the run ({type(error).__name__}: {error})"
            self.hooks.warn(f"{why}; it is set aside as {files.set_aside(path).name}, and the run starts anew")
            return False
        return True

    def _restore(self, tensors: dict[str, Tensor], history: dict[str, Any], made_by: dict[str, str]) -> None:
        """Take up a state; says where what decides the last bits is not as it was."""
        torch.set_num_threads(int(made_by["threads"]))
        now = environment(self.device)
        others = [f"{name} {made_by[name]}, now {now[name]}" for name in DECIDES_BITS if made_by[name] != now[name]]
        if others:
            self.hooks.warn(f"goes on from a checkpoint of {'; '.join(others)}: last digits may differ from those of a run in one piece")
        checkpoint.restore_weights(self.model, checkpoint.under_prefix("model", tensors))
        self.average.restore(checkpoint.under_prefix("average", tensors))
        self.best = {name: t.to(self.device) for name, t in checkpoint.under_prefix("best", tensors).items()}
        self.update.optimizer.restore(checkpoint.under_prefix("optimizer", tensors))
        checkpoint.restore_random_states(checkpoint.under_prefix("random", tensors))
        self.history = _History(**history)
        self.reported = (self.history.loss_sum, self.history.loss_windows)

    def record(self, finite: bool) -> RunRecord:
        """Test the kept weights and put everything in a record."""
        started, history = time.perf_counter(), self.history
        scores: dict[str, Score | None] = {"valid": None, "test": None}
        if finite:
            check_unchanged(self.spec, self.model, self.corpus.info.vocab_size)
            checkpoint.restore_weights(self.model.to(self.device), self.best)
            scores = {split: self._score(split) for split in scores}
        seconds = round(history.seconds + time.perf_counter() - started, 1)
        if finite and self.hooks.weights is not None:
            checkpoint.save(self.hooks.weights, self.best, weights.facts(self.spec, self.corpus) | {"seconds": seconds})
        return RunRecord(
            spec=self.spec,
            version=versions.current(self.spec),
            status="done" if finite else "diverged",
            vocab_size=self.corpus.info.vocab_size,
            n_params=n_params(self.model),
            curve=history.curve,
            curve_seconds=history.curve_seconds,
            best_step=history.best_step,
            seconds=seconds,
            corpus_sha256=self.corpus.info.sha256,
            environment=environment(self.device),
            **asdict(self._spent()),  # less than planned if it diverged
            **scores,
        )

    def _score(self, split: str) -> Score:
        known = self.best_nlls if split == "valid" else None
        nlls = known
        if nlls is None:
            nlls = self._nlls(self.model, split)
        classes, characters = statistics.token_classes(self.corpus, split), statistics.n_characters(self.corpus, split, self.spec)
        return summarise(self.spec, split, nlls, least_context(self.spec), self.spec.train.eval_stride, classes, characters)


def environment(device: torch.device) -> dict[str, str]:
    """What a record says of the machine: device, threads, Python, torch and numpy versions."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    found = {"device": name, "threads": str(torch.get_num_threads()), "python": platform.python_version()}
    return found | {"torch": torch.__version__, "numpy": np.__version__}
