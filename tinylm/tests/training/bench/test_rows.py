import dataclasses
import os
import sys

import pytest
from specs import LINEAR, TRANSFORMER, spec
from synthetic import record

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


def test_steps_of_recipes_are_timed_against_a_product_and_against_one_thread(small, monkeypatch):
    monkeypatch.setattr(rows, "RECIPES", (1e11,))
    product, thread = rows.recipe_steps(small)
    assert (product.unit, thread.unit) == ("GFLOP/s", "ms") and product.ours > 0 and thread.ours > 0
    assert product.ratio == pytest.approx(product.ours / product.theirs, rel=1e-6), "one round"


def test_a_whole_command_is_cut_into_its_parts(small, monkeypatch):
    taken = record(2.0)
    monkeypatch.setattr(data, "available", lambda name: True)
    monkeypatch.setattr(data, "load", lambda name: small.corpus)
    monkeypatch.setattr(rows.textbook, "study_step", lambda *how: lambda: None)
    monkeypatch.setattr(rows.runs, "step", lambda spec, device: lambda: None)
    monkeypatch.setattr(rows, "median_seconds", lambda call, rounds, device: 0.01)
    monkeypatch.setattr(rows, "_command", lambda device: (taken.seconds + 3.0, taken))
    whole, training, *parts = rows.time_to_loss(small)
    assert whole.ratio == pytest.approx(whole.theirs / whole.ours) and training.ratio == pytest.approx(training.theirs / training.ours)
    assert sum(row.ours for row in parts) == pytest.approx(whole.ours) and sum(row.ratio for row in parts) == pytest.approx(1)
    assert parts[0].ours == pytest.approx(3.0), "what the record does not know of"
    monkeypatch.setattr(data, "available", lambda name: False)
    assert list(rows.time_to_loss(small)) == []


def test_the_command_that_is_timed_trains_and_leaves_its_record(monkeypatch):
    monkeypatch.setattr(rows, "SHAKESPEARE", "grammar-char")
    monkeypatch.setattr(rows, "AS_GOOD", 1e9)
    seconds, found = rows._command("cpu")
    assert found.flops <= 1e9 and 0 < found.seconds < seconds


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
    with pytest.raises(rows.BenchError, match="-c raise SystemExit.* failed"):
        rows._finish([sys.executable, "-c", "raise SystemExit(3)"], tmp_path, dict(os.environ))
