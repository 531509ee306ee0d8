"""A run's state between two sittings: taken up only by the run that left it, whole and unchanged, and by one process at a time."""

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import filelock
from torch import Tensor

from tinylm.config import RunSpec, TinylmError
from tinylm.config.serialise import to_dict
from tinylm.ledger import versions
from tinylm.models import checkpoint

WAIT = 15.0  # seconds in which a worker whose driver was killed saves its state and ends


class StateError(TinylmError):
    """A checkpoint that is not this run's."""


class Busy(Exception):
    """A run that another process is training."""


def save(path: Path, spec: RunSpec, tensors: dict[str, Tensor], history: dict[str, Any], environment: dict[str, str]) -> None:
    """Write the state of a run, and what it is the state of; CheckpointError when it cannot be written."""
    checkpoint.save(path, tensors, _identity(spec) | {"history": history, "environment": environment})


def load(path: Path, spec: RunSpec) -> tuple[dict[str, Tensor], dict[str, Any], dict[str, str]]:
    """The tensors, history and environment that `save` took; CheckpointError for a damaged file, StateError for one of another run."""
    tensors, facts = checkpoint.load(path)
    for name, own in _identity(spec).items():
        if name not in facts:
            raise StateError(f"{path} does not say its {name}")
        if facts[name] != own:
            raise StateError(f"{path} is of another {name}")
    return tensors, facts["history"], facts["environment"]


def steps_done(path: Path, spec: RunSpec) -> int:
    """How many steps of the run a file says it holds; 0 where there is no such file. The tensors are not read."""
    try:
        facts = checkpoint.facts(path)
        is_own = all(facts[name] == own for name, own in _identity(spec).items())
        return int(facts["history"]["step"]) if is_own else 0
    except (TinylmError, KeyError, TypeError, ValueError):
        return 0


def _identity(spec: RunSpec) -> dict[str, Any]:
    """What the file must say to be this run's, as it is read from JSON."""
    return json.loads(json.dumps({"key": spec.key, "version": versions.current(spec), "spec": to_dict(spec)}))


@contextlib.contextmanager
def locked(path: Path, stop: Callable[[], bool]) -> Iterator[None]:
    """Within the context, this is the one process that trains the run of a checkpoint; Busy where another one goes on doing that.

    The system frees the lock of a process that is killed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(path.with_suffix(".lock"))
    try:
        lock.acquire(timeout=WAIT, cancel_check=stop)
    except filelock.Timeout:
        raise Busy("another process is training it; repeat when that has ended") from None
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # Windows keeps the name while it is locked
            Path(lock.lock_file).unlink()
        lock.release()
