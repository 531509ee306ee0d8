"""Training on disks, under limits and by clocks that fail it: one clear error, and what was finished stays."""

import os
import subprocess
import sys

import pytest
from pooled import PLANNED, outcome

from tinylm import files, ledger
from tinylm.ledger import Ledger, LedgerError
from tinylm.models import checkpoint
from tinylm.models.checkpoint import CheckpointError
from tinylm.training import loop, machine, pool

ALONE = """
import resource, sys, time
from pathlib import Path
from tinylm.config import TinylmError
from tinylm.training import machine, pool
sys.path.append(sys.argv[1])
from pooled import PLANNED
home, n_runs = Path(sys.argv[2]), int(sys.argv[3])
settings = machine.Settings(workers=2, folder=home / "ledger", checkpoints=home / "checkpoints", weights=home / "weights")
{}
try:
    left = pool.train_all(PLANNED[:n_runs], settings, lambda run, record: None)
    print("left", len(left))
except TinylmError as error:
    print(f"error: {{type(error).__name__}}: {{error}}")
"""


def trained(home, n_runs=1, before=""):
    """What a process says that trains in a folder, after some lines of its own; it never ends in a traceback."""
    helpers = os.path.join(files.ROOT, "tinylm", "tests", "helpers")
    command = [sys.executable, "-c", ALONE.format(before), helpers, str(home), str(n_runs)]
    ran = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(files.ROOT)}, timeout=240)
    assert "Traceback" not in ran.stderr, ran.stderr
    return ran.stdout


def limited(name, value):
    return f"resource.setrlimit(resource.{name}, ({value}, {value}))"


def goes_on(home, n_runs=1):
    """Without the fault the same runs are finished, as if there had been none; in this process, which has PyTorch loaded already."""
    folders = {"folder": home / "ledger", "checkpoints": home / "checkpoints", "weights": home / "weights"}
    assert pool.train_all(PLANNED[:n_runs], machine.Settings(workers=1, **folders), lambda run, record: None) == []
    found = Ledger([home / "ledger"])
    for run in PLANNED[:n_runs]:
        assert found.find(run.spec) is not None


def test_a_file_that_cannot_grow_is_one_error_and_the_run_is_trained_again(tmp_path):
    """What a full disk does, without a disk: no file may have more than a hundred bytes."""
    said = trained(tmp_path, before=limited("RLIMIT_FSIZE", 100))
    assert "error: CheckpointError: cannot write" in said and "free some space" in said
    assert [path for path in tmp_path.glob("**/*") if path.is_file()] == []
    goes_on(tmp_path)


def test_a_full_disk_is_one_error_and_what_was_finished_stays(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], capture_output=True).returncode:
        pytest.skip("no file system may be mounted here")
    try:
        said = trained(disk, 2)
        assert "error: " in said and "No space left on device" in said and "free some space" in said
        assert len(Ledger([disk / "ledger"]).records) <= 1 and not list(disk.glob("**/*.tmp"))
        subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
        goes_on(disk, 2)
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        assert f"error: PoolError: cannot write into {disk}/ledger: Read-only file system; make it writable" in trained(disk, 2)
        assert len(Ledger([disk / "ledger"]).records) == 2
    finally:
        subprocess.run(["umount", disk], check=True)


def test_a_record_that_cannot_be_written_keeps_the_checkpoint_of_its_run(settings, monkeypatch):
    write = ledger.write
    state = settings.checkpoint(PLANNED[0].spec)

    def full(record, folder):
        raise LedgerError("cannot write it: No space left on device")

    monkeypatch.setattr(loop, "SAVE_EVERY", 0.0)
    monkeypatch.setattr(ledger, "write", full)
    with pytest.raises(LedgerError, match="No space left"):
        pool.train_all(PLANNED[:1], settings, lambda run, record: None)
    assert state.exists()
    monkeypatch.setattr(ledger, "write", write)
    heard = []
    assert pool.train_all(PLANNED[:1], settings, lambda run, record: None, lambda run, now: heard.append(now.step)) == []
    assert heard == [], "no step is trained again"


def test_a_checkpoint_that_cannot_be_written_leaves_the_one_before(settings, monkeypatch):
    monkeypatch.setattr(loop, "SAVE_EVERY", 0.0)
    save, saved = checkpoint.save_file, []

    def full_at_the_second(tensors, path, metadata):
        saved.append(path)
        if len(saved) == 2:
            path.write_bytes(b"half of it")
            raise OSError(28, "No space left on device")
        save(tensors, path, metadata)

    monkeypatch.setattr(checkpoint, "save_file", full_at_the_second)
    with pytest.raises(CheckpointError, match="No space left on device.*free some space"):
        pool.train_all(PLANNED[:1], settings, lambda run, record: None)
    state = settings.checkpoint(PLANNED[0].spec)
    assert checkpoint.load(state) and [path.name for path in settings.checkpoints.iterdir()] == [state.name]


def test_a_clock_that_is_set_back_changes_nothing(tmp_path):
    back = "hours = iter(range(10**9, 0, -3600)); time.time = lambda: next(hours)"
    assert trained(tmp_path / "back", before=back).endswith("left 0\n")
    assert trained(tmp_path / "usual").endswith("left 0\n")
    records = [Ledger([tmp_path / name / "ledger"]).find(PLANNED[0].spec) for name in ("back", "usual")]
    assert outcome(records[0]) == outcome(records[1]) and records[0].seconds >= 0


# Bytes of memory in use. Not `ru_maxrss`: a child inherits the peak of the process that started it, a whole test run here.
HELD = "int(open('/proc/self/statm').read().split()[1]) * resource.getpagesize()"


@pytest.mark.skipif(sys.platform != "linux", reason="the limits are Linux's")
@pytest.mark.parametrize(("name", "value"), [("RLIMIT_NOFILE", 14), ("RLIMIT_AS", HELD)])
def test_too_few_files_or_too_little_memory_is_one_error(tmp_path, name, value):
    said = trained(tmp_path, 2, before=limited(name, value))
    assert said.count("error: ") == 1 and "repeat" in said, said
    goes_on(tmp_path, 2)
