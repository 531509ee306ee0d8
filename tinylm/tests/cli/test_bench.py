"""`bench`: what it refuses before it measures, and what it prints and saves."""

import json

import pytest

from tinylm import files, study
from tinylm.training import bench

MISTAKES = {
    "bench --rounds 0": "'0' is not a whole number from 1 up",
    "bench --device tpu": "unknown value 'tpu'; did you mean 'cpu'? There are: auto, cpu, cuda, mps",
    "bench --json .": "--json . is a folder; name a file in it",
    "bench --json README.md/b.json": "README.md/",
    "bench --json README.md": "README.md is there and holds no measurements; name another file, or move this one away",
    "bench --json /dev/null": "/dev/null is there and holds no measurements",
}


@pytest.mark.parametrize("line", MISTAKES)
def test_a_mistake_is_one_clear_message(refused, home, line):
    (home / "README.md").touch()
    assert MISTAKES[line] in refused(line)


def test_measurements_are_printed_and_saved(call, home, monkeypatch):
    asked = []
    monkeypatch.setattr(bench, "run", lambda *given: asked.append(given[:2]) or {"machine": {"cpu": "a"}, "rows": [1 / 3]})
    monkeypatch.setattr("tinylm.report.timings.cells", lambda facts: [["work", "ratio"], ["step", "2.00"]])
    code, out, _ = call(f"bench --rounds 2 --json {home / 'b.json'}")
    assert (code, out, asked) == (0, "\nwork  ratio\nstep   2.00\n\ncpu a\n", [("cpu", 2)])
    assert json.loads((home / "b.json").read_text()) == {"machine": {"cpu": "a"}, "rows": [pytest.approx(1 / 3, rel=1e-3)]}
    monkeypatch.setattr(files, "IS_CLONE", False)
    assert call("bench")[1].startswith("Rebuilding the report is not timed: that needs a clone of the repository.\n")


def test_each_kind_of_machine_has_a_file(call, refused, home, monkeypatch):
    facts = {"machine": {"date": "today", "device": "a", "kind": "model 2"}, "rows": [1.0]}
    monkeypatch.setattr(bench, "machine", lambda device: facts["machine"])
    monkeypatch.setattr(bench, "run", lambda *given: facts)
    monkeypatch.setattr("tinylm.report.timings.cells", lambda facts: [["work"], ["step"]])
    path = home / "cpu.json"
    path.write_text(json.dumps({"machine": {"date": "once", "device": "a", "kind": "model 1"}, "rows": [2.0]}))
    assert f"{path} is of a model 1; name another file, such as cpu-2.json" in refused(f"bench --json {path}")
    for _ in range(2):
        assert call(f"bench --json {home / 'cpu-2.json'}")[0] == 0
    assert json.loads((home / "cpu-2.json").read_text()) == facts


def test_the_runs_of_the_study_are_timed_and_saved(call, home, monkeypatch):
    run = study.plan("full")[0]
    facts = {"machine": {"cpu": "a"}, "runs": {run.spec.key: 90.0}}
    monkeypatch.setattr("os.getloadavg", lambda: (0.1, 0.1, 0.1))
    monkeypatch.setattr(bench, "run_seconds", lambda device, said, known: said(run, 90.0) or facts)
    code, out, _ = call(f"bench --runs --json {home / 'r.json'}")
    assert (code, out) == (0, f"{run.title}: 1.5 min\ncpu a\n") and json.loads((home / "r.json").read_text()) == facts


def test_what_is_timed_before_a_stop_is_kept_and_not_timed_again(call, home, monkeypatch):
    runs, given = study.section_plan("rope", "smoke"), []

    def stopped(device, said, known):
        given.append(dict(known))
        for run in runs[len(known) :][:1]:
            said(run, 2.0)
        raise KeyboardInterrupt

    monkeypatch.setattr("os.getloadavg", lambda: (0.1, 0.1, 0.1))
    monkeypatch.setattr(bench, "run_seconds", stopped)
    for words in ("", "--missing "):
        assert call(f"bench --runs {words}--json {home / 'r.json'}")[0] == 130
    assert given == [{}, {runs[0].row.spec.key: 2.0}]
    assert len(json.loads((home / "r.json").read_text())["runs"]) == len({run.row.spec.key for run in runs[:2]})


def test_only_what_a_file_lacks_is_timed_on_the_same_machine(call, refused, home, monkeypatch):
    monkeypatch.setattr("os.getloadavg", lambda: (0.1, 0.1, 0.1))
    monkeypatch.setattr(bench, "machine", lambda device: {"date": "today", "device": "a"})
    given = []
    monkeypatch.setattr(bench, "run_seconds", lambda device, said, known: given.append(known) or {"machine": {}, "runs": known})
    path = home / "r.json"
    path.write_text(json.dumps({"machine": {"date": "once", "device": "a"}, "runs": {"ab": 2.0}}))
    assert call(f"bench --runs --missing --json {path}")[0] == 0 and given == [{"ab": 2.0}]
    path.write_text(json.dumps({"machine": {"date": "once", "device": "b"}, "runs": {"ab": 2.0}}))
    assert "has times of device b, not of this machine" in refused(f"bench --runs --missing --json {path}")
    assert "give --runs and the file with --json" in refused("bench --runs --missing")
    assert "give both" in refused("bench --missing")


def test_a_busy_machine_times_no_runs(refused, monkeypatch):
    monkeypatch.setattr("os.getloadavg", lambda: (2.5, 0.1, 0.1))
    monkeypatch.setattr(bench, "run_seconds", lambda *_: pytest.fail("measured"))
    assert "this machine is busy (load 2.5 over the last minute)" in refused("bench --runs")
