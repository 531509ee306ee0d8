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


def test_a_folder_is_there_only_when_it_is_filled(tmp_path):
    with files.fresh(tmp_path / "new" / "folder") as folder:
        (folder / "a").write_text("a")
        assert not (tmp_path / "new" / "folder").exists()
    assert names(tmp_path / "new" / "folder") == ["folder"]
    assert (tmp_path / "new" / "folder" / "a").read_text() == "a"
    with pytest.raises(KeyError), files.fresh(tmp_path / "other") as folder:
        raise KeyError
    assert names(tmp_path / "new") == ["new"]
