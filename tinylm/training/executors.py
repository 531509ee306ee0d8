"""Where runs are trained: in this process, in processes of their own that need no guard and hear signals, or where a caller says."""

import multiprocessing
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, contextmanager
from multiprocessing.context import SpawnContext, SpawnProcess
from types import ModuleType
from typing import Any, Protocol

import torch

from tinylm import data
from tinylm.config import RunSpec, TinylmError
from tinylm.evaluation.counts import count_record
from tinylm.ledger import RunRecord
from tinylm.study import Planned
from tinylm.training import machine, states, teaching
from tinylm.training.loop import Hooks, Progress, train
from tinylm.training.machine import Settings
from tinylm.training.own_torch import own_torch


class PoolError(TinylmError):
    """Runs that could not go on."""


class WorkerDied(PoolError):
    """A process that ended before its runs did."""


MOST_AT_ONCE = 4  # batches that are scored side by side: each takes memory
LEAVE_AFTER = 10.0  # seconds in which a worker told to end still hands its last outcome to the driver


def run_one(
    spec: RunSpec,
    settings: Settings,
    progress: Callable[[Progress], None],
    stop: Callable[[], bool],
    warn: Callable[[str], None] = warnings.warn,
    n_at_once: int = 1,
) -> RunRecord:
    """Run one spec in this process, after the networks that teach it, of which no weights are here.

    Its checkpoint stays, to be removed once the record is written. Busy where another process runs it.
    """
    corpus = data.load(spec.corpus, settings.data_dir)
    if spec.is_counts:
        return count_record(spec, corpus, settings.data_dir)
    state = settings.checkpoint(spec)
    with states.locked(state, stop):
        for before in spec.teachers:
            if not (before.is_counts or settings.weights_file(before).exists()):
                record = run_one(before, settings, lambda found: None, stop, warn, n_at_once)
                settings.checkpoint(before).unlink(missing_ok=True)
                if record.diverged:
                    raise TinylmError(f"a network that should teach, seed {before.seed}: {record.diverged}")
        teacher = teaching.teacher(spec, corpus, settings)
        return train(spec, corpus, settings.device, Hooks(progress, stop, warn, state, settings.weights_file(spec), n_at_once), teacher)


class RunExecutor(AbstractContextManager, Protocol):
    """Where runs are trained: `submit` hands one over, and its future gives the record or raises what `run_one` does.

    The runs put (index, Progress), or (index, a warning), into the queue `reports`; once the event `stopping` is set, they stop at their
    next checkpoint.
    """

    reports: Any
    stopping: Any

    def submit(self, index: int, spec: RunSpec, settings: Settings) -> Future: ...


class Processes(RunExecutor):
    """New processes on this machine, `number` of them, which end when the context does or the driver dies.

    They load this library and never the user's script or notebook: it needs no `__main__` guard, and what it defines is unknown to them.
    """

    def __init__(self, settings: Settings, number: int) -> None:
        self._context = _Context()
        with _startable():
            self.reports, self.stopping, self._begun = _Reports(self._context), _Flag(self._context), _Flag(self._context)
            worker = (self.reports, self.stopping, settings.n_threads, self._begun)
            self._pool = ProcessPoolExecutor(number, self._context, _start_worker, worker)

    def submit(self, index: int, spec: RunSpec, settings: Settings) -> Future:
        # A spec that cannot be read there is then an error of its run, which says why, and not the death of its process.
        with _startable():
            return self._pool.submit(_work_in_process, index, pickle.dumps(spec), settings)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        self._pool.shutdown()
        if isinstance(error, WorkerDied) and isinstance(error.__cause__, BrokenProcessPool):
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


@contextmanager
def _startable() -> Iterator[None]:
    """Raise WorkerDied where the system gives no process, file or memory for training processes."""
    try:
        yield
    except (OSError, MemoryError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise WorkerDied(
            f"no training process can be started: {reason}; raise the limit (`ulimit -a`) or use one process, and repeat"
        ) from error


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
        with _signals_ignored(), _without_main():
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
        return self._executor.submit(work, index, spec, settings, *self._channels)

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
        n_at_once = max(1, min(MOST_AT_ONCE, machine.n_cores() // settings.n_threads))  # the other cores have nothing to do
        return self._thread.submit(work, index, spec, settings, *self._channels, settings.n_threads, n_at_once)

    def __exit__(self, *error: Any) -> None:
        self._thread.shutdown()


def executor_for(planned: Sequence[Planned], settings: Settings) -> RunExecutor:
    """This process for one network, for counts, and for what only this process knows or may start; processes for several networks."""
    alone = sum(not run.spec.is_counts for run in planned) <= 1
    if alone or multiprocessing.current_process().daemon or not all(travels(run.spec) for run in planned):
        return ThisProcess()
    return Processes(settings, min(settings.n_workers, len(planned)))


def travels(spec: RunSpec) -> bool:
    """Whether another process can run the spec: not where its code, or its class, is that of a notebook's cell or of a script."""
    if spec.model.is_local:
        return False
    try:
        with _without_main():
            pickle.dumps(spec)
    except Exception:  # whatever a class's own way of pickling raises
        return False
    return True


# A terminal sends these to every process of a command; of a training the driver hears them and decides.
OF_A_TERMINAL = [getattr(signal, name) for name in ("SIGINT", "SIGHUP") if hasattr(signal, name)]


@contextmanager
def _signals_ignored() -> Iterator[None]:
    """Processes started here are deaf to a terminal's signals from their first instruction, not only once they have loaded torch."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, signal.SIG_IGN) for number in OF_A_TERMINAL}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


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
    for number in OF_A_TERMINAL:
        signal.signal(number, signal.SIG_IGN)
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
    return work(index, pickle.loads(spec), settings, **_worker)


def work(index: int, spec: RunSpec, settings: Settings, reports: Any, stopping: Any, threads: int = 0, n_at_once: int = 1) -> RunRecord:
    """Run one spec where the executor has put it, on `threads` where that is given; `n_at_once` batches are scored side by side.

    `reports` and `stopping` are None where nothing is shared with the driver.
    """

    def progress(found: Progress) -> None:
        if reports is not None:
            reports.put((index, found))

    def warn(text: str) -> None:
        if reports is None:
            warnings.warn(text, stacklevel=2)
        else:
            reports.put((index, text))

    with _busy, own_torch(settings.device, threads):
        return run_one(spec, settings, progress, lambda: stopping is not None and stopping.is_set(), warn, n_at_once)
