"""Many specs -> many records, in this process or a pool of them; the driver alone writes the ledger, the moment a run is done."""

import math
import multiprocessing
import os
import pickle
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import cache
from multiprocessing.context import SpawnContext, SpawnProcess
from pathlib import Path
from statistics import median
from types import ModuleType
from typing import Any, Protocol

import torch

from tinylm import data, files, ledger
from tinylm.config import ConfigError, RunSpec, TinylmError, TrainConfig, TransformerConfig, shown
from tinylm.config.errors import unknown
from tinylm.evaluation.counts import count_record
from tinylm.flops import scoring_flops
from tinylm.ledger import RunRecord
from tinylm.models.networks import build
from tinylm.study import Planned, distinct
from tinylm.training.loop import Hooks, Interrupted, Progress, train
from tinylm.training.own_torch import own_torch
from tinylm.training.progress_bar import Watch, in_notebook, progress_bar, tqdm, unwatched
from tinylm.training.step import make_update


class PoolError(TinylmError):
    """Runs that could not go on."""


class Stopped(PoolError):
    """Runs that Ctrl-C or the time limit ended before their time; their checkpoints continue them."""


class WorkerDied(PoolError):
    """A process that ended before its runs did."""


DEVICES = ("auto", "cpu", "cuda")
LEAVE_AFTER = 10.0  # seconds in which a worker told to end still hands its last outcome to the driver
EFFICIENCY = 0.4  # training reached 0.35 to 0.58 of the speed of one large product over the study's models
FEW_SECONDS = 10.0  # that are not told more exactly, since starting takes as long
ROUNDS = 3  # of fitting a budget to a time: the model of a recipe, and what is scored, depend on the budget
VOCAB_SIZE = 16
ONE_BLOCK = RunSpec(
    corpus="grammar-char",
    model=TransformerConfig(context_length=4, n_layer=1, n_head=1, d_model=4, d_ff=4),
    train=TrainConfig(steps=20, batch_size=1, loss_at="all"),
)
UNASKED = 10.0  # expected minutes above which a notebook's training waits for its user's word


def n_cores() -> int:
    """The cores that training may use: this process's, or fewer where OMP_NUM_THREADS says so."""
    mine = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    said = os.environ.get("OMP_NUM_THREADS", "")
    return min(mine, int(said)) if said.isdigit() and int(said) else mine


