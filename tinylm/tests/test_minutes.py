from functools import partial

import pytest

from tinylm import data, files, study
from tinylm.cli.common import UsageError
from tinylm.report import minutes as measured
from tinylm.report import tables
from tinylm.tests import minutes
from tinylm.training import pool
from tinylm.training.bench import timing
from tinylm.training.executors import ThisProcess

SMALL = {"timed": [["LSTM", 300_000_000, 400_000_000, 500_000_000], ["nanoGPT", 4_000_000_000, 8_000_000_000, 12_000_000_000]]}


@pytest.fixture
def small(home, monkeypatch):
    """A short text of one's own, and runs of a few steps on it."""
    known = data.load("grammar-char")
    monkeypatch.setitem(minutes.unseen.TEXTS, minutes.TEXT, lambda: known.decode(known.train[:12_000]))
    monkeypatch.setattr(study, "capacity", partial(study.capacity, gated_flops=100_000_000, **SMALL))
    monkeypatch.setattr(timing, "BURST", 0.0)
    monkeypatch.setattr(pool, "executor_for", lambda planned, settings: ThisProcess())  # others do not know where home is now


def test_what_is_trained_is_timed_mixed_and_written_and_not_trained_again(small, monkeypatch, capsys):
    def busy():
        raise UsageError("this machine is busy")

    monkeypatch.setattr(minutes, "require_idle", busy)
    assert minutes.main(["--minutes", "1"]) == 1
    said = capsys.readouterr()
    assert said.out.count("local/") == 4 and "error: this machine is busy" in said.err
    monkeypatch.setattr(minutes, "require_idle", lambda: None)
    assert minutes.main(["--minutes", "1"]) == 0
    assert "local/" not in (said := capsys.readouterr().out) and "nanoGPT" in said
    found = measured.own()
    assert sorted(row.kind for row in found) == ["LSTM", *[measured.MIXTURE] * 2, "counts", "counts", "nanoGPT"]
    both, alone = (min(row.valid for row in found if row.kind == kind) for kind in (measured.MIXTURE, "LSTM"))
    assert both < alone and all(row.seconds > 0 for row in found)
    assert (files.LEDGER / "bench" / measured.OWN).is_file()


def test_longer_runs_are_left_out_where_fewer_minutes_are_asked_for():
    budgets = {most: [run.budget for run in minutes.planned("grammar-char", most) if run.architecture == "LSTM"] for most in (1, 5, 15)}
    assert [len(found) for found in budgets.values()] == [1, 2, 3] and budgets[1] == budgets[15][:1]
    assert tables.LIMITS == (1, 5, 15)
