"""Runs on other machines: an executor that hands them to a Dask cluster, whose workers have tinylm and the corpora of their own.

Needs the package distributed, which nothing else here does.
"""

import asyncio
import concurrent.futures
import hashlib
import ipaddress
import queue
import threading
import time
import uuid
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import asdict
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import distributed
import torch
from distributed.utils import sync

from tinylm import __version__, data, files, ledger
from tinylm.config import RunSpec
from tinylm.config.serialise import spec_from_dict, to_dict
from tinylm.config.shown import amount
from tinylm.training import machine
from tinylm.training.executors import PoolError, RunExecutor, travels, work
from tinylm.training.loop import Interrupted, Progress
from tinylm.training.machine import Settings

GPU = "GPU"  # the resource that a worker with a GPU is started with
CONNECT = 30.0  # seconds for the scheduler to answer
EVERY = 1.0  # second: a run asks no oftener whether to stop, and reports no oftener but for validations
PAGE = "docs/cluster.md says how"


class ClusterError(PoolError):
    """A cluster that cannot be used, or a worker of it that is not as this machine is."""


class Cluster(RunExecutor):
    """The workers of a Dask cluster: each trains one run at a time and sends its record and weights here.

    On a CPU a run has one thread, so that its bits do not depend on where it is. The scheduler gives a run whose worker has died to
    another one. `device` is that of the workers; `auto` is a GPU where a worker has one.
    """

    def __init__(self, address: str, device: str) -> None:
        try:
            self._client = distributed.Client(checked(address), security=_security(address), timeout=CONNECT, set_as_default=False)
        except (OSError, ValueError) as error:  # ValueError: of a certificate
            raise ClusterError(f"no cluster answers at {address} ({error}); start its scheduler, {PAGE}") from error
        self.address, self._topic = address, f"tinylm-{uuid.uuid4().hex}"
        self.device = _device(device, self.workers)
        self.reports: Any = queue.SimpleQueue()
        self.stopping: Any = _Stopping(self._client, self._topic)
        self._client.subscribe_topic(self._topic, lambda event: self.reports.put(_report(event[1])))

    @property
    def workers(self) -> Mapping[str, Any]:
        """What is known of the workers there are now, by address; more may come."""
        return self._client.scheduler_info()["workers"]

    def __str__(self) -> str:
        n = len(self.workers)
        trains = "trains" if n == 1 else "train"
        return f"{amount(n, 'worker')} at {self.address} {trains} on {self.device}{'' if n else '; the runs wait for the first'}"

    def submit(self, index: int, spec: RunSpec, settings: Settings) -> Future:
        if not travels(spec):
            raise ClusterError(f"the code of {spec.model.kind} is known to this process only; train it without a cluster")
        job = {"spec": to_dict(spec), "corpus": data.info(spec.corpus).sha256, "code": code_version(), "device": self.device}
        resources = {GPU: 1} if self.device == "cuda" else None
        sent = self._client.submit(train_job, index, job, self._topic, key=f"{spec.key}-{self._topic}", resources=resources)
        self.stopping.sent.append(sent)
        arrived: Future = Future()
        arrived.set_running_or_notify_cancel()  # a run that has begun is told to stop, and then waited for
        sent.add_done_callback(lambda done: self._arrive(done, spec, settings, arrived))
        return arrived

    def _arrive(self, done: distributed.Future, spec: RunSpec, settings: Settings, arrived: Future) -> None:
        """Give the outcome of a run to the future that the driver waits for, its weights written before."""
        try:
            text, weights = done.result()
            record = ledger.from_json(text)
            if record.spec != spec:
                raise ClusterError(f"a worker sent the record of {record.spec.key} for {spec.key}; repeat")
            if weights:
                with files.written(settings.weights_file(spec)) as new:
                    new.write_bytes(weights)
            arrived.set_result(record)
        except (asyncio.CancelledError, concurrent.futures.CancelledError):
            lost = ClusterError(f"the cluster at {self.address} was lost; repeat to go on")
            arrived.set_exception(Interrupted() if self.stopping.is_set() else lost)
        except Exception as error:  # whatever a worker raised is the driver's to judge
            arrived.set_exception(error)

    def __exit__(self, *error: Any) -> None:
        self._client.close()


class _Stopping:
    """An event that the workers see, and that takes back the runs which wait for one."""

    def __init__(self, client: distributed.Client, topic: str) -> None:
        self.sent: list[distributed.Future] = []
        self._client, self._here, self._there = client, threading.Event(), distributed.Event(topic, client=client)

    def set(self) -> None:
        if self._here.is_set():
            return
        self._here.set()
        self._there.set()
        begun = {key for keys in self._client.processing().values() for key in keys}
        self._client.cancel([future for future in self.sent if not future.done() and future.key not in begun])

    def is_set(self) -> bool:
        return self._here.is_set()