@dataclass(frozen=True)
class Settings:
    """How to run, none of which changes a result beyond rounding: device, processes, corpora, where records and states go."""

    device: str = "cpu"
    workers: int = 0  # 0: one per core on a CPU, each with one thread; one on a GPU
    data_dir: Path | None = None
    folder: Path = files.LOCAL_LEDGER
    minutes: float = 0.0  # 0: no limit
    checkpoints: Path = files.CHECKPOINTS
    weights: Path = files.WEIGHTS

    @property
    def n_workers(self) -> int:
        """Number of processes."""
        return self.workers or (n_cores() if self.device == "cpu" else 1)

    @property
    def n_threads(self) -> int:
        """Threads of the CPU for each run, wherever it is: on a busy machine, two of them wait for each other at every product."""
        return max(1, n_cores() // self.n_workers)


def run_one(spec: RunSpec, settings: Settings, progress: Callable[[Progress], None], stop: Callable[[], bool]) -> RunRecord:
    """Run one spec in this process; its checkpoint is removed once the record exists."""
    corpus = data.load(spec.corpus, settings.data_dir)
    if spec.is_counts:
        return count_record(spec, corpus)
    state = settings.checkpoints / f"{spec.key}.safetensors"
    hooks = Hooks(progress=progress, stop=stop, checkpoint=state, weights=settings.weights / f"{spec.key}.safetensors")
    return train(spec, corpus, settings.device, hooks)


class RunExecutor(AbstractContextManager, Protocol):
    """Where runs are trained: `submit` hands one over, and its future gives the record or raises what `run_one` does.

    The runs put (index, Progress) into the queue `reports`; once the event `stopping` is set, they stop at their next checkpoint.
    """

    reports: Any
    stopping: Any

    def submit(self, index: int, spec: RunSpec, settings: Settings) -> Future: ...


class Processes(RunExecutor):
    """New processes on this machine, as many as the settings say, which end when the context does or the driver dies.

    They load this library and never the user's script or notebook: it needs no `__main__` guard, and what it defines is unknown to them.
    """

    def __init__(self, settings: Settings) -> None:
        self._context = _Context()
        self.reports, self.stopping, self._begun = _Reports(self._context), _Flag(self._context), _Flag(self._context)
        worker = (self.reports, self.stopping, settings.n_threads, self._begun)
        self._pool = ProcessPoolExecutor(settings.n_workers, self._context, _start_worker, worker)

    def submit(self, index: int, spec: RunSpec, settings: Settings) -> Future:
        # A spec that cannot be read there is then an error of its run, which says why, and not the death of its process.
        return self._pool.submit(_work_in_process, index, pickle.dumps(spec), settings)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        self._pool.shutdown()
        if isinstance(error, WorkerDied):
            raise WorkerDied(self._end()) from error.__cause__

    def _end(self) -> str:
        """Why a process ended, known once all of them have."""
        codes = [worker.exitcode for worker in self._context.workers if worker.exitcode]
        own = [code for code in codes if code != -signal.SIGTERM]  # which the pool sends to the others
        code = min(own or codes or [0])  # a signal before an exit code
        end = f"was killed by {signal.Signals(-code).name}, perhaps out of memory" if code < 0 else f"ended with exit code {code}"
        if self._begun.is_set():
            return f"a training process {end}; repeat to go on, with fewer processes"
        if code > 0 and (problem := _import_problem()):
            return f"no training process started: {problem}; correct this and repeat"
        return f"no training process started, one {end}; repeat with fewer processes"


class _Reports:
    """A queue without the lock of `multiprocessing`'s, which a worker that is killed would keep: messages this short are written whole."""

    def __init__(self, context: SpawnContext) -> None:
        self._reader, self._writer = context.Pipe(duplex=False)

    def put(self, message: Any) -> None:
        self._writer.send(message)

    def get(self) -> Any:
        return self._reader.recv()


class _Flag:
    """An event without a lock."""

    def __init__(self, context: SpawnContext) -> None:
        self._value = context.RawValue("b", 0)

    def set(self) -> None:
        self._value.value = 1

    def is_set(self) -> bool:
        return bool(self._value.value)


class _Worker(SpawnProcess):
    def start(self) -> None:
        with _sigint_ignored(), _without_main():
            super().start()


class _Context(SpawnContext):
    """Starts processes that never run the user's script, and remembers them."""

    def __init__(self) -> None:
        self.workers: list[_Worker] = []

    def Process(self, *args: Any, **kwargs: Any) -> _Worker:
        """A new process, not started yet."""
        self.workers.append(_Worker(*args, **kwargs))
        return self.workers[-1]


class Borrowed(RunExecutor):
    """A caller's executor of `concurrent.futures` or its like, such as the `get_executor()` of a Dask client; it stays open.

    `reports` (put, get) and `stopping` (set, is_set) must reach the runs: those of `queue` and `threading` do in threads, Dask has its own.
    Without `reports` nothing is heard of a run before its end; without `stopping` the runs in progress go on to theirs when the others
    are told to stop. A process runs one at a time, whatever its threads; machines must share the settings' folders.
    """

    def __init__(self, executor: Executor, reports: Any = None, stopping: Any = None) -> None:
        self._executor, self._channels = executor, (reports, stopping)
        self.reports = queue.SimpleQueue() if reports is None else reports
        self.stopping = threading.Event() if stopping is None else stopping

    def submit(self, index: int, spec: RunSpec, settings: Settings) -> Future:
        return self._executor.submit(_work, index, spec, settings, *self._channels)

    def __enter__(self) -> "Borrowed":
        self.stopping.clear()  # which a call before may have set
        return self

    def __exit__(self, *error: Any) -> None:
        """Leave the executor to its owner."""


class ThisProcess(Borrowed):
    """A thread of this process, one run after the other, while the caller waits; torch's settings stay the caller's."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1)
        super().__init__(self._thread, queue.SimpleQueue(), threading.Event())

    def submit(self, index: int, spec: RunSpec, settings: Settings) -> Future:
        return self._thread.submit(_work, index, spec, settings, *self._channels, settings.n_threads)

    def __exit__(self, *error: Any) -> None:
        self._thread.shutdown()


def executor_for(planned: Sequence[Planned], settings: Settings) -> RunExecutor:
    """This process for one run, for counts, and for what only this process knows or may start; processes for several runs."""
    alone = len(planned) == 1 or all(run.spec.is_counts for run in planned)
    if alone or multiprocessing.current_process().daemon or not all(_travels(run.spec) for run in planned):
        return ThisProcess()
    return Processes(replace(settings, workers=min(settings.n_workers, len(planned))))


def _travels(spec: RunSpec) -> bool:
    """Whether another process can run the spec: not where its code, or its class, is that of a notebook's cell or of a script."""
    if spec.model.is_local:
        return False
    try:
        with _without_main():
            pickle.dumps(spec)
    except Exception:  # whatever a class's own way of pickling raises
        return False
    return True


def train_all(
    planned: Sequence[Planned],
    settings: Settings,
    done: Callable[[Planned, RunRecord], None],
    watch: Watch = unwatched,
    executor: RunExecutor | None = None,
) -> list[Planned]:
    """Run the planned specs in order, write each record into `folder/section`, call `done`, return what was not finished.

    `watch` hears, in a thread of this process, how far each run is; when it fails, that is said and the runs go on.

    Ctrl-C and the time limit stop the runs at their next checkpoint; calling again continues them. A run that fails is named
    and left while the others go on; a user's mistake or a killed process is raised once the others have saved their states.
    `executor` is where they run, `executor_for` them unless given.
    """
    planned = distinct(planned)
    if not planned:
        return []
    require_writable(settings.folder, settings.checkpoints, settings.weights)
    executor, left = executor or executor_for(planned, settings), dict(enumerate(planned))
    futures: dict[Future, int] = {}
    with (
        progress_bar(planned, executor.reports, watch) as bar,
        executor,
        _deadline(settings.minutes, executor.stopping),
        _stop_on_error(futures, executor.stopping),
    ):
        for i, run in left.items():
            futures[executor.submit(i, run.spec, settings)] = i
        for future in _as_completed(futures, executor.stopping):
            i = futures[future]
            record = _finished(future, planned[i], bar)
            if record is None:
                continue
            ledger.write(record, settings.folder / planned[i].section)
            (settings.checkpoints / f"{record.spec.key}.safetensors").unlink(missing_ok=True)
            del left[i]
            bar.write(f"{planned[i].name} (seed {record.spec.seed}): {_outcome(record)}")
            done(planned[i], record)
    return list(left.values())


def finish_all(
    planned: Sequence[Planned],
    settings: Settings,
    done: Callable[[Planned, RunRecord], None] = lambda run, record: None,
    watch: Watch = unwatched,
) -> None:
    """`train_all` for a notebook: Stopped says in one line where Ctrl-C or the time limit ended it, PoolError that runs failed."""
    planned, reached, finished = distinct(planned), {}, set()
    executor = executor_for(planned, settings)

    def follow(run: Planned, progress: Progress) -> None:
        reached[run.spec.key] = progress
        watch(run, progress)

    def end(run: Planned, record: RunRecord) -> None:
        finished.add(run.spec.key)
        done(run, record)

    try:
        train_all(planned, settings, end, follow, executor)
    except KeyboardInterrupt:  # outside the wait for the runs; they have stopped all the same
        executor.stopping.set()
    left = [run for run in planned if run.spec.key not in finished]
    if left and not executor.stopping.is_set():
        raise PoolError(f"{len(left)} of {len(planned)} runs failed, as said above; correct the cause and repeat")
    if left:
        raise Stopped(_stopped(planned, left, reached)) from None


def _stopped(planned: Sequence[Planned], left: Sequence[Planned], reached: dict[str, Progress]) -> str:
    again = "run the cell again to go on" if in_notebook() else "repeat to go on"
    if len(planned) > 1:
        return f"stopped with {len(left)} of {len(planned)} runs left; {again}"
    now = reached.get(left[0].spec.key)
    return f"stopped {f'at step {now.step:,} of {now.num_steps:,}' if now else 'before the first step'}; {again}"


def require_writable(*folders: Path) -> None:
    """Make the folders; PoolError, before any training, for one that files cannot be written into."""
    for folder in folders:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=folder).close()
        except OSError as error:
            message = f"cannot write into {folder}: {error.strerror}; make it writable, or set TINYLM_HOME to another folder"
            raise PoolError(message) from error


