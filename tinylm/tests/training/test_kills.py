"""Sweeps of real processes that are killed without a warning, and then go on: the ledger is that of a sweep in one piece.

TINYLM_KILLS is how many kills there are, three unless given.
"""

import contextlib
import itertools
import os
import random
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from processes import ended, members, records

from tinylm import files

KILLS = int(os.environ.get("TINYLM_KILLS", "3"))
KILLS_PER_SWEEP = 3
FLAGS = (
    "--corpus grammar-char --model transformer --layers 1 --d-model 16 --context-length 8 --steps 250 --eval-tokens 300"
    " --set train.n_evals=3 --seeds 0 1 2 --workers 2 --device cpu"
)
SWEEP = [sys.executable, "-m", "tinylm", "train", *shlex.split(FLAGS)]
STARTING = 0.4  # of a sweep's time, in which its processes load PyTorch
LONGEST = 120  # seconds of a sweep


def started(home):
    """The sweep in a process group of its own, which its workers belong to."""
    log = open(home.with_suffix(".log"), "ab")  # noqa: SIM115 (the process keeps it)
    with log:
        environment = os.environ | {"TINYLM_HOME": str(home), "PYTHONPATH": str(files.ROOT)}
        return subprocess.Popen(SWEEP, env=environment, cwd=home.parent, stdout=log, stderr=log, start_new_session=True)


def said(home):
    return home.with_suffix(".log").read_text()


def kill(sweep, whom):
    """End the driver, one of its workers, or all processes, as the system does where memory runs out."""
    if whom == "all":
        os.killpg(sweep.pid, signal.SIGKILL)
        return
    workers = [number for number in members(sweep.pid) if number != sweep.pid and not is_tracker(number)]
    with contextlib.suppress(ProcessLookupError):
        os.kill(random.choice(workers) if whom == "worker" and workers else sweep.pid, signal.SIGKILL)


def is_tracker(process):
    """Whether it is multiprocessing's own resource tracker: killed, it prints tracebacks of its own and nothing is lost."""
    with contextlib.suppress(OSError):
        return b"resource_tracker" in Path(f"/proc/{process}/cmdline").read_bytes()
    return False


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The records of a sweep in one piece, and the seconds it took."""
    home, began = tmp_path_factory.mktemp("whole") / "home", time.monotonic()
    sweep = started(home)
    ended(sweep, LONGEST)
    assert sweep.returncode == 0, said(home)
    return records(home), time.monotonic() - began


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="finds its processes in /proc")
@pytest.mark.timeout(60 * KILLS + 300)
def test_killed_sweeps_go_on_to_the_ledger_of_an_undisturbed_one(undisturbed, tmp_path):
    expected, seconds = undisturbed
    random.seed(0)
    kinds = itertools.cycle(["driver", "all", "worker"])
    for number in range(0, KILLS, KILLS_PER_SWEEP):
        home = tmp_path / f"home{number}"
        for whom in itertools.islice(kinds, min(KILLS_PER_SWEEP, KILLS - number)):
            sweep = started(home)
            time.sleep(seconds * random.choice([random.uniform(0, STARTING), *[random.uniform(STARTING, 1)] * 3]))
            kill(sweep, whom)
            if whom == "driver":  # whose workers may still save their states when the next command begins
                sweep.wait(LONGEST)
            else:
                ended(sweep, LONGEST)
        last = started(home)
        ended(last, LONGEST)
        assert last.returncode == 0 and "Traceback" not in said(home), said(home)
        assert records(home) == expected
        kept = [path for path in home.glob("**/*") if path.is_file() and path.suffix not in (".json", ".safetensors")]
        assert kept == [] and list((home / "checkpoints").iterdir()) == []


def test_two_sweeps_at_once_give_one_correct_ledger(undisturbed, tmp_path):
    home = tmp_path / "home"
    both = [started(home), started(home)]
    for sweep in both:
        ended(sweep, LONGEST)
    if any(sweep.returncode for sweep in both):  # a run that the other one was at is left, which is said
        assert "another process is training it; repeat when that has ended" in said(home)
        ended(started(home), LONGEST)
    assert "Traceback" not in said(home)
    assert records(home) == undisturbed[0]
