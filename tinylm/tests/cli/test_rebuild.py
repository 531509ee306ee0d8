"""The flags of run_me.py become one request."""

import pytest

from tinylm import study
from tinylm.cli import rebuild

MISTAKES = {
    "--verify soon": "argument --verify: 'soon' is not a number of minutes from 0 and below 1,000,000",
    "--verify -1e1": "argument --verify: '-1e1' is not a number of minutes from 0 and below 1,000,000",
    "--only ropes": "unknown section or notebook 'ropes'",
    "--data-dir nowhere": "argument --data-dir: nowhere is not a folder",
    "--profile fast": "unknown value 'fast'; there are: full, quick, smoke",
    "--workers 0": "argument --workers: '0' is not a whole number from 1 up",
    "--cluster tls://a:1": "--cluster trains, and nothing is to be trained; add --train, --fresh or a small --profile",
    "--status --cluster tls://a:1": "--cluster trains, and nothing is to be trained",
    "--train --cluster tls://a:1 --workers 2": "--workers and --data-dir are of this machine",
    "--fresh --cluster tls://a:1 --data-dir .": "--workers and --data-dir are of this machine",
    "--profile smoke --cluster tcp://10.0.0.1:1": "tcp://10.0.0.1:1 is not encrypted",
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
    assert request_of("--workers 3").workers == 3
    assert request_of("--fresh").trains and not request_of("--fresh").verifies


def test_the_device_beside_a_cluster_is_that_of_its_workers(request_of):
    pytest.importorskip("distributed")
    request = request_of("--train --cluster tls://head:1 --device cuda")
    assert (request.cluster, request.device, request.own_device) == ("tls://head:1", "cuda", "cpu")
    assert request_of("--train").own_device == "cpu"
