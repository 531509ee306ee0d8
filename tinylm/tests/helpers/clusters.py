"""Dask clusters of processes on this machine."""

import contextlib
import json
import os
import subprocess
import sys
import time

import pytest

from tinylm import files


def process(log, *words, **environment):
    """One of Dask's commands as a process of its own, away from any other configuration of Dask."""
    own = {"PYTHONPATH": str(files.ROOT), "DASK_CONFIG": str(log.parent), "TINYLM_HOME": str(log.with_suffix(""))} | environment
    with open(log, "wb") as out:
        return subprocess.Popen([sys.executable, "-m", "dask", *words], env=os.environ | own, stdout=out, stderr=out)


@contextlib.contextmanager
def serving(folder, n_workers, *flags, protocol="tcp", **environment):
    """The address of a scheduler, and its workers, which have folders of their own."""
    file = folder / "scheduler.json"
    place = ["--host", f"{protocol}://127.0.0.1", *flags]
    alone = ["scheduler", "--port", "0", "--no-dashboard", "--scheduler-file", str(file), *place]
    started = [process(folder / "scheduler.log", *alone, **environment)]
    try:
        for _ in range(300):
            if file.exists() and file.read_text():
                break
            assert started[0].poll() is None, (folder / "scheduler.log").read_text()
            time.sleep(0.1)
        address = json.loads(file.read_text())["address"]
        how = ["--nthreads", "1", "--no-nanny", "--no-dashboard", "--local-directory", str(folder), *place]
        started += [process(folder / f"worker{i}.log", "worker", address, "--name", str(i), *how, **environment) for i in range(n_workers)]
        yield address, started[1:]
    finally:
        for one in started:
            one.kill()
            one.wait()


def joined(executor, n):
    for _ in range(600):
        if len(executor.workers) == n:
            return executor
        time.sleep(0.1)
    pytest.fail("the workers did not come")
