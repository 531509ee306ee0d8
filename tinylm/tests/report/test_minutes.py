import math
from dataclasses import replace

import pytest
from synthetic import TIMINGS, record, result, seeds

from tinylm import files, study
from tinylm.config import GatedCountsConfig, LSTMConfig, NgramConfig, RunSpec, TrainConfig
from tinylm.evaluation.probes import GATED_MIXING
from tinylm.ledger import write_facts
from tinylm.report import minutes, tables, timings
from tinylm.report.minutes import Trained
from tinylm.study import nanogpt


@pytest.fixture
def timed(home, monkeypatch):
    """Runs that take a second for each ten FLOPs, counts that take three; facts of mixtures are none."""
    monkeypatch.setattr(timings, "seconds", lambda *runs: sum(run.budget / 10 or 3.0 for run in runs))
    return home


def networks():
    """Small and large runs of one kind, of which the large one is better, and the counts and nanoGPT beside them."""
    runs = [*seeds("Transformer", 400, [2.0, 2.2], role="timed"), *seeds("Transformer", 3_000, [1.5], role="timed")]
    other = result("nanoGPT, 500", record(1.9, flops=500), role="timed", architecture=nanogpt.TITLE)
    lstm = result("LSTM, 100", record(1.8, model=LSTMConfig(context_length=8), corpus="ptb"), role="timed", architecture="LSTM")
    return [*runs, other, result("KN-2", record(2.5, model=NgramConfig(order=2)), role="tuned"), lstm]


def test_the_best_on_valid_that_fits_is_shown_for_each_time(timed):
    table = tables.in_minutes(networks(), (0.5, 1, 5)).set_index(["text", "minutes"])
    ours = table.loc["grammar-char"]
    assert list(ours["Transformer"]) == ["–", "2.100 (2; 40 s)", "1.500 (1; 5.0 min)"]
    assert list(ours["counts"]) == ["2.500 (1; 3.0 s)"] * 3 and list(ours["LSTM"]) == ["–"] * 3
    assert list(ours[nanogpt.TITLE]) == ["1.900 (1; 3.0 s)"] * 3, "a run of steps has no budget here"
    assert set(table.loc["the Penn Treebank", "LSTM"]) == {"1.800 (1; 3.0 s)"}


def test_a_run_that_sections_share_is_one_row_and_one_without_a_time_none(timed, monkeypatch):
    (first, second, *_), again = networks(), "budget"
    shared = [first, replace(first, run=replace(first.run, section=again)), replace(second, run=replace(second.run, section=again))]
    (row,) = minutes.trained(shared)
    assert row.n == 2 and row.test == pytest.approx(2.1)
    monkeypatch.setattr(timings, "seconds", lambda *runs: math.nan)
    assert minutes.trained(networks()) == []
    assert list(tables.in_minutes(networks()).columns) == ["text", "minutes"]


def test_a_mixture_takes_the_time_of_both(timed, monkeypatch):
    found = seeds("Transformer", 400, [2.0], role="timed")
    scores = {"valid": replace(found[0].record.valid, nll=1.2), "test": replace(found[0].record.test, nll=1.3)}
    monkeypatch.setattr(GATED_MIXING, "scores", lambda run, folders: scores)
    train = TrainConfig(loss_at="all", flops=50)
    partner = RunSpec(corpus="grammar-char", model=GatedCountsConfig(order=2, context_length=8), train=train)
    monkeypatch.setattr(GATED_MIXING, "partner", lambda run: partner)
    monkeypatch.setattr(GATED_MIXING, "flops", lambda run: 50)
    alone, both = minutes.trained(found)
    assert (both.kind, both.test, both.seconds) == (minutes.MIXTURE, 1.3, alone.seconds + 5)


def test_what_was_measured_on_a_text_of_ones_own_stands_below(timed):
    row = Trained(text="my text", kind="counts", valid=1.0, test=1.1, n=1, seconds=2.0)
    write_facts(files.LEDGER / "bench" / minutes.OWN, minutes.facts([row], TIMINGS["machine"]))
    assert minutes.own() == [row]
    assert list(tables.in_minutes([], (1,))["counts"]) == ["1.100 (1; 2.0 s)"]


def test_every_run_that_is_planned_for_minutes_has_a_kind():
    runs = study.select(study.section_plan("capacity", "full"), role=["timed", "tuned", "gated", "isoflop"])
    assert {minutes.kind(run) for run in runs} == set(minutes.KINDS) - {minutes.MIXTURE}
