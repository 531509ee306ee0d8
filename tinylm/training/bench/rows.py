"""The rows of the benchmark: what is timed, against what, and the ratio worth having."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

from tinylm import data, files, ledger
from tinylm.config import LinearConfig, MLPConfig, ModelConfig, RunSpec, TinylmError, TrainConfig, TransformerConfig
from tinylm.data import Corpus, grammar
from tinylm.evaluation.nlls import token_nlls
from tinylm.flops import optimizer_flops, window_flops
from tinylm.models.networks import build
from tinylm.study import Planned
from tinylm.training import cpu, machine, pool
from tinylm.training.bench import textbook
from tinylm.training.bench.timing import compare, one_product, unprepared
from tinylm.training.step import Update, make_update

PAPER = {
    "Linear": LinearConfig(context_length=128),
    "MLP": MLPConfig(context_length=128),
    "Self-Attention": TransformerConfig(context_length=128, n_layer=1, d_ff=512),
    "Transformer": TransformerConfig(context_length=128),
}
NO_DROPOUT = {"attention_dropout": 0.0, "ffn_dropout": 0.0}
DENSE = TransformerConfig(context_length=128, norm_place="pre", **NO_DROPOUT)
NANOGPT = TransformerConfig(
    context_length=64, n_layer=4, n_head=4, d_ff=512, norm_place="pre", ffn="gelu", bias=False, tied=True, init="scaled", **NO_DROPOUT
)
NANOGPT_TRAIN = TrainConfig(steps=2000, loss_at="all", batch_size=12, optimizer="adamw", lr=1e-3, beta2=0.99, weight_decay=0.1, clip=1.0)


class BenchError(TinylmError):
    """Something that has to work before it can be timed."""


@dataclass(frozen=True)
class Row:
    """One comparison: both sides in `unit`, how many times faster ours is (of a product's rate: the part reached), the gain
    worth having (0: none set).
    """

    work: str
    against: str
    unit: str
    ours: float
    theirs: float
    ratio: float
    aim: float = 0.0


@dataclass(frozen=True)
class Bench:
    """Where and how long to measure; `corpus` is generated, so that the benchmark needs no download."""

    device: str
    rounds: int
    corpus: Corpus

    def update(self, model: ModelConfig, train: TrainConfig) -> Callable[[], object]:
        """Our training step on random windows, data loading included."""
        spec = RunSpec(corpus=self.corpus.info.name, model=model, train=train)
        torch.manual_seed(0)
        network = build(model, self.corpus.info.vocab_size).to(self.device).train()
        tokens = torch.from_numpy(self.corpus.train.astype(np.int32)).to(self.device)
        step: Update = make_update(spec, network, tokens, 10**6)
        rows = np.random.default_rng(0).integers(len(tokens) - model.context_length, size=(1000, train.batch_size))
        starts = _cycle(torch.from_numpy(rows).to(self.device))
        return lambda: step(next(starts), 0)

    def flops(self, model: ModelConfig, train: TrainConfig) -> int:
        """Executed FLOPs of such a step."""
        spec = RunSpec(corpus=self.corpus.info.name, model=model, train=train)
        return train.batch_size * window_flops(spec, self.corpus.info.vocab_size)[0] + optimizer_flops(spec)


def open_bench(device: str, rounds: int) -> Bench:
    """A benchmark on the generated characters."""
    return Bench(device, rounds, data.load(sorted(grammar.SOURCES)[0]))


def _cycle(rows: torch.Tensor) -> Iterator[torch.Tensor]:
    while True:
        yield from rows


def paper_steps(bench: Bench) -> Iterator[Row]:
    """A step of each of the study's models under its protocol, against the straightforward implementation."""
    aim = {"Linear": 2, "MLP": 2, "Self-Attention": 8, "Transformer": 2.5} if bench.device == "cpu" else {"Transformer": 10}
    for name, model in PAPER.items():
        spec = RunSpec(corpus=bench.corpus.info.name, model=model, train=TrainConfig(epochs=1))
        theirs = unprepared(textbook.study_step(spec, bench.corpus.train, bench.corpus.info.vocab_size, bench.device))
        pair = compare(bench.update(model, spec.train), theirs, bench.rounds, bench.device)
        yield Row(f"{name}, a step of the study", "textbook", "ms", 1e3 * pair.ours, 1e3 * pair.theirs, pair.ratio, aim.get(name, 0))


def dense_steps(bench: Bench) -> Iterator[Row]:
    """The Transformer with the loss at every position: its rate against one large product's, and bf16 against fp32."""
    train = TrainConfig(epochs=1, loss_at="all")
    product, n_flops = one_product(torch.float32, bench.device)
    plain = unprepared(product)
    ceilings = {"PyTorch's fp32 product": plain} | ({"oneDNN's fp32 product": product} if cpu.has_onednn() else {})
    for name, model in (("dense", DENSE), ("dense, dropout 0.1", replace(DENSE, attention_dropout=0.1, ffn_dropout=0.1))):
        steps = {precision: bench.update(model, replace(train, precision=precision)) for precision in ("fp32", "bf16")}
        amount = bench.flops(model, train)
        for against, ceiling in ceilings.items():
            pair = compare(steps["fp32"], ceiling, bench.rounds, bench.device)
            rates = amount / pair.ours / 1e9, n_flops / pair.theirs / 1e9
            aim = 0.65 if against == list(ceilings)[-1] else 0.0  # the higher ceiling is the true one
            yield Row(f"Transformer, {name}, fp32", against, "GFLOP/s", *rates, amount / n_flops * pair.ratio, aim)
        pair = compare(steps["bf16"], steps["fp32"], bench.rounds, bench.device)
        yield Row(f"Transformer, {name}, bf16", "our fp32 step", "ms", 1e3 * pair.ours, 1e3 * pair.theirs, pair.ratio, 1.4)


def nanogpt_step(bench: Bench) -> Iterator[Row]:
    """The shape of nanoGPT's CPU recipe, against a straightforward loop in its manner."""
    spec = RunSpec(corpus=bench.corpus.info.name, model=NANOGPT, train=NANOGPT_TRAIN)
    theirs = unprepared(textbook.gpt_step(spec, bench.corpus.train, bench.corpus.info.vocab_size, bench.device))
    pair = compare(bench.update(NANOGPT, NANOGPT_TRAIN), theirs, bench.rounds, bench.device)
    rates = [NANOGPT_TRAIN.batch_size * NANOGPT.context_length / seconds for seconds in (pair.ours, pair.theirs)]
    yield Row("Transformer, nanoGPT's CPU shape", "nanoGPT-style loop", "tokens/s", *rates, pair.ratio, 1.3)


def parallel_runs(bench: Bench) -> Iterator[Row]:
    """Two small runs a core side by side, a thread each, against one after the other on all threads; a GPU takes four at a time."""
    cores = os.cpu_count() or 1
    workers = cores if bench.device == "cpu" else 4
    train = TrainConfig(steps=400, eval_tokens=500)
    runs = [RunSpec(corpus=bench.corpus.info.name, model=PAPER["Self-Attention"], train=train, seed=seed) for seed in range(2 * workers)]
    seconds = {n: _pool_seconds(bench, runs, n) for n in (workers, 1)}
    ours, theirs = (len(runs) / seconds[n] * 60 for n in (workers, 1))
    name = f"{len(runs)} small runs, {workers} at a time, training time"
    yield Row(name, "one after the other", "runs/min", ours, theirs, ours / theirs, 1.3 if bench.device == "cpu" else 3)


def _pool_seconds(bench: Bench, runs: list[RunSpec], workers: int) -> float:
    """Seconds for which the runs keep the processes of a pool busy, without the start of the processes."""
    with tempfile.TemporaryDirectory() as folder:
        at = {name: Path(folder) / name for name in ("folder", "checkpoints", "weights")}
        settings = machine.Settings(device=bench.device, workers=workers, **at)
        run = partial(Planned, section="bench", role="single", architecture="Self-Attention", name="small run")
        pool.train_all([run(spec=spec) for spec in runs], settings, _ignore)
        return sum(ledger.read(path).seconds for path in at["folder"].glob("**/*.json")) / workers


def _ignore(run: Planned, record: ledger.RunRecord) -> None:
    """The record stays in its file."""


def evaluation(bench: Bench) -> Iterator[Row]:
    """Scoring a text by windows that move by half the context, against one window for each token."""
    model = build(PAPER["Transformer"], bench.corpus.info.vocab_size).to(bench.device)
    naive = textbook.textbook_model(PAPER["Transformer"], bench.corpus.info.vocab_size).to(bench.device).eval()
    tokens = torch.from_numpy(bench.corpus.valid[:4224].astype(np.int32)).to(bench.device)
    windows = tokens.long().unfold(0, 128, 1)[:1024]
    train = TrainConfig(epochs=1, loss_at="all", eval_stride=64, eval_tokens=4096)
    spec = RunSpec(corpus=bench.corpus.info.name, model=PAPER["Transformer"], train=train)

    @torch.inference_mode()
    def one_window_a_token() -> None:
        for batch in windows.split(64):
            naive(batch)[:, -1].log_softmax(-1)

    pair = compare(lambda: token_nlls(model, tokens, spec), unprepared(one_window_a_token), bench.rounds, bench.device)
    rates = 4096 / pair.ours, 1024 / pair.theirs
    yield Row("Scoring with half the context or more", "a window for each token", "tokens/s", *rates, 4 * pair.ratio)


def rebuild(bench: Bench) -> Iterator[Row]:
    """Rebuilding every figure and the report in a copy of the repository, against half a minute; fails where that loads torch.

    No row outside a clone, where there is no report.
    """
    if not files.IS_CLONE:
        return
    rooms = "tinylm.ledger, tinylm.analysis.summaries, tinylm.report.plots, tinylm.typesetting"
    loads_torch = f"import sys, tinylm, {rooms}; sys.exit('torch' in sys.modules)"
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(shutil.copytree(files.ROOT, Path(folder) / "copy", ignore=shutil.ignore_patterns(".git", "out", "datasets/*/*.txt")))
        environment = os.environ | {"PYTHONPATH": str(copy)}
        _finish([sys.executable, "-c", loads_torch], copy, environment)
        started = time.perf_counter()
        _finish([sys.executable, "run_me.py", "--verify", "0"], copy, environment)
        seconds = time.perf_counter() - started
    yield Row("Rebuilding every figure and the report, no torch", "30 s", "s", seconds, 30.0, 30.0 / seconds, 1.0)


def _finish(words: list[str], folder: Path, environment: dict[str, str]) -> None:
    """Run a command in the folder; BenchError where it fails."""
    if subprocess.run(words, check=False, cwd=folder, env=environment, stdout=subprocess.DEVNULL).returncode:
        raise BenchError("rebuilding the report failed, see above; repair that before measuring")


ROWS = (rebuild, paper_steps, dense_steps, nanogpt_step, parallel_runs, evaluation)  # what can fail comes first
