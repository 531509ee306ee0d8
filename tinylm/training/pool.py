"""Many specs -> many records, wherever an executor trains them; the driver alone writes the ledger, the moment a run is done."""

import math
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from tinylm import files, ledger
from tinylm.config import TinylmError, shown
from tinylm.config.errors import needing_packages
from tinylm.config.interrupts import ended_like_interrupted
from tinylm.ledger import RunRecord
from tinylm.study import Planned, distinct
from tinylm.training import forecast, states
from tinylm.training.executors import PoolError, RunExecutor, WorkerDied, executor_for
from tinylm.training.loop import Interrupted, Progress
from tinylm.training.machine import Settings, require_memory
from tinylm.training.progress_bar import Watch, called, in_notebook, progress_bar, say, tqdm, unwatched


class Stopped(PoolError):
    """Runs that Ctrl-C or the time limit ended before their time; their checkpoints continue them."""


FEW_SECONDS = 10.0  # that are not told more exactly, since starting takes as long
UNASKED = 10.0  # expected minutes above which a notebook's training waits for its user's word


def clusters() -> ModuleType:
    """What trains on a cluster, loaded only for one; PackageError where its package is missing."""
    with needing_packages("--cluster", "tinylm[cluster]"):
        from tinylm.training import cluster
    return cluster


def train_all(
    planned: Sequence[Planned],
    settings: Settings,
    done: Callable[[Planned, RunRecord], None],
    watch: Watch = unwatched,
    executor: RunExecutor | None = None,
) -> list[Planned]:
    """Run the planned specs in order, write each record into `folder/section`, call `done`, return what was not finished.

    `watch` hears, in a thread of this process, how far each run is; when it fails, that is said and the runs go on.

    Ctrl-C, SIGTERM, SIGHUP and the time limit stop the runs at their next checkpoint; calling again continues them. A run that fails is
    named and left while the others go on; a user's mistake or a killed process is raised once the others have saved their states.
    `executor` is where they run, `executor_for` them unless given.
    """
    planned = distinct(planned)
    if not planned:
        return []
    _require_room(planned, settings)
    executor, left = executor or executor_for(planned, settings), dict(enumerate(planned))
    futures: dict[Future, int] = {}
    with (
        ended_like_interrupted(),
        progress_bar(planned, executor.reports, watch) as bar,
        executor,
        _deadline(settings.minutes, executor.stopping),
        _stop_on_error(futures, executor.stopping),
    ):
        for i, run in left.items():
            futures[executor.submit(i, run.spec, settings)] = i
        for future in _as_completed(futures, executor.stopping):
            i = futures[future]
            if (record := _finished(future, planned[i], bar)) is None:
                continue
            ledger.write(record, settings.folder / planned[i].section)
            settings.checkpoint(record.spec).unlink(missing_ok=True)
            del left[i]
            say(bar, f"{called(planned[i])}: {_outcome(record)}")
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


def _require_room(planned: Sequence[Planned], settings: Settings) -> None:
    """TinylmError, before any training, for a model that memory does not hold, and for a folder that cannot be written."""
    for run in planned:
        require_memory(run.spec)
    require_writable(settings.folder, settings.checkpoints, settings.weights)


def require_writable(*folders: Path) -> None:
    """Make the folders, without what killed processes were writing there.

    PoolError, before any training, for one that files cannot be written into.
    """
    for folder in folders:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=folder).close()
            files.remove_unfinished(folder)
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
    if isinstance(error, states.Busy):
        say(bar, f"{called(run)}: {error}")
    elif not isinstance(error, Interrupted):
        say(bar, f"{called(run)}: failed: {type(error).__name__}: {error}")
    return None


def _outcome(record: RunRecord) -> str:
    score = record.test or record.valid  # of a search there is no test score
    if score is None:
        return f"{record.status} at step {record.steps:,}"
    split = "test" if record.test else "valid"
    cost = f"{shown.short(record.flops)} FLOPs, {shown.duration(record.seconds)}"
    return f"{split} NLL {score}, {cost}"


def _as_completed(futures: dict[Future, int], stopping: Any) -> Iterator[Future]:
    """Futures as they finish; an interrupt asks the runs to stop and goes on waiting for them to save."""
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


def require_allowed(planned: Sequence[Planned], settings: Settings, call: str) -> str:
    """How many runs, FLOPs and minutes a training is, to be said before it; what checkpoints hold of it is left out.

    PoolError above UNASKED minutes where the settings give no time for it; `call` is what gives it, with `{minutes}` in the place of
    the number.
    """
    planned = distinct(planned)
    n = shown.amount(len(planned), "run")
    flops, seconds = sum(run.cost.flops for run in planned), forecast.expected_seconds(planned, settings)
    left = sum(run.cost.flops * (1 - forecast.share_done(run, settings)) for run in planned)
    text = f"{n} to train, {shown.short(left)} FLOPs{' left' if left < flops else ''}" if flops else f"{n} of counts"
    if seconds is None or not flops:
        return text
    minutes = seconds / 60
    about = f"about {minutes:,.0f} min" if minutes >= 1 else f"about {seconds:.0f} s" if seconds >= FEW_SECONDS else "a few seconds"
    text += f", {about} on this machine"
    if minutes > UNASKED and not settings.minutes:
        generous = math.ceil(1.5 * minutes)  # the machine may be busy, and the time that is given is a limit
        raise PoolError(f"{text}; more than {UNASKED:.0f} min must be allowed: {call.format(minutes=generous)}")
    return text
