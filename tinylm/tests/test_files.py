import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import platformdirs
import pytest

from tinylm import files


@pytest.fixture
def target(tmp_path):
    (tmp_path / "target").write_text("old")
    return tmp_path / "target"


def names(target):
    return [path.name for path in target.parent.iterdir()]


def test_a_file_is_the_old_one_until_the_new_one_is_whole(target):
    with files.written(target) as new:
        assert new.parent == target.parent
        new.write_text("half")
        assert target.read_text() == "old"
        new.write_text("new")
    assert target.read_text() == "new"
    assert names(target) == ["target"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_a_file_that_cannot_be_finished_leaves_the_old_one_alone(target, error):
    with pytest.raises((KeyboardInterrupt, OSError)), files.written(target) as new:
        new.write_text("half")
        raise error
    assert target.read_text() == "old"
    assert names(target) == ["target"]


def test_a_file_that_was_never_written_is_an_error(target):
    with pytest.raises(FileNotFoundError), files.written(target):
        pass
    assert target.read_text() == "old"


def test_places_are_the_repositorys_whatever_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert (files.ROOT / "pyproject.toml").is_file() and (files.NOTEBOOKS / "report.toml").is_file()
    assert all(place.is_absolute() and place.is_relative_to(files.ROOT) for place in (files.LEDGER, files.WEIGHTS, files.PRETRAINED))


def test_the_published_ledger_comes_before_the_users(home):
    assert files.ledgers() == (home / "docs" / "ledger", home / "out" / "ledger")


def test_new_records_of_the_study_go_to_its_ledger_in_a_clone_only(home, monkeypatch):
    assert files.study_ledger() == home / "docs" / "ledger"
    monkeypatch.setattr(files, "IS_CLONE", False)
    assert files.study_ledger() == home / "out" / "ledger"


@pytest.mark.parametrize("is_clone", [True, False])
def test_results_go_where_the_user_says_else_into_a_clone_else_to_the_users_data(is_clone, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "IS_CLONE", is_clone)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for named, folder in (("mine", "mine"), ("~/mine", "mine"), (str(tmp_path / "a"), "a")):
        monkeypatch.setenv("TINYLM_HOME", named)
        assert files.user_folder() == tmp_path / folder
    monkeypatch.setenv("TINYLM_HOME", "")
    assert files.user_folder() == (files.ROOT / "out" if is_clone else platformdirs.user_data_path("tinylm", appauthor=False))


def test_a_fresh_folder_is_there_only_when_it_is_whole(tmp_path):
    target = tmp_path / "deep" / "new"
    with files.fresh(target) as folder:
        (folder / "a").write_text("1")
        assert not target.exists()
    assert [path.name for path in target.iterdir()] == ["a"]
    assert list(target.parent.iterdir()) == [target]


def test_a_folder_that_failed_leaves_nothing(tmp_path):
    with pytest.raises(KeyError), files.fresh(tmp_path / "new") as folder:
        (folder / "a").touch()
        raise KeyError
    assert list(tmp_path.iterdir()) == []


def test_the_second_writer_of_a_folder_is_told_and_the_first_ones_stays(tmp_path):
    target = tmp_path / "new"
    with pytest.raises(OSError, match="not empty"), files.fresh(target) as late:
        (late / "a").write_text("late")
        with files.fresh(target) as early:
            (early / "a").write_text("early")
    assert (target / "a").read_text() == "early"
    assert list(tmp_path.iterdir()) == [target]


def test_threads_of_a_process_do_not_share_a_name(target):
    def write(text):
        with files.written(target) as new:
            new.write_text(text)

    texts = [str(i) * 1000 for i in range(8)]
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(write, texts)) == [None] * 8
    assert target.read_text() in texts and names(target) == ["target"]


def test_a_file_is_on_the_disk_before_it_is_renamed_and_its_folder_after(target, monkeypatch):
    happened, fsync = [], os.fsync

    def noted(descriptor):
        happened.append((os.path.basename(os.readlink(f"/proc/self/fd/{descriptor}")), target.read_text()))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    with files.written(target) as new:
        new.write_text("new")
    assert happened == [(new.name, "old"), (target.parent.name, "new")]


KILLED = """
import os, signal, sys
from pathlib import Path
from tinylm import files
target = Path(sys.argv[1])
with files.written(target / "deep" / "file") as new, files.fresh(target / "deep" / "folder") as folder:
    new.touch()
    (folder / "a").touch()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_killed_processes_were_writing_is_removed_and_nothing_else(tmp_path):
    deep = tmp_path / "deep"
    deep.mkdir()
    assert subprocess.run([sys.executable, "-c", KILLED, tmp_path]).returncode < 0
    left = sorted(path.name for path in deep.iterdir())
    assert len(left) == 2
    own = left[0].replace(files.UNFINISHED.fullmatch(left[0])[2], str(os.getpid()))  # this process's number, of a process before it
    for name in (own, ".hidden.tmp", left[0].replace(files.MACHINE, "0" * 8)):
        (deep / name).touch()
    with files.written(deep / "mine") as mine:
        mine.touch()
        files.remove_unfinished(tmp_path)
        assert sorted(path.name for path in deep.iterdir()) == sorted([".hidden.tmp", left[0].replace(files.MACHINE, "0" * 8), mine.name])


SCRATCH = """
import os, signal
from tinylm import files
with files.scratch("test") as folder:
    (folder / "deep").mkdir()
    print(folder, flush=True)
    if os.environ.get("WAITS"):
        input()
    else:
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """An empty place for temporary folders, of this process and of those it starts."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


def test_a_scratch_folder_is_private_and_gone_at_the_end(temporary):
    with pytest.raises(KeyError), files.scratch("test") as one, files.scratch("test") as two:
        assert one.parent == two.parent == temporary and one != two
        assert one.stat().st_mode & 0o777 == 0o700
        (one / "a").touch()
        raise KeyError
    assert list(temporary.iterdir()) == []


def test_scratch_folders_of_killed_processes_are_removed_by_the_next_and_those_in_use_are_not(temporary):
    assert subprocess.run([sys.executable, "-c", SCRATCH], capture_output=True).returncode < 0
    (left,) = temporary.iterdir()
    others = (temporary / "tinylm-test", temporary / ".tinylm-test.tmp", temporary / left.name.replace("test", "other"))
    for other in others:
        other.mkdir()
    command, environment = [sys.executable, "-c", SCRATCH], os.environ | {"WAITS": "1"}
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
        used = Path(running.stdout.readline().strip())
        assert not left.exists() and used.is_dir()
        with files.scratch("test") as mine:
            assert {*temporary.iterdir()} == {*others, used, mine}
        running.communicate("\n")
    assert {*temporary.iterdir()} == {*others}


def test_what_is_set_aside_is_kept_under_a_name_of_its_own(target):
    for number, name in enumerate(("target.bad", "target.bad1")):
        target.write_text(str(number))
        assert files.set_aside(target) == target.with_name(name)
    assert [(target.with_name(name)).read_text() for name in ("target.bad", "target.bad1")] == ["0", "1"] and not target.exists()


def test_pipes_and_devices_are_special_and_what_is_not_there_is_not(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "file").touch()
    assert files.is_special(tmp_path / "fifo") and files.is_special(Path("/dev/null"))
    plain = (tmp_path, tmp_path / "file", tmp_path / "absent", tmp_path / ("a" * 300), Path("a\0"))
    assert not any(map(files.is_special, plain))
