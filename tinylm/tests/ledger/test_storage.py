"""Files of the published ledger and their sums: together whatever happens, and as `sha256sum` has them."""

import os
import shutil
import subprocess
import sys

import pytest
from records import made

from tinylm import files, ledger
from tinylm.ledger import LedgerError, storage

SUMS = storage.SUMS


@pytest.fixture(autouse=True)
def own_home(home):
    """The published ledger is an empty folder."""


def sums():
    return (files.LEDGER / SUMS).read_text().splitlines()


def test_what_is_written_into_the_published_ledger_is_listed_in_order():
    second, first = (ledger.write(made(seed), files.LEDGER / section) for seed, section in ((0, "rope"), (1, "budget")))
    ledger.write_facts(files.LEDGER / "corpora" / "text.json", {"sha256": "0"})
    assert [line[66:] for line in sums()] == [f"budget/{first.name}", "corpora/text.json", f"rope/{second.name}"]
    assert storage.differences(files.LEDGER) == {}
    ledger.write(made(0, seconds=9.0), files.LEDGER / "rope")  # a record that is written again has one line
    assert len(sums()) == 3 and storage.differences(files.LEDGER) == {}


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="no sha256sum here")
def test_the_sums_are_those_of_sha256sum():
    path = ledger.write(made(0), files.LEDGER / "rope")
    check = ["sha256sum", "--check", "--strict", SUMS]
    assert subprocess.run(check, cwd=files.LEDGER, capture_output=True).returncode == 0
    path.write_bytes(path.read_bytes() + b"\n")
    assert subprocess.run(check, cwd=files.LEDGER, capture_output=True).returncode == 1


def test_a_users_ledger_has_no_sums(tmp_path):
    for folder in (files.LOCAL_LEDGER, tmp_path / "elsewhere"):
        ledger.write(made(0), folder / "local")
        assert not list(folder.rglob(SUMS)) and storage.differences(folder) == {}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda path: path.write_text("{}"), "changed: its sum is not the one in SHA256SUMS"),
        (lambda path: path.unlink(), "missing: SHA256SUMS names it"),
        (lambda path: path.rename(path.with_name("other.json")), "missing: SHA256SUMS names it"),
        (lambda path: (path.unlink(), os.mkfifo(path)), "changed: its sum is not the one in SHA256SUMS"),
        (lambda path: (path.unlink(), path.mkdir()), "missing: SHA256SUMS names it"),
    ],
)
def test_a_file_that_is_not_what_was_written_is_named(change, said):
    kept, path = (ledger.write(made(seed), files.LEDGER / "rope") for seed in (0, 1))
    change(path)
    found = storage.differences(files.LEDGER)
    assert found.pop(f"rope/{path.name}") == said
    assert set(found) <= {"rope/other.json"}  # under its new name
    assert f"rope/{kept.name}" not in found


def test_sums_that_are_gone_or_damaged_are_named():
    path = ledger.write(made(0), files.LEDGER / "rope")
    name, line = f"rope/{path.name}", sums()[0]
    (files.LEDGER / SUMS).write_text(f"{line}\n<<<<<<< here\n")
    assert storage.differences(files.LEDGER) == {SUMS: "changed: its line 2 is no sum and name of a file"}
    (files.LEDGER / SUMS).write_text(f"{line}\n{'0' * 64}  {name}\n")  # as where git has joined two branches
    assert storage.differences(files.LEDGER) == {name: "changed: its sum is not the one in SHA256SUMS"}
    (files.LEDGER / SUMS).unlink()
    assert storage.differences(files.LEDGER).keys() == {SUMS, name}
    storage.accept(files.LEDGER, [SUMS, name])
    assert sums() == [line] and storage.differences(files.LEDGER) == {}


def test_only_what_is_named_is_accepted():
    paths = [ledger.write(made(seed), files.LEDGER / "rope") for seed in range(3)]
    for path in paths[:2]:
        path.write_text("{}")
    paths[2].unlink()
    storage.accept(files.LEDGER, [f"rope/{path.name}" for path in paths[1:]])
    assert storage.differences(files.LEDGER) == {f"rope/{paths[0].name}": "changed: its sum is not the one in SHA256SUMS"}


def test_a_writer_leaves_the_lines_of_others_alone():
    (files.LEDGER).mkdir(parents=True)
    (files.LEDGER / SUMS).write_bytes(b"\xff no line\n" + b"1" * 64 + b"  zz/other.json\n")
    ledger.write(made(0), files.LEDGER / "rope")
    lines = (files.LEDGER / SUMS).read_bytes().splitlines()
    assert len(lines) == 3 and {b"\xff no line", b"1" * 64 + b"  zz/other.json"} < set(lines)


