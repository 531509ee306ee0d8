"""Many specs -> many records in a pool of processes; the driver alone writes the ledger, the moment a run is done."""

import multiprocessing
import os
import queue
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from tqdm import tqdm

from tinylm import data, files, ledger
from tinylm.config import ConfigError, RunSpec, TinylmError
from tinylm.evaluation.counts import count_record
from tinylm.ledger import RunRecord
from tinylm.study import Planned
from tinylm.training.loop import Hooks, Interrupted, Progress, train

Watch = Callable[[Planned, Progress], None]


class PoolError(TinylmError):
    """Runs that could not go on."""


LEAVE_AFTER = 10.0  # seconds in which a worker told to end still hands its last outcome to the driver
EFFICIENCY = 0.4  # training reached 0.35 to 0.58 of the speed of one large product over the study's models


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
    """New processes on this machine, as many as the settings say, which end when the context does or the driver dies."""

    def __init__(self, settings: Settings) -> None:
        context = multiprocessing.get_context("spawn")
        self.reports, self.stopping = context.SimpleQueue(), context.Event()
        threads = max(1, n_cores() // settings.n_workers)
        self._pool = ProcessPoolExecutor(settings.n_workers, context, _start_worker, (self.reports, self.stopping, threads))

    def submit(self, index: int, spec: RunSpec, settings: Settings) -> Future:
        with _sigint_ignored():
            return self._pool.submit(_work_in_process, index, spec, settings)

    def __exit__(self, *error: Any) -> None:
        self._pool.shutdown()


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


def unwatched(run: Planned, progress: Progress) -> None:
    """The watcher of runs that nobody watches."""


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
    `executor` is where they run, `Processes(settings)` unless given.
    """
    planned = list({run.spec.key: run for run in reversed(planned)}.values())[::-1]  # sections may share a run
    if not planned:
        return []
    require_writable(settings.folder, settings.checkpoints, settings.weights)
    executor, left = executor or Processes(settings), dict(enumerate(planned))
    futures: dict[Future, int] = {}
    with (
        _progress_bar(planned, executor.reports, watch) as bar,
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
        raise PoolError("a training process was killed, perhaps for want of memory; repeat to go on, with fewer workers") from error
    if error is None or isinstance(error, TinylmError):
        return future.result()
    if not isinstance(error, Interrupted):
        bar.write(f"{run.name} (seed {run.spec.seed}): failed: {type(error).__name__}: {error}")
    return None


def _outcome(record: RunRecord) -> str:
    if record.test is None:
        return f"{record.status} at step {record.steps:,}"
    return f"test NLL {record.test.nll:.4f} +- {record.test.se:.4f}, {record.flops:.2e} FLOPs, {record.seconds:.0f} s"


def _as_completed(futures: dict[Future, int], stopping: Any) -> Iterator[Future]:
    """Futures as they finish; Ctrl-C asks the runs to stop and goes on waiting for them to save."""
    pending = set(futures)
    while pending:
        try:
            finished, pending = wait(pending, timeout=0.5, return_when=FIRST_COMPLETED)
        except KeyboardInterrupt:
            tqdm.write("stopping: the runs in progress save their states")
            stopping.set()
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
def _progress_bar(planned: Sequence[Planned], reports: Any, watch: Watch) -> Iterator[tqdm]:
    """A bar in FLOPs over all runs, fed by the workers: throughput and time left come with it."""
    total = sum(run.cost.flops for run in planned)
    bar = tqdm(total=total, unit="FLOP", unit_scale=True, desc=f"{len(planned)} runs", smoothing=0.05, dynamic_ncols=True)
    listener = threading.Thread(target=_listen, args=(reports, bar, planned, watch), daemon=True)
    listener.start()
    try:
        yield bar
    finally:
        reports.put(None)
        listener.join()
        bar.close()


def _listen(reports: Any, bar: tqdm, planned: Sequence[Planned], watch: Watch) -> None:
    seen: dict[int, int] = {}
    while (message := reports.get()) is not None:
        run, progress = message
        bar.update(progress.flops - seen.get(run, 0))
        seen[run] = progress.flops
        try:
            watch(planned[run], progress)
        except Exception as error:  # a full disk, say: what only looks on must not stop the runs
            bar.write(f"the progress of the runs is no longer written: {type(error).__name__}: {error}")
            watch = unwatched


_busy = threading.Lock()  # of this process, whose random numbers are one run's at a time
_worker: dict[str, Any] = {}  # what a new process of `Processes` is given for all its runs


def _start_worker(reports: Any, stopping: Any, threads: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the driver decides; a terminal sends Ctrl-C to every process
    torch.set_num_threads(threads)
    _worker.update(reports=reports, stopping=stopping)
    # `timeout` sends SIGTERM to every process too.
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=_leave, args=(LEAVE_AFTER,), daemon=True).start())
    threading.Thread(target=_leave_with_driver, daemon=True).start()


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


def _work_in_process(index: int, spec: RunSpec, settings: Settings) -> RunRecord:
    return _work(index, spec, settings, **_worker)


def _work(index: int, spec: RunSpec, settings: Settings, reports: Any, stopping: Any) -> RunRecord:
    """Run one spec where the executor has put it; `reports` and `stopping` are None where nothing is shared with the driver."""

    def progress(found: Progress) -> None:
        if reports is not None:
            reports.put((index, found))

    with _busy:
        return run_one(spec, settings, progress, lambda: stopping is not None and stopping.is_set())


def device(name: str) -> str:
    """The device that `cpu`, `cuda` or `auto` means here; ConfigError where there is no such one."""
    if name == "cuda" and not torch.cuda.is_available():
        raise ConfigError("--device cuda: torch finds no CUDA device here; use --device cpu")
    return "cuda" if name != "cpu" and torch.cuda.is_available() else "cpu"


def expected_speed(settings: Settings, seconds: float = 2.0) -> float:
    """FLOP/s that training on this CPU should reach, from `seconds` of products of two 512 x 512 float32 matrices on one core."""
    a, threads = torch.randn(512, 512), torch.get_num_threads()
    torch.set_num_threads(1)
    started, n_products = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        a @ a
        n_products += 1
    torch.set_num_threads(threads)
    return EFFICIENCY * settings.n_workers * n_products * 2 * 512**3 / (time.perf_counter() - started)
