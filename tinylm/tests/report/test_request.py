import subprocess
import sys

from tinylm import files, study
from tinylm.report.request import Request, describe

ALL = tuple(study.SECTIONS)


def test_a_fresh_study_trains_everything_again():
    recorded, fresh = (Request("full", ("rope",), "cpu", None, again) for again in (False, True))
    assert len(recorded.missing()) < len(recorded.plan) == len(fresh.missing())


def test_a_small_profile_writes_nothing_that_is_tracked():
    request = Request("smoke", ALL, "cpu", None, False)
    assert request.folder.is_relative_to(files.OUT) and request.ledger.is_relative_to(files.OUT)


def test_the_plan_says_what_is_recorded_and_what_a_fresh_study_would_train():
    request = Request("full", ("rope",), "cpu", None, False)
    assert describe(request).startswith(
        f"full study: {len(request.plan)} runs planned, {len(request.plan) - len(request.missing())} recorded"
    )
    fresh = Request("full", ("rope",), "cpu", None, True, only_status=False)
    assert f"0 recorded, {len(fresh.plan)} to train (" in describe(fresh) and "FLOPs, about" in describe(fresh)


def test_the_time_is_that_of_so_many_processes_here_and_unknown_of_a_cluster(monkeypatch):
    monkeypatch.setattr("tinylm.training.machine.n_cores", lambda: 4)
    alone, cluster = (Request("full", ("rope",), "cpu", None, True, **place) for place in ({"workers": 3}, {"cluster": "tls://a:1"}))
    assert "on 3 processes of this machine" in describe(alone)
    assert "FLOPs)" in describe(cluster) and describe(alone).startswith(describe(cluster).removesuffix(")"))


def test_the_plan_loads_neither_jupyter_nor_torch():
    code = (
        "import sys; from tinylm.cli import rebuild; from tinylm.report.request import Request, describe\n"
        "describe(Request('full', ('rope',), 'cpu', None, False))\n"
        "print(sorted({'torch', 'nbformat', 'papermill', 'matplotlib', 'pandas'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=files.ROOT)
    assert done.stdout.strip() == "[]", done.stderr
