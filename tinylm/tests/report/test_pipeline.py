"""The whole line on generated text: training, every notebook through papermill, figures and report; and what can go wrong with it."""

import os
import re
import runpy
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from clusters import serving
from records import EDITS, made

from tinylm import files, ledger, study
from tinylm.cli import rebuild, terminal
from tinylm.report import pipeline, retraining
from tinylm.report.request import Request

ALL = tuple(study.SECTIONS)


def run_me(*arguments, env=None):
    command = [sys.executable, files.ROOT / "run_me.py", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=files.ROOT / "docs", env=env)


@pytest.mark.timeout(900)  # a quarter of that on two idle cores; a busy machine was seen to take three times as long
def test_the_smoke_study_trains_runs_every_notebook_and_typesets_the_report():
    done = run_me("--profile", "smoke", "--device", "cpu")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Done in" in done.stdout
    folder = files.OUT / "smoke"
    assert (folder / "report.pdf").read_bytes().startswith(b"%PDF")
    assert "python run_me.py --only 02_architectures --profile smoke" in (folder / "report.html").read_text(encoding="utf-8")
    assert {path.stem for path in (folder / "notebooks").glob("*.ipynb")} >= {section.notebook for section in study.SECTIONS.values()}
    assert (folder / "figures" / "sweeps.csv").read_text().count("\n") > 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--profile", "huge"], "unknown value 'huge'; there are: full, quick, smoke"),
        (["--only", "03_sweep"], "unknown section or notebook '03_sweep'; did you mean '03_sweeps'? There are: 00_answer"),
        (["--verify", "-1"], "is not a number of minutes from 0 and below 1,000,000"),
        (["--verify", "soon"], "a number of minutes"),
        (["--device", "abacus"], "unknown value 'abacus'"),
        (["--data-dir", "no/such/folder"], "is not a folder"),
        pytest.param(["--device", "cuda"], "no CUDA device here", marks=pytest.mark.skipif(torch.cuda.is_available(), reason="it is here")),
        (["--verify", "inf"], "is not a number of minutes from 0 and below 1,000,000"),
    ],
)
def test_a_mistake_on_the_command_line_is_one_clear_line_and_exit_code_2(arguments, message):
    done = run_me(*arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


HOLDING = """
import sys
from pathlib import Path
from tinylm import files
from tinylm.report import pipeline, request
files.OUT = Path(sys.argv[1])
with pipeline.alone(request.Request("smoke", ("rope",), "cpu", None, False)):
    print("held", flush=True)
    input()
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that is at the smoke profile."""
    command = [sys.executable, "-c", HOLDING, tmp_path]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_second_rebuild_is_told_which_process_is_at_it(holder, tmp_path, monkeypatch):
    environment = os.environ | {"TINYLM_HOME": str(tmp_path)}
    done = run_me("--profile", "smoke", env=environment)
    expected = f"error: process {holder.pid} is already running the profile smoke; repeat when it has ended"
    assert done.returncode == 1 and done.stderr.splitlines()[-1] == expected and "2. Train" not in done.stdout
    assert run_me("--profile", "smoke", "--status", env=environment).returncode == 0
    monkeypatch.setattr(files, "OUT", tmp_path)
    smoke, quick = (Request(profile, ("rope",), "cpu", None, False) for profile in ("smoke", "quick"))
    with pipeline.alone(quick):
        pass
    holder.kill()  # which leaves its number and its lock's file
    holder.wait()
    with pipeline.alone(smoke):
        assert (smoke.folder / "run_me.pid").read_text() == f"{os.getpid()}\n"
    assert not (smoke.folder / "run_me.pid").exists()


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "smoke").write_text("")
    done = run_me("--profile", "smoke", env=os.environ | {"TINYLM_HOME": str(tmp_path)})
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == f"error: cannot write into {tmp_path}/smoke: File exists; make it writable or free some space"


@pytest.mark.parametrize(
    ("redirected", "says"), [("> /dev/full", "input or output failed: No space left on device"), (">&-", terminal.CLOSED)]
)
def test_an_output_that_takes_nothing_is_one_line(redirected, says):
    line = f"{sys.executable} {files.ROOT / 'run_me.py'} --profile smoke --status {redirected}"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"error: {says}\n")


