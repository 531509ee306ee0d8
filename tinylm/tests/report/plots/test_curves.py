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

MANY = [f"run {i}" for i in range(len(plots.COLOURS) + len(MARKERS))]
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
    assert [text.get_text() for text in fig.legends[0].get_texts()] == ["Linear", "counts: KN-6", "exact floor"]


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


def test_the_papers_values_stand_beside_a_sweep_that_goes_further():
    plan = study.select(study.sweeps(hidden_widths=(128, 256, 512, 1024)), architecture="MLP", seed=0)
    ours = [Result(run, dataclasses.replace(record(2.5), spec=run.spec)) for run in plan]
    fig, rows = plots.sweep_panels(ours, {"MLP": "d_hidden"})
    (crosses,) = [line for line in fig.axes[0].lines if line.get_label() == "study"]
    np.testing.assert_array_equal(crosses.get_ydata(), [2.5482, 2.5115, 2.5002, np.nan])
    assert len(rows) == 4


def test_a_sweep_without_values_of_the_paper_has_no_crosses():
    (run,) = study.select(study.sweeps(hidden_widths=[1024]), architecture="MLP", seed=0)
    fig, _ = plots.sweep_panels([Result(run, dataclasses.replace(record(2.5), spec=run.spec))], {"MLP": "d_hidden"})
    assert [text.get_text() for text in fig.legends[0].get_texts()] == ["ours", "bar: the text's SE"]


def test_a_sweep_that_is_not_recorded_leaves_its_panel_empty():
    fig, rows = plots.sweep_panels(results(Linear=[2.0]), {"Linear": "context_length", "MLP": "d_hidden"})
    assert [ax.get_title() for ax in fig.axes] == ["Linear", "MLP"] and rows == []


def look(line):
    """Colour, dashes and marker of a line."""
    return line.get_color(), str(line._unscaled_dash_pattern), line.get_marker()


def test_no_run_is_dropped_however_many_there_are():
    found = results(**{name: [2.0] for name in MANY})
    assert list(dict.fromkeys(row["name"] for row in plots.trajectories(found)[1])) == MANY
    assert [row["name"] for row in plots.test_against_flops(found)[1]] == MANY
    entry = {"zipf": {"rank": [1, 2], "frequency": [0.5, 0.25]}}
    assert list(dict.fromkeys(row["corpus"] for row in plots.zipf([entry | {"corpus": name} for name in MANY])[1])) == MANY


def _zipf(results):
    return plots.zipf([{"corpus": one.run.name, "zipf": {"rank": [1, 2], "frequency": [0.5, 0.25]}} for one in results])


@pytest.mark.parametrize(
    "draw", [_zipf, plots.loss_curves, plots.trajectories, lambda found: plots.run_curves(found, "step", "train_nll"), plots.frontier]
)
def test_no_two_rows_look_the_same_however_many_there_are(draw):
    fig, _ = draw(results(**{name: [2.0] for name in MANY}))
    for ax in fig.axes:
        looks = {line.get_label(): look(line) for line in ax.lines if line.get_label() in MANY}
        assert looks.keys() == set(MANY) and len(set(looks.values())) == len(MANY)


def test_points_against_flops_differ_in_colour_or_marker_however_many_there_are():
    fig, _ = plots.test_against_flops(results(**{name: [2.0] for name in MANY}))
    hollow = [line for line in fig.axes[0].lines if line.get_markerfacecolor() == "white"]
    assert len({(line.get_color(), line.get_marker()) for line in hollow}) == len(hollow) == len(MANY)


def test_seeds_of_a_row_look_the_same():
    fig, _ = plots.trajectories(results(a=[2.0, 2.1], b=[2.2]))
    first, second, other = map(look, fig.axes[0].lines)
    assert first == second != other


def test_papers_curves_look_different_however_many_there_are():
    plan = study.select(study.section_plan("sweeps", "full"), seed=0, role="sweep")
    fig, _ = plots.loss_curves([Result(run, dataclasses.replace(record(2.5), spec=run.spec)) for run in plan])
    papers = [look(line) for line in fig.axes[1].lines if line.get_label().endswith("study")]
    assert len(set(papers)) == len(papers) == len(plan) > len(plots.COLOURS)


def test_every_text_has_its_line_of_counts_with_and_without_a_cache_in_a_look_of_its_own():
    corpora = ["grammar-char", "grammar-word", "ptb", "ptb-eos", "wikitext-2", "wikitext-2-eos"]
    models = {corpus + end: (corpus, NgramConfig(order=3, cache=cache)) for corpus in corpora for end, cache in (("", 0), ("+", 8))}
    found = [result(name, record(1.7, model=model, corpus=corpus)) for name, (corpus, model) in models.items()]
    fig, rows = plots.trajectories(found)
    assert [row["name"] for row in rows] == list(models)
    assert len({look(line) for line in fig.axes[0].lines}) == len(models)


