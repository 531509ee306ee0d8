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

from tinylm import data, files, ledger, study
from tinylm.config import LinearConfig, MLPConfig, ModelConfig, RunSpec, TinylmError, TrainConfig, TransformerConfig
from tinylm.config.shown import short
from tinylm.data import Corpus, grammar
from tinylm.evaluation.nlls import token_nlls
from tinylm.models.networks import build
from tinylm.study import Planned, nanogpt, recipes
from tinylm.training import cpu, machine, pool
from tinylm.training.bench import runs, textbook
from tinylm.training.bench.timing import alone, compare, median_seconds, one_product, unprepared
from tinylm.training.step import Update, make_update

PAPER = {
    "Linear": LinearConfig(context_length=128),
    "MLP": MLPConfig(context_length=128),
    "Self-Attention": TransformerConfig(context_length=128, n_layer=1, d_ff=512),
    "Transformer": TransformerConfig(context_length=128),
}
NO_DROPOUT = {"attention_dropout": 0.0, "ffn_dropout": 0.0}
DENSE = TransformerConfig(context_length=128, norm_place="pre", **NO_DROPOUT)
SHAKESPEARE = "tiny_shakespeare"
RECIPES = (1e11, 1e12, 1e13)  # budgets of recipes whose steps are timed
AS_GOOD = 4e10  # FLOPs that a recipe needs for the test NLL of the study's Transformer


class BenchError(TinylmError):
    """Something that has to work before it can be timed."""


@dataclass(frozen=True)
class Row:
    """One comparison: both sides in `unit`, how many times faster ours is (of a product's rate, or of a whole: the part of it), the
    gain worth having (0: none set).
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
        return runs.step_flops(RunSpec(corpus=self.corpus.info.name, model=model, train=train), self.corpus.info.vocab_size)


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


def recipe_steps(bench: Bench) -> Iterator[Row]:
    """A step of the Transformer's recipes: its rate against one large product's, and on all threads against one, as `train` takes it."""
    product, n_flops = one_product(torch.float32, bench.device)
    for budget in RECIPES:
        spec = recipes.recipe("transformer", SHAKESPEARE, budget)
        step, amount = runs.step(spec, bench.device), runs.step_flops(spec, data.vocab_size(SHAKESPEARE))
        pair = compare(step, product, bench.rounds, bench.device)
        name, rates = f"Transformer's recipe for {short(budget)} FLOPs, a step", (amount / pair.ours / 1e9, n_flops / pair.theirs / 1e9)
        yield Row(name, "one large product", "GFLOP/s", *rates, amount / n_flops * pair.ratio)
        pair = compare(step, alone(step), bench.rounds, bench.device)
        yield Row(name, "one thread", "ms", 1e3 * pair.ours, 1e3 * pair.theirs, pair.ratio)


def nanogpt_step(bench: Bench) -> Iterator[Row]:
    """The shape of nanoGPT's CPU recipe, in fp32 and in bf16, against a straightforward loop in its manner, which is in fp32."""
    spec = RunSpec(corpus=bench.corpus.info.name, model=nanogpt.MODEL, train=nanogpt.TRAIN)
    theirs = unprepared(textbook.gpt_step(spec, bench.corpus.train, bench.corpus.info.vocab_size, bench.device))
    for name, precision in (("nanoGPT's CPU shape", "fp32"), ("nanoGPT's CPU shape, bf16", "bf16")):
        pair = compare(bench.update(nanogpt.MODEL, replace(nanogpt.TRAIN, precision=precision)), theirs, bench.rounds, bench.device)
        rates = [nanogpt.TRAIN.batch_size * nanogpt.MODEL.context_length / seconds for seconds in (pair.ours, pair.theirs)]
        yield Row(f"Transformer, {name}", "nanoGPT-style loop", "tokens/s", *rates, pair.ratio, 1.3)


def parallel_runs(bench: Bench) -> Iterator[Row]:
    """Two small runs a core side by side, a thread each, against one after the other on all threads; a GPU takes four at a time."""
    cores = os.cpu_count() or 1
    workers = cores if bench.device == "cpu" else 4
    train = TrainConfig(steps=400, eval_tokens=500)
    specs = [RunSpec(corpus=bench.corpus.info.name, model=PAPER["Self-Attention"], train=train, seed=seed) for seed in range(2 * workers)]
    seconds = {n: _pool_seconds(bench, specs, n) for n in (workers, 1)}
    ours, theirs = (len(specs) / seconds[n] * 60 for n in (workers, 1))
    name = f"{len(specs)} small runs, {workers} at a time, training time"
    yield Row(name, "one after the other", "runs/min", ours, theirs, ours / theirs, 1.3 if bench.device == "cpu" else 3)


def _pool_seconds(bench: Bench, specs: list[RunSpec], workers: int) -> float:
    """Seconds for which the runs keep the processes of a pool busy, without the start of the processes."""
    with tempfile.TemporaryDirectory() as folder:
        at = {name: Path(folder) / name for name in ("folder", "checkpoints", "weights")}
        settings = machine.Settings(device=bench.device, workers=workers, **at)
        run = partial(Planned, section="bench", role="single", architecture="Self-Attention", name="small run")
        pool.train_all([run(spec=spec) for spec in specs], settings, _ignore)
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


def time_to_loss(bench: Bench) -> Iterator[Row]:
    """The seconds of the whole command that trains about as good a Transformer as the study's, against the study's steps in textbook code.

    These are the time of one step times their number, without validations. The parts of the command are shares of it. No row where the
    text is not at hand.
    """
    if not data.available(SHAKESPEARE):
        return
    study_run = next(run for run in study.section_plan("architectures", "full") if run.name == "Transformer")
    corpus = data.load(SHAKESPEARE)
    theirs = unprepared(textbook.study_step(study_run.spec, corpus.train, corpus.info.vocab_size, bench.device))
    cpu.prepare()
    textbook_seconds = study_run.cost.steps * median_seconds(theirs, bench.rounds, bench.device)
    whole, record = _command(bench.device)
    training = record.steps * median_seconds(alone(runs.step(record.spec, bench.device)), bench.rounds, bench.device)
    name = f"train --recipe transformer --budget {short(AS_GOOD)}, the whole command"
    yield Row(name, "the study's Transformer, its steps", "s", whole, textbook_seconds, textbook_seconds / whole, 100)
    yield Row("its training", "the study's Transformer, its steps", "s", training, textbook_seconds, textbook_seconds / training, 500)
    parts = {"start and end": whole - record.seconds, "training": training, "scoring": record.seconds - training}
    for part, seconds in parts.items():
        yield Row(f"its {part}", "the whole command", "s", seconds, whole, seconds / whole)


def _command(device: str) -> tuple[float, ledger.RunRecord]:
    """Seconds of the command in a new process, and the record that it wrote."""
    words = f"-m tinylm train --corpus {SHAKESPEARE} --recipe transformer --budget {short(AS_GOOD)} --device {device}".split()
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"TINYLM_HOME": folder, "PYTHONPATH": str(files.PACKAGE.parent)}
        started = time.perf_counter()
        _finish([sys.executable, *words], Path(folder), environment)
        seconds = time.perf_counter() - started
        return seconds, next(ledger.read(path) for path in Path(folder).glob("**/*-s0-*.json"))


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
        raise BenchError(f"{' '.join(words[1:3])} failed, see above; repair that before measuring")


# What can fail comes first.
ROWS = (rebuild, time_to_loss, paper_steps, dense_steps, recipe_steps, nanogpt_step, parallel_runs, evaluation)
