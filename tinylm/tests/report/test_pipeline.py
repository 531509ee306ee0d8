"""The whole line on generated text: training, every notebook through papermill, figures and report; and what can go wrong with it."""

import subprocess
import sys

import pytest
import torch

from tinylm import files, study
from tinylm.report import pipeline

ALL = tuple(study.SECTIONS)


def run_me(*arguments):
    command = [sys.executable, files.ROOT / "run_me.py", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=files.ROOT / "docs")


@pytest.mark.timeout(900)  # a quarter of that on two idle cores; a busy machine was seen to take three times as long
def test_the_smoke_study_trains_runs_every_notebook_and_typesets_the_report():
    done = run_me("--profile", "smoke", "--device", "cpu")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Done in" in done.stdout
    folder = files.OUT / "smoke"
    assert (folder / "report.pdf").read_bytes().startswith(b"%PDF")
    assert "python run_me.py --only 02_architectures --profile smoke" in (folder / "report.html").read_text(encoding="utf-8")
    assert len(list((folder / "notebooks").glob("*.ipynb"))) == len(study.SECTIONS)
    assert (folder / "figures" / "sweeps.csv").read_text().count("\n") > 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--profile", "huge"], "unknown value 'huge'; there are: full, quick, smoke"),
        (["--only", "03_sweep"], "unknown section or notebook '03_sweep'; did you mean '03_sweeps'? There are: 01_data"),
        (["--verify", "-1"], "is not a number of minutes, zero or above"),
        (["--verify", "soon"], "a number of minutes"),
        (["--device", "abacus"], "unknown value 'abacus'"),
        (["--data-dir", "no/such/folder"], "is not a folder"),
        pytest.param(["--device", "cuda"], "no CUDA device here", marks=pytest.mark.skipif(torch.cuda.is_available(), reason="it is here")),
        (["--verify", "inf"], "is not a number of minutes, zero or above"),
    ],
)
def test_a_mistake_on_the_command_line_is_one_clear_line_and_exit_code_2(arguments, message):
    done = run_me(*arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_status_names_what_is_recorded_and_trains_nothing():
    done = run_me("--status")
    assert done.returncode == 0
    assert "full study" in done.stdout and "recorded" in done.stdout
    assert "Notebooks" not in done.stdout


def test_a_fresh_study_trains_everything_again():
    recorded, fresh = (pipeline.Request("full", ("rope",), "cpu", None, again) for again in (False, True))
    assert len(recorded.missing()) < len(recorded.plan) == len(fresh.missing())


def test_a_small_profile_writes_nothing_that_is_tracked():
    request = pipeline.Request("smoke", ALL, "cpu", None, False)
    assert request.folder.is_relative_to(files.OUT) and request.ledger.is_relative_to(files.OUT)


def test_a_notebook_alone_gives_its_figures_and_says_what_the_report_lacks(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(files, "OUT", tmp_path)
    target = pipeline.publish(pipeline.Request("smoke", ("speed",), "cpu", None, False), [files.NOTEBOOKS / "09_speed.ipynb"])
    assert list((target / "figures").glob("*.csv")) and not (target / "report.pdf").exists()
    said = capsys.readouterr().out
    assert "no PDF or HTML yet: 01_data, 02_architectures" in said and "`python run_me.py --profile smoke`" in said