def _finished(future: Future, run: Planned, bar: tqdm) -> RunRecord | None:
    """A run's record, or None where it was stopped or, which is said, failed; TinylmError for a mistake or a killed process."""
    error = Interrupted() if future.cancelled() else future.exception()
    if isinstance(error, BrokenProcessPool):
        raise WorkerDied("a training process ended, perhaps out of memory; repeat to go on, with fewer processes") from error
    if error is None or isinstance(error, TinylmError):
        return ledger.kept(future.result(), run.section)
    if not isinstance(error, Interrupted):
        bar.write(f"{run.name} (seed {run.spec.seed}): failed: {type(error).__name__}: {error}")
    return None


def _outcome(record: RunRecord) -> str:
    score = record.test or record.valid  # of a search there is no test score
    if score is None:
        return f"{record.status} at step {record.steps:,}"
    split = "test" if record.test else "valid"
    cost = f"{shown.short(record.flops)} FLOPs, {shown.duration(record.seconds)}"
    return f"{split} NLL {score.nll:.4f} +- {score.se:.4f}, {cost}"


def _as_completed(futures: dict[Future, int], stopping: Any) -> Iterator[Future]:
    """Futures as they finish; Ctrl-C asks the runs to stop and goes on waiting for them to save."""
    pending = set(futures)
    while pending:
        try:
            finished, pending = wait(pending, timeout=0.5, return_when=FIRST_COMPLETED)
        except KeyboardInterrupt:
            stopping.set()
            tqdm.write("stopping: the runs in progress save their states")
            continue
        if stopping.is_set():
            pending = {f for f in pending if not f.cancel()}
        yield from finished


