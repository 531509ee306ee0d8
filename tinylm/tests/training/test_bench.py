import dataclasses
import json

import pytest
from commandline import run

from tinylm import ledger
from tinylm.report import tables, timings
from tinylm.training import bench
from tinylm.training.bench import rows


def test_no_record_is_said_to_be_none():
    assert "tinylm bench" in timings.markdown([])


def test_the_machine_is_named(tmp_path):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor : 0\nmodel name\t: Some CPU 9000\n")
    assert bench.processor(cpuinfo).startswith("Some CPU 9000, ")
    assert bench.processor(tmp_path / "none")
    assert bench.processor_kind(cpuinfo) == bench.processor_kind(tmp_path / "none") == ""
    cpuinfo.write_text("cpu family\t: 25\nmodel\t\t: 17\nmodel name\t: Some CPU 9000\n")
    assert bench.processor_kind(cpuinfo) == "family 25, model 17"


def test_each_row_is_told_as_it_is_measured_and_all_are_saved(monkeypatch):
    found = [rows.Row(f"work {i}", "textbook", "ms", 1.0, 2.0, 2.0) for i in range(3)]
    told = []

    def measured(bench):
        yield found[0]
        assert told == found[:1], "the first is told before the second is measured"
        yield found[1]

    monkeypatch.setattr(rows, "ROWS", (measured, lambda bench: iter(found[2:])))
    monkeypatch.setattr(bench.roofline, "peaks", lambda opened: {"fp32": float(opened.rounds)})
    monkeypatch.setattr(bench.roofline, "points", lambda opened: iter([{"size": "width"}]))
    monkeypatch.setattr(bench.roofline, "shares", lambda opened, precision: {precision: 1.0})
    facts = bench.run("cpu", 5, told.append)
    assert told == found and [row["work"] for row in facts["rows"]] == ["work 0", "work 1", "work 2"]
    assert facts["peaks"] == {"fp32": 5.0} and facts["points"] == [{"size": "width"}]
    assert facts["shares"] == {"fp32": {"fp32": 1.0}, "bf16": {"bf16": 1.0}}
    assert json.loads(json.dumps(facts)) == facts


def test_the_command_saves_what_it_prints(monkeypatch, tmp_path, capsys):
    row = rows.Row("a step", "textbook", "ms", 1.0, 2.0, 2.0, 1.5)
    facts = {
        "machine": {"device": "cpu", "threads": "2", "python": "3", "torch": "2", "date": "2026-11-20"},
        "rows": [dataclasses.asdict(row)],
    }
    monkeypatch.setattr(bench, "run", lambda device, rounds, said: said(row) or facts)
    code, out, _ = run(capsys, f"bench --json {tmp_path / 'b.json'}")
    assert code == 0
    assert json.loads((tmp_path / "b.json").read_text()) == facts
    assert "a step against textbook: 2.00" in out


def test_a_file_that_cannot_be_written_is_known_before_measuring(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(bench, "run", lambda *_: pytest.fail("measured first"))
    (tmp_path / "file").touch()
    code, _, err = run(capsys, f"bench --json {tmp_path / 'file' / 'b.json'}")
    assert code == 2
    assert "cannot write" in err
    code, _, err = run(capsys, f"bench --json {tmp_path}")
    assert code == 2
    assert "name a file" in err


def test_an_interrupted_benchmark_leaves_the_record(monkeypatch, tmp_path, capsys):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(bench, "run", interrupted)
    (tmp_path / "b.json").write_text("{}")
    assert run(capsys, f"bench --json {tmp_path / 'b.json'}")[0] == 130
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("b.json", "{}")]


def test_the_recorded_timings_make_a_table_and_sentences():
    facts = timings.recorded()
    _, *lines = timings.cells(facts)
    assert len(lines) == len(facts["rows"]) == len(tables.timed(facts))
    assert timings.markdown([facts]).count("\n|") == len(lines) + 1
    short = [row for row in facts["rows"] if row["aim"] > 0 and row["ratio"] < row["aim"]]
    assert all(row["work"] in timings.reading(facts) for row in short)
    assert ledger.rounded(0.123456789) == 0.1234568