def test_a_file_that_cannot_be_written_leaves_the_sums_as_they_were(monkeypatch):
    path = ledger.write(made(0), files.LEDGER / "rope")
    before, text = sums(), path.read_text()

    def fail(path, text):
        raise LedgerError(f"cannot write {path}: no space")

    monkeypatch.setattr(storage, "write_text", fail)
    with pytest.raises(LedgerError, match="no space"):
        ledger.write(made(0, seconds=9.0), files.LEDGER / "rope")
    assert sums() == before and path.read_text() == text


def test_a_process_killed_between_the_two_is_noticed_and_repaired(monkeypatch):
    """The sum is written and the record not: the run counts as missing, and what trains it again puts both right."""
    with monkeypatch.context() as killed:
        killed.setattr(storage, "write_text", lambda path, text: None)
        path = ledger.write(made(0), files.LEDGER / "rope")
    assert storage.differences(files.LEDGER) == {f"rope/{path.name}": "missing: SHA256SUMS names it"}
    assert ledger.Ledger([files.LEDGER]).find(made(0).spec) is None
    ledger.write(made(0, seconds=2.0), files.LEDGER / "rope")
    assert storage.differences(files.LEDGER) == {}


WRITER = """
import sys
from pathlib import Path
from records import made
from tinylm import files, ledger
files.LEDGER = Path(sys.argv[1])
for seed in range(int(sys.argv[2]), int(sys.argv[2]) + 20):
    ledger.write(made(seed), files.LEDGER / "rope")
"""


def test_writers_at_once_lose_no_line():
    path = os.pathsep.join([str(files.PACKAGE.parent), str(files.PACKAGE / "tests" / "helpers")])
    command = [sys.executable, "-c", WRITER, str(files.LEDGER)]
    writers = [subprocess.Popen([*command, str(20 * i)], env=os.environ | {"PYTHONPATH": path}) for i in range(3)]
    assert [writer.wait(120) for writer in writers] == [0, 0, 0]
    assert len(sums()) == 60 and storage.differences(files.LEDGER) == {}


def test_a_writer_waits_no_longer_than_it_says(monkeypatch):
    monkeypatch.setattr(storage, "PATIENCE", 0.1)
    with storage._locked(files.LEDGER):
        lock = storage.filelock.FileLock(files.LEDGER / storage.LOCK, is_singleton=False)
        assert lock.is_locked is False
        with pytest.raises(LedgerError, match="another process has been writing into .*; end it and repeat"):
            ledger.write(made(0), files.LEDGER / "rope")
    ledger.write(made(0), files.LEDGER / "rope")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="the administrator may write everywhere")
def test_a_ledger_that_cannot_be_written_is_one_clear_error():
    files.LEDGER.mkdir(parents=True)
    files.LEDGER.chmod(0o500)
    with pytest.raises(LedgerError, match="make the folder writable"):
        ledger.write(made(0), files.LEDGER / "rope")
    files.LEDGER.chmod(0o700)


def test_what_is_no_file_of_a_ledger_is_not_read(tmp_path):
    os.mkfifo(tmp_path / "a-s0-b.json")
    with pytest.raises(LedgerError, match="not a regular file"):
        ledger.read(tmp_path / "a-s0-b.json")
    with (tmp_path / "large-s0-b.json").open("wb") as large:
        large.truncate(storage.MAX_BYTES + 1)
    with pytest.raises(LedgerError, match="too large for a ledger: 33,554,433 bytes"):
        ledger.read(tmp_path / "large-s0-b.json")
    with pytest.warns(ledger.LedgerWarning, match="too large"):
        assert ledger.read_facts(tmp_path / "large-s0-b.json") is None


def test_the_published_sums_are_merged_line_by_line_and_kept_as_bytes():
    root = files.PACKAGE.parent
    if shutil.which("git") is None or not (root / ".git").exists():
        pytest.skip("no git here")
    said = subprocess.run(["git", "check-attr", "-a", f"docs/ledger/{SUMS}"], cwd=root, capture_output=True, text=True, check=True).stdout
    assert "merge: union" in said and "text: unset" in said
    lock = subprocess.run(["git", "check-ignore", "-q", f"docs/ledger/{storage.LOCK}"], cwd=root)
    assert lock.returncode == 0