@contextmanager
def _sigint_ignored() -> Iterator[None]:
    """Processes started here are deaf to Ctrl-C from their first instruction, not only once they have loaded torch."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _deadline(minutes: float, stopping: Any) -> Iterator[None]:
    timer = threading.Timer(minutes * 60, stopping.set)
    if minutes:
        timer.daemon = True
        timer.start()
    try:
        yield
    finally:
        timer.cancel()


@contextmanager
def _stop_on_error(futures: Iterable[Future], stopping: Any) -> Iterator[None]:
    """An error in one run stops the others at their next checkpoint and is raised then, not when hours of runs are over."""
    try:
        yield
    except BaseException:
        stopping.set()
        for future in futures:
            future.cancel()
        wait(futures)
        raise


@contextmanager
def _without_main() -> Iterator[None]:
    """The module `__main__` is empty: what is started here does not run the user's script, what is pickled here does not need it."""
    with _replacing:
        main = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")
        try:
            yield
        finally:
            sys.modules["__main__"] = main


def _import_problem() -> str:
    """The last line of what a new Python says when it cannot load this module; nothing where it can."""
    code = f"import sys; sys.path[:] = {sys.path!r}; import {__name__}"
    tried = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    return tried.stderr.strip().rpartition("\n")[2] if tried.returncode else ""