def test_a_full_disk_is_one_line_in_letters_that_the_terminal_has(tmp_path):
    line = f"ulimit -f 4; {sys.executable} {files.ROOT / 'run_me.py'} --profile smoke --only 09_speed"
    environment = {"TINYLM_HOME": str(tmp_path / "grüße"), "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, env=os.environ | environment)
    (said,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert r"gr\xfc\xdfe/smoke/notebooks/09_speed.ipynb: File too large; make it writable or free some space" in said


INTERRUPTED_AT = """
import os, runpy, signal, sys
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == {name!r}:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Finder())
sys.argv = [{path!r}, "--profile", "smoke"]
runpy.run_path({path!r}, run_name="__main__")
"""


@pytest.mark.parametrize("name", ["argparse", "tinylm.study", "papermill", "nbformat", "torch"])
def test_ctrl_c_while_packages_are_loaded_is_one_line(name, tmp_path):
    code = INTERRUPTED_AT.format(name=name, path=str(files.ROOT / "run_me.py"))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ | {"TINYLM_HOME": str(tmp_path)})
    said = ("interrupted", "stopped; the same command continues", "stopped while packages were loaded; repeat to go on")
    assert done.returncode == 130 and done.stderr in [f"{line}\n" for line in said]


def test_status_names_what_is_recorded_and_trains_nothing():
    done = run_me("--status")
    assert done.returncode == 0
    assert "full study" in done.stdout and "recorded" in done.stdout
    assert "Notebooks" not in done.stdout


def test_a_cluster_trains_what_is_missing_and_the_rest_is_done_here(tmp_path):
    pytest.importorskip("distributed")
    mine = tmp_path / "mine"
    line = ["--profile", "smoke", "--only", "04_rope_ablation", "--cluster"]
    with serving(tmp_path, 1) as (address, _):
        done = run_me(*line, address, env=os.environ | {"TINYLM_HOME": str(mine)})
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(rf"^  (1 worker at {address} trains|0 workers at {address} train) on cpu", done.stdout, re.MULTILINE)
    missing = Request("smoke", ("rope",), "cpu", None, False).plan
    found = ledger.Ledger([mine / "ledger"])
    assert {found.find(run.spec).environment["threads"] for run in missing} == {"1"}
    assert (mine / "smoke" / "figures").is_dir() and not list((tmp_path / "worker0" / "checkpoints").iterdir())
    assert {path.stem for path in (tmp_path / "worker0" / "weights").iterdir()} == {run.spec.key for run in missing}


@pytest.fixture
def smoke(tmp_path, monkeypatch):
    """A request of the smallest profile, whose folder is empty."""
    monkeypatch.setattr(files, "OUT", tmp_path)
    return Request("smoke", ("speed",), "cpu", None, False)


def test_what_a_killed_rebuild_was_writing_is_removed(smoke, tmp_path):
    code = (
        "import os, pathlib; from tinylm import files; from tinylm.report import pipeline, request\n"
        f"files.OUT = pathlib.Path({str(tmp_path)!r})\n"
        "asked = request.Request('smoke', (), 'cpu', None, False)\n"
        "with pipeline.alone(asked), files.written(asked.folder / 'report.pdf') as new:\n"
        "    new.write_text('half'); os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=files.PACKAGE.parent).returncode == -9
    assert len(list(smoke.folder.glob(".report.pdf*"))) == 1
    with pipeline.alone(smoke):
        assert not list(smoke.folder.glob(".report.pdf*"))


def test_a_rebuild_hears_the_wish_to_end_as_an_interrupt(smoke):
    with pytest.raises(KeyboardInterrupt), pipeline.alone(smoke):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_notebook_alone_gives_its_figures_and_says_what_the_report_lacks(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(files, "OUT", tmp_path)
    target = pipeline.publish(Request("smoke", ("speed",), "cpu", None, False), [files.NOTEBOOKS / "09_speed.ipynb"])
    assert list((target / "figures").glob("*.csv")) and not (target / "report.pdf").exists()
    said = capsys.readouterr().out
    assert "no PDF or HTML yet: 00_answer, 01_data" in said and "`python run_me.py --profile smoke`" in said


def test_the_page_leads_to_the_explorer_and_to_the_live_model_where_it_was_built(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "DOCS", tmp_path / "docs")
    target = files.NOTEBOOKS.parent / "out" / "smoke"
    assert pipeline.links(target) == [("Explorer notebook", "../../notebooks/00_explore.ipynb")]
    (tmp_path / "docs" / "live").mkdir(parents=True)
    (tmp_path / "docs" / "live" / "index.html").touch()
    assert pipeline.links(files.DOCS)[1] == ("Live model", "live/index.html")


@pytest.mark.parametrize(("apart", "code"), [(0.004, 0), (0.006, 1)])
def test_one_run_outside_its_band_is_named_and_fails_the_whole(monkeypatch, capsys, tmp_path, apart, code):
    request = Request("full", ("rope",), "cpu", None, False, verify_minutes=3)
    steps = {"verify_ledger": "", "record_probes": None, "execute": [Path("out/a.ipynb")], "publish": Path("docs")}
    for name, value in steps.items():
        monkeypatch.setattr(pipeline, name, lambda *_, value=value: value)
    found = [retraining.Comparison(name, "grammar-char", 2.0, 2.0, gap, 0.005, "narrow") for name, gap in (("a@0", 0.0), ("b@1", apart))]
    monkeypatch.setattr(retraining, "sample", lambda minutes, settings: study.section_plan("control", "full")[-1:])
    monkeypatch.setattr(retraining, "compare", lambda runs, settings: found)
    monkeypatch.setattr(rebuild, "request", lambda description: request)
    monkeypatch.setattr(files, "OUT", tmp_path)
    assert runpy.run_path(str(files.ROOT / "run_me.py"))["main"]() == code
    said = capsys.readouterr().out
    assert "  a@0 on grammar-char: recorded 2.0000, retrained 2.0000; 0.0000 apart, inside the band of 0.0050 (narrow)" in said
    assert ("  b@1: 0.0060 apart where 0.0050 is allowed" in said and retraining.REMEDY in said) == bool(code)


def test_a_retraining_check_without_a_run_says_so(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(files, "OUT", tmp_path)
    monkeypatch.setattr(retraining, "sample", lambda minutes, settings: [])
    assert pipeline.check_by_retraining(Request("full", ("rope",), "cpu", None, False))
    assert "nothing was checked" in capsys.readouterr().out


@pytest.mark.parametrize("name", EDITS)
def test_an_edited_ledger_is_named_and_nothing_is_rebuilt(home, monkeypatch, name):
    path = ledger.write(made(0), files.LEDGER / "rope")
    root, request = files.PACKAGE.parent, Request("full", ("rope",), "cpu", None, False, verify_minutes=3)
    for step in ("record_probes", "execute", "publish", "check_by_retraining"):
        monkeypatch.setattr(pipeline, step, lambda *_: pytest.fail("something was rebuilt"))
    monkeypatch.setattr(rebuild, "request", lambda description: request)
    assert pipeline.verify_ledger() == "1 records agree with their specs and with themselves, 1 files with SHA256SUMS"
    do, says = EDITS[name]
    do(path)
    with pytest.raises(pipeline.PipelineError, match="nothing is rebuilt from it") as error:
        runpy.run_path(str(root / "run_me.py"))["main"]()
    assert re.search(rf"^  docs/ledger/rope/[a-z0-9-]+\.json: {re.escape(says)}", str(error.value), re.MULTILINE)
    assert str(error.value).endswith(pipeline.UNDO)


def test_of_many_edited_files_some_are_named(home):
    for seed in range(pipeline.NAMED + 3):
        ledger.write(made(seed), files.LEDGER / "rope").unlink()
    with pytest.raises(pipeline.PipelineError, match="and 3 more, which `python -m tinylm ledger verify` names"):
        pipeline.verify_ledger()