def checked(address: str) -> str:
    """The address of a scheduler; ClusterError unless it is tls://HOST:PORT, or tcp:// of this machine.

    A scheduler runs whatever it is sent: whoever reaches a plain one can do what its workers may.
    """
    try:
        parts = urlsplit(address)
        is_whole = parts.scheme in ("tls", "tcp") and parts.hostname and parts.port and not (parts.path or parts.query)
    except ValueError:
        is_whole = False
    if not is_whole:
        raise ClusterError(f"{address!r} is no address of a cluster; give tls://HOST:PORT")
    if parts.scheme == "tcp" and not _is_loopback(parts.hostname):
        raise ClusterError(f"{address} is not encrypted, and a scheduler runs whatever it is sent; give tls://{parts.netloc}, {PAGE}")
    return address


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _security(address: str) -> distributed.Security:
    """The certificates that Dask is configured with; ClusterError where they are needed and missing."""
    if not address.startswith("tls:"):
        return distributed.Security()
    security = distributed.Security(require_encryption=True)
    if not (security.tls_ca_file and security.tls_client_cert):
        raise ClusterError(f"{address} needs certificates: configure Dask's distributed.comm.tls, {PAGE}")
    return security


def _device(asked: str, workers: Mapping[str, Any]) -> str:
    """The device that runs are trained on; ClusterError for a GPU where no worker has one."""
    if asked == "mps":
        raise ClusterError("runs of a cluster are trained on cpu or cuda; leave out --device mps")
    has_gpu = any(worker["resources"].get(GPU) for worker in workers.values())
    if asked == "cuda" and not has_gpu:
        raise ClusterError(f"no worker of the cluster has a GPU; start one with --resources {GPU}=1, {PAGE}")
    return "cuda" if has_gpu and asked != "cpu" else "cpu"


@cache
def code_version() -> str:
    """The release of tinylm, what its code is, and the release of PyTorch: equal where runs give the same."""
    found = hashlib.sha256()
    for path in sorted(files.PACKAGE.rglob("*.py")):
        name = path.relative_to(files.PACKAGE).as_posix()
        if not name.startswith("tests/"):
            found.update(name.encode() + path.read_bytes())
    return f"tinylm {__version__}, code {found.hexdigest()[:8]}, PyTorch {torch.__version__.partition('+')[0]}"


def train_job(index: int, job: dict[str, Any], topic: str) -> tuple[str, bytes]:
    """On a worker: the record of a run as JSON, and its weights, which counts and a diverged run have none of.

    ClusterError where code or corpus are not the driver's.
    """
    worker = distributed.get_worker()
    _check(f"the worker {worker.address}", job["code"], code_version(), "install the same release on both")
    spec = spec_from_dict(job["spec"])
    own = data.info(spec.corpus).sha256
    _check(f"the text of {spec.corpus} on the worker {worker.address}", job["corpus"], own, "give both the same text")
    settings = Settings(
        device=machine.device(job["device"]), folder=files.LOCAL_LEDGER, checkpoints=files.CHECKPOINTS, weights=files.WEIGHTS
    )
    record = work(index, spec, settings, _Reports(worker, topic), _Asked(worker, topic), 1 if settings.device == "cpu" else 0)
    settings.checkpoint(spec).unlink(missing_ok=True)
    weights = settings.weights_file(spec)
    return ledger.to_json(record), weights.read_bytes() if weights.exists() and record.status == "done" else b""


def _check(whose: str, here: str, there: str, remedy: str) -> None:
    """Raise ClusterError, which names both sides, where something is not the same at the driver and at the worker."""
    if here != there:
        raise ClusterError(f"{whose} is another: {there} there, {here} here; {remedy}")


class _Reports:
    """Sends how far a run is to the driver, without waiting."""

    def __init__(self, worker: distributed.Worker, topic: str) -> None:
        self._worker, self._topic, self._last = worker, topic, -EVERY

    def put(self, message: tuple[int, Progress | str]) -> None:
        index, found = message
        if isinstance(found, Progress):
            if found.valid_nll is None and found.step < found.num_steps and time.monotonic() - self._last < EVERY:
                return
            self._last, found = time.monotonic(), asdict(found)
        self._worker.log_event(self._topic, [index, found])


def _report(message: list[Any]) -> tuple[int, Progress | str]:
    """What `_Reports` sent."""
    index, found = message
    return index, found if isinstance(found, str) else Progress(**found)


class _Asked:
    """Whether the driver wants a run to stop, or is gone; asked of the scheduler at most once in a while."""

    def __init__(self, worker: distributed.Worker, topic: str) -> None:
        self._worker, self._key, self._topic = worker, worker.get_current_task(), topic
        self._last, self._answer = time.monotonic(), False

    def is_set(self) -> bool:
        if not self._answer and time.monotonic() - self._last >= EVERY:
            self._answer, self._last = self._ask(), time.monotonic()
        return self._answer

    def _ask(self) -> bool:
        task = self._worker.state.tasks.get(self._key)
        if task is None or task.state == "cancelled":  # nobody waits for its outcome
            return True
        try:  # not by distributed.Event: it makes a client in the worker, which a busy machine may not have running when it is asked
            return sync(self._worker.loop, self._worker.scheduler.event_is_set, name=self._topic)
        except (OSError, RuntimeError, TimeoutError):  # the scheduler is gone
            return True
