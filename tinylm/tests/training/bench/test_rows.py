import dataclasses
import os
import sys

import pytest
from specs import LINEAR, TRANSFORMER, spec

from tinylm import data, files
from tinylm.config import RunSpec, TrainConfig
from tinylm.flops import run_cost
from tinylm.training.bench import roofline, rows

SMALL = dataclasses.replace(TRANSFORMER, attention_dropout=0.0, ffn_dropout=0.0, norm_place="pre")


@pytest.fixture
def small(monkeypatch, corpus):
    """A benchmark of tiny models in short bursts on the Markov corpus."""
    monkeypatch.setattr("tinylm.training.bench.timing.BURST", 0.0)
    monkeypatch.setattr(rows, "DENSE", SMALL)
    monkeypatch.setattr(roofline, "DENSE", SMALL)
    return rows.Bench("cpu", 1, corpus)


def test_steps_and_the_roofline_are_measured(small):
    found = [*rows.dense_steps(small), *rows.evaluation(small)]
    assert all(row.ours > 0 and row.theirs > 0 and row.ratio > 0 for row in found)
    assert {row.unit for row in found} == {"GFLOP/s", "ms", "tokens/s"}
    shares = roofline.shares(small, "fp32", 1)
    assert sum(shares.values()) == pytest.approx(1)
    assert shares["matrix products"] > 0


def test_a_pool_of_runs_is_timed_by_their_own_seconds(small):
    bench = dataclasses.replace(small, corpus=data.load("grammar-char"))
    runs = [dataclasses.replace(spec(LINEAR, steps=2_000, eval_tokens=20), corpus="grammar-char")]
    assert rows._pool_seconds(bench, runs, 1) > 0


def test_the_rebuild_of_the_report_is_timed_in_a_clone_only(small, monkeypatch):
    done = []
    monkeypatch.setattr(rows, "_finish", lambda words, folder, environment: done.append(words[1]))
    monkeypatch.setattr(rows.shutil, "copytree", lambda source, target, **options: target)
    assert [row.unit for row in rows.rebuild(small)] == ["s"] and done == ["-c", "run_me.py"]
    monkeypatch.setattr(files, "IS_CLONE", False)
    assert list(rows.rebuild(small)) == []


def test_steps_of_a_benchmark_cost_what_is_counted_for_training(corpus):
    bench, train = rows.Bench("cpu", 1, corpus), TrainConfig(steps=10, loss_at="all", batch_size=4)
    cost = run_cost(RunSpec(corpus="markov", model=SMALL, train=train), corpus.info)
    assert 10 * bench.flops(SMALL, train) == cost.flops


def test_a_command_that_fails_is_not_timed(tmp_path):
    rows._finish([sys.executable, "-c", "pass"], tmp_path, dict(os.environ))
    with pytest.raises(rows.BenchError, match="rebuilding the report failed"):
        rows._finish([sys.executable, "-c", "raise SystemExit(3)"], tmp_path, dict(os.environ))
