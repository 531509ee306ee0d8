"""The flags of run_me.py become one request."""

import pytest

from tinylm import study
from tinylm.cli import rebuild

MISTAKES = {
    "--verify soon": "argument --verify: 'soon' is not a number of minutes, zero or above",
    "--verify -1e1": "argument --verify: '-1e1' is not a number of minutes, zero or above",
    "--only ropes": "unknown section or notebook 'ropes'",
    "--data-dir nowhere": "argument --data-dir: nowhere is not a folder",
    "--profile fast": "unknown value 'fast'; there are: full, quick, smoke",
    "ropes": "unrecognized arguments: ropes",
}


@pytest.fixture
def request_of(monkeypatch):
    """The request of a command line."""

    def made(line):
        monkeypatch.setattr("sys.argv", ["run_me.py", *line.split()])
        return rebuild.request("about")

    return made


@pytest.mark.parametrize("line", MISTAKES)
def test_a_mistake_is_one_line_that_names_the_help(request_of, line, capsys):
    with pytest.raises(SystemExit) as left:
        request_of(line)
    err = capsys.readouterr().err
    assert left.value.code == 2 and MISTAKES[line] in err and err.endswith("; see python run_me.py --help\n") and err.count("\n") == 1


def test_by_default_the_published_study_is_rebuilt_and_checked(request_of):
    request = request_of("")
    assert request.is_full and request.sections == tuple(study.SECTIONS) and request.verify_minutes == 3
    assert request.verifies and not request.trains and not request.only_status


def test_flags_change_what_is_done(request_of):
    request = request_of("--only 03 --only sweeps --only 01_data --train --verify 0 --status")
    assert request.sections == ("sweeps", "control") and request.trains and request.only_status and not request.verifies
    assert request_of("--profile smoke").trains and not request_of("--profile smoke").verifies
    assert request_of("--fresh").trains and not request_of("--fresh").verifies