_busy = threading.Lock()  # of this process, whose random numbers are one run's at a time
_replacing = threading.Lock()  # the module `__main__`
_worker: dict[str, Any] = {}  # what a new process of `Processes` is given for all its runs


def _start_worker(reports: Any, stopping: Any, threads: int, begun: Any) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the driver decides; a terminal sends Ctrl-C to every process
    torch.set_num_threads(threads)
    _worker.update(reports=reports, stopping=stopping)
    # `timeout` sends SIGTERM to every process too.
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=_leave, args=(LEAVE_AFTER,), daemon=True).start())
    threading.Thread(target=_leave_with_driver, daemon=True).start()
    begun.set()


def _leave_with_driver() -> None:
    """When the driver is killed, let the run in progress save its state, then end this process too."""
    multiprocessing.parent_process().join()
    _leave(0.0)


def _leave(after: float) -> None:
    """Stop the run in progress where it saves its state, and end this process so many seconds later."""
    _worker["stopping"].set()
    with _busy:
        time.sleep(after)
        os._exit(1)


def _work_in_process(index: int, spec: bytes, settings: Settings) -> RunRecord:
    return _work(index, pickle.loads(spec), settings, **_worker)


def _work(index: int, spec: RunSpec, settings: Settings, reports: Any, stopping: Any, threads: int = 0) -> RunRecord:
    """Run one spec where the executor has put it, on `n_threads` where that is given.

    `reports` and `stopping` are None where nothing is shared with the driver.
    """

    def progress(found: Progress) -> None:
        if reports is not None:
            reports.put((index, found))

    with _busy, own_torch(settings.device, threads):
        return run_one(spec, settings, progress, lambda: stopping is not None and stopping.is_set())


def device(name: str) -> str:
    """The device that `cpu`, `cuda` or `auto` means here; ConfigError where there is no such one."""
    if name not in DEVICES:
        raise ConfigError(unknown("device", name, DEVICES))
    if name == "cuda" and not torch.cuda.is_available():
        raise ConfigError("device cuda: torch finds no CUDA device here; use cpu")
    return "cuda" if name != "cpu" and torch.cuda.is_available() else "cpu"


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
    speed = expected_speed(replace(settings, workers=1), 0.5)
    seconds = [run_seconds(run, speed) for run in planned if not run.spec.is_counts]
    return max(sum(seconds) / min(settings.n_workers, n_cores()), *seconds)


def affordable_flops(plan: Callable[[int], Planned], seconds: float, settings: Settings) -> int:
    """The FLOPs that the run of a budget, which `plan` makes, should spend in `seconds` on this machine's CPU."""
    speed = expected_speed(replace(settings, workers=1))
    flops = int(seconds * speed)
    for _ in range(ROUNDS):
        run = plan(flops)
        flops = int(run.cost.flops * seconds / run_seconds(run, speed))
    return flops


def require_allowed(planned: Sequence[Planned], settings: Settings, call: str) -> str:
    """How many runs, FLOPs and minutes a training is, to be said before it.

    PoolError above UNASKED minutes where the settings give no time for it; `call` is what gives it, with `{minutes}` in the place of
    the number.
    """
    planned = distinct(planned)
    n = f"{len(planned)} run{'s' if len(planned) > 1 else ''}"
    flops, seconds = sum(run.cost.flops for run in planned), expected_seconds(planned, settings)
    text = f"{n} to train, {shown.short(flops)} FLOPs" if flops else f"{n} of counts"
    if seconds is None or not flops:
        return text
    minutes = seconds / 60
    about = f"about {minutes:,.0f} min" if minutes >= 1 else f"about {seconds:.0f} s" if seconds >= FEW_SECONDS else "a few seconds"
    text += f", {about} on this machine"
    if minutes > UNASKED and not settings.minutes:
        generous = math.ceil(1.5 * minutes)  # the machine may be busy, and the time that is given is a limit
        raise PoolError(f"{text}; more than {UNASKED:.0f} min must be allowed: {call.format(minutes=generous)}")
    return text