def test_the_studys_curve_stands_over_ours_at_the_flops_of_the_same_epochs():
    (run,) = study.select(study.section_plan("sweeps", "full"), role="sweep", architecture="Linear", context_length=32, seed=0)
    fig, rows = plots.trajectories([Result(run, dataclasses.replace(record(2.5), spec=run.spec))])
    ours, theirs = fig.axes[0].lines
    assert theirs.get_label() == "Linear, T = 32, study" and list(theirs.get_xdata()) == list(ours.get_xdata()) == [500, 1000]
    assert rows[-1] == {"name": "Linear, T = 32, study", "flops": 1000, "valid_nll": 2.4568}
    assert theirs.get_color() == ours.get_color() and theirs.get_linestyle() != ours.get_linestyle()
    longer = dataclasses.replace(record(2.5, curve=3), spec=run.spec)
    assert len(plots.trajectories([Result(run, longer)])[0].axes[0].lines) == 1, "not the same epochs"


def test_a_run_that_was_trained_on_does_not_hide_the_shorter_one():
    fig, _ = plots.trajectories([result("a", record(2.0), architecture="MLP"), result("b", record(2.0, curve=9), architecture="MLP")])
    short, long = fig.axes[0].lines
    assert short.get_zorder() > long.get_zorder() and short.get_color() != long.get_color()


def test_what_error_bars_are_is_said():
    found = {"one": results(a=[2.0]), "more": results(a=[2.0, 2.1]), "both": results(a=[2.0], b=[2.0, 2.1])}
    said = {key: plots.test_against_flops(value)[0].legends[0].get_texts()[-1].get_text() for key, value in found.items()}
    assert said == {"one": "bar: the text's SE", "more": "bar: seed SD", "both": "bar: seed SD, of one seed the text's SE"}


def test_the_papers_curve_and_its_run_stand_beside_ours():
    (run,) = study.select(study.section_plan("sweeps", "full"), role="sweep", architecture="Linear", context_length=32, seed=0)
    ours = Result(run, dataclasses.replace(record(2.5), spec=run.spec))
    fig, _ = plots.loss_curves([ours])
    (paper,) = [line for line in fig.axes[1].lines if line.get_label() == "Linear, T = 32, study"]
    assert list(paper.get_ydata()) == [2.5825, 2.4568] and len(fig.axes[0].lines) == 2
    _, (row,) = plots.test_against_flops([ours])
    assert (row["study_flops_2nd"], row["study_test_nll"]) == (1.05e12, 2.5135)
    fig, _ = plots.sweep_panels([ours], {"Linear": "context_length"})
    assert [text.get_text() for text in fig.legends[0].get_texts()] == ["study", "ours", "bar: the text's SE"]


def test_one_seed_shows_the_error_of_the_text_and_several_their_spread():
    _, rows = plots.test_against_flops(results(a=[2.0], b=[2.0, 2.2]))
    assert [row["error"] for row in rows] == [pytest.approx(0.01), pytest.approx(np.std([2.0, 2.2], ddof=1))]


def test_the_line_of_counts_is_that_of_the_best_on_valid_with_and_without_a_cache():
    grid = ((2, 0, 1.9), (4, 0, 1.8), (2, 8, 1.6), (4, 8, 1.7))
    found = [result(f"{order}, {cache}", record(nll, model=NgramConfig(order=order, cache=cache))) for order, cache, nll in grid]
    _, rows = plots.trajectories([*found, *results(a=[1.0])])
    assert [row["name"] for row in rows[2:]] == ["4, 0", "2, 8"]
    _, rows = plots.run_curves(found, "step", "valid_nll")  # of the runs that one chooses, all
    assert [row["name"] for row in rows] == ["2, 0", "4, 0", "2, 8", "4, 8"]


@pytest.mark.parametrize("draw", [plots.loss_curves, plots.trajectories, plots.test_against_flops])
def test_no_legend_is_cut_off(draw):
    fig, _ = draw(results(**{f"WikiText-2 Transformer, each window once, {i}": [2.0, 2.1] for i in range(5)}))
    fig.canvas.draw()
    box = fig.legends[0].get_window_extent()
    assert box.x0 >= 0 and box.x1 <= fig.bbox.x1 and box.y1 <= fig.bbox.y1


def test_names_of_many_runs_take_nothing_from_the_panel():
    many = [result(f"run {i}", record(2.0 + i, lr=1e-4 * (i + 1))) for i in range(60)]
    for found in (many[:3], many):
        fig, _ = plots.run_curves(found, "step", "valid_nll")
        fig.canvas.draw()
        assert fig.axes[0].get_window_extent().height > 2.5 * fig.dpi
