import dataclasses

import numpy as np
import pytest
from synthetic import record, result, results

from tinylm import data, study
from tinylm.analysis.summaries import Result
from tinylm.config import LinearConfig, NgramConfig
from tinylm.data import statistics
from tinylm.report import plots
from tinylm.report.plots.style import MARKERS

COUNTS = result("KN-6", record(1.7, model=NgramConfig(order=6), eval_start=8))


def test_zipf_draws_each_corpus():
    _, rows = plots.zipf([statistics.corpus_statistics(data.load("grammar-char"))])
    assert {row["corpus"] for row in rows} == {"grammar-char"}


def test_loss_curves_draw_the_mean_over_seeds():
    _, rows = plots.loss_curves(results(Linear=[2.0, 3.0]))
    assert [(row["epoch"], row["mean_nll"]) for row in rows if row["curve"] == "valid_nll"] == [(1, 3.0), (2, 2.75)]


def test_trajectories_hold_every_seed_the_counts_and_the_floor():
    fig, rows = plots.trajectories([*results(Linear=[2.0, 3.0]), COUNTS], floor=1.0)
    assert {row["name"] for row in rows} == {"Linear", "KN-6", "exact floor"}
    assert {row.get("seed") for row in rows if row["name"] == "Linear"} == {0, 1}
    assert [text.get_text() for text in fig.legends[0].get_texts()] == ["Linear", "KN-6 counts", "exact floor"]


@pytest.mark.parametrize("against", ["step", "flops"])
def test_run_curves_draw_every_run_against_steps_or_flops(against):
    fig, rows = plots.run_curves([*results(Linear=[2.0, 3.0]), COUNTS], against, "valid_nll")
    assert [row[against] for row in rows[:2]] == ([1, 2] if against == "step" else [500, 1000])
    assert rows[-1] == {"name": "KN-6", "valid_nll": pytest.approx(1.6)}
    assert len(fig.legends[0].get_texts()) == 2
    _, rows = plots.run_curves([COUNTS], against, "train_nll")
    assert rows == []


def test_test_against_flops_shows_both_costs():
    _, rows = plots.test_against_flops([*results(Linear=[2.0, 3.0]), COUNTS])
    assert rows[0]["test_nll"] == 2.5 and rows[0]["flops_textbook"] == 2 * rows[0]["flops"]
    assert rows[-1] == {"name": "KN-6", "test_nll": pytest.approx(1.7)}


def test_sweep_panels_take_the_varied_field_from_the_spec():
    records = [record(t / 10, model=LinearConfig(context_length=t, d_model=4), start=t) for t in (8, 16)]
    found = [result(f"run {i}", one, role="sweep", architecture="Linear") for i, one in enumerate(records)]
    _, rows = plots.sweep_panels(found, {"Linear": "context_length"})
    assert [(row["context_length"], row["test_nll"]) for row in rows] == [(8, 0.8), (16, 1.6)]


def test_a_sweep_that_is_not_recorded_leaves_its_panel_empty():
    fig, rows = plots.sweep_panels(results(Linear=[2.0]), {"Linear": "context_length", "MLP": "d_hidden"})
    assert [ax.get_title() for ax in fig.axes] == ["Linear", "MLP"] and rows == []


def test_no_run_is_dropped_however_many_there_are():
    names = [f"run {i}" for i in range(len(plots.COLOURS) + len(MARKERS))]
    found = results(**{name: [2.0] for name in names})
    assert list(dict.fromkeys(row["name"] for row in plots.trajectories(found)[1])) == names
    assert [row["name"] for row in plots.test_against_flops(found)[1]] == names
    entry = {"zipf": {"rank": [1, 2], "frequency": [0.5, 0.25]}}
    assert list(dict.fromkeys(row["corpus"] for row in plots.zipf([entry | {"corpus": name} for name in names])[1])) == names


def test_every_text_has_its_line_of_counts():
    corpora = ["grammar-char", "grammar-word", "ptb", "ptb-eos", "wikitext-2", "wikitext-2-eos"]
    found = [result(name, record(1.7, model=NgramConfig(order=3), corpus=name)) for name in corpora]
    assert [row["name"] for row in plots.trajectories(found)[1]] == corpora


def test_the_papers_curve_and_its_run_stand_beside_ours():
    (run,) = study.select(study.section_plan("sweeps", "full"), architecture="Linear", context_length=32, seed=0)
    ours = Result(run, dataclasses.replace(record(2.5), spec=run.spec))
    fig, _ = plots.loss_curves([ours])
    (paper,) = [line for line in fig.axes[1].lines if line.get_label() == "Linear, T = 32, paper"]
    assert list(paper.get_ydata()) == [2.5825, 2.4568] and len(fig.axes[0].lines) == 2
    _, (row,) = plots.test_against_flops([ours])
    assert (row["paper_flops_2nd"], row["paper_test_nll"]) == (1.05e12, 2.5135)
    fig, _ = plots.sweep_panels([ours], {"Linear": "context_length"})
    assert [text.get_text() for text in fig.axes[0].get_legend().get_texts()] == ["paper", "ours"]


def test_one_seed_shows_the_error_of_the_text_and_several_their_spread():
    _, rows = plots.test_against_flops(results(a=[2.0], b=[2.0, 2.2]))
    assert [row["error"] for row in rows] == [pytest.approx(0.01), pytest.approx(np.std([2.0, 2.2], ddof=1))]


def test_the_line_of_counts_is_that_of_the_best_on_valid_with_and_without_a_cache():
    grid = ((2, 0, 1.9), (4, 0, 1.8), (2, 8, 1.6), (4, 8, 1.7))
    found = [result(f"{order}, {cache}", record(nll, model=NgramConfig(order=order, cache=cache))) for order, cache, nll in grid]
    _, rows = plots.run_curves([*found, *results(a=[1.0])], "step", "valid_nll")
    assert [row["name"] for row in rows[2:]] == ["4, 0", "2, 8"]
