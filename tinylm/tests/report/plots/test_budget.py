import math

import pytest
from matplotlib.colors import to_rgba
from synthetic import record, result, rungs, seeds

from tinylm.analysis import budgets
from tinylm.config import NgramConfig
from tinylm.evaluation.probes.compression import Compressed
from tinylm.report import plots
from tinylm.report.plots import budget
from tinylm.report.plots.budget import WORSE
from tinylm.study.ladder import RUNGS


@pytest.fixture(autouse=True)
def no_compressor(monkeypatch):
    """What is recorded of the generated text stays out of the figures."""
    monkeypatch.setattr(budget.COMPRESSION, "best", lambda corpus: None)


def test_a_compressor_has_a_line_of_its_own(monkeypatch):
    monkeypatch.setattr(budget.COMPRESSION, "best", lambda corpus: Compressed("PPMd", 1.7, 1.8))
    fig, drawn = plots.frontier(seeds("MLP", 1_000, [2.1]))
    (line,) = [line for line in fig.axes[0].lines if line.get_label() == "PPMd, a compressor"]
    assert set(line.get_ydata()) == {1.7} and drawn[-1] == {"name": "PPMd", "valid_nll": 1.7}


def test_the_frontier_is_a_curve_for_each_architecture():
    found = [*seeds("MLP", 1_000, [2.1]), *seeds("MLP", 100_000, [1.9]), *seeds("Linear", 1_000, [3.0])]
    _, drawn = plots.frontier(found, [result("KN-4", record(1.5, model=NgramConfig(order=4), start=8))])
    assert [row["architecture"] for row in drawn[:3]] == ["Linear", "MLP", "MLP"] and drawn[3]["name"] == "KN-4"


def test_the_frontier_against_time_is_a_second_panel_of_the_same_losses():
    found = [*seeds("MLP", 1_000, [2.1]), *seeds("MLP", 100_000, [1.9])]
    counts = [result("KN-4", record(1.5, model=NgramConfig(order=4), start=8))]
    fig, drawn = plots.frontier(found, counts, seconds=lambda run: 0.5 if run.spec.is_counts else run.budget / 10)
    flops, time = fig.axes
    assert [list(ax.lines[0].get_ydata()) for ax in (flops, time)] == [pytest.approx([2.0, 1.8])] * 2
    assert [row["seconds"] for row in drawn] == [100.0, 10_000.0, 0.5]
    assert time.lines[-1].get_xdata() == [0.5], "counts begin when they are counted"
    assert len(plots.frontier(found, counts, seconds=lambda run: math.nan)[0].axes) == 1, "no time is known"


def test_a_chosen_budget_stands_in_the_frontier():
    counts = [result(model.title, record(1.5, model=model)) for model in (NgramConfig(order=4), NgramConfig(order=4, cache=8))]
    fig, _ = plots.frontier([result("MLP, 1e3", record(2.1))], counts, budget=2_000)
    assert "chosen budget" in [text.get_text() for text in fig.legends[0].get_texts()]
    (chosen,) = [line for line in fig.axes[0].lines if line.get_label() == "chosen budget"]
    assert chosen.get_linestyle() == "-" and chosen.get_xdata() == [2_000, 2_000], "no network's marker, no count's dashes"


def test_a_bar_of_the_waterfall_leads_from_the_rung_below_to_the_rung():
    losses = dict(zip([rung.name for rung in RUNGS[:6]], (2.0, 1.9, 1.95, 1.7, 1.8, 1.5), strict=True))  # the fifth is only tried
    frame = budgets.ladder(rungs({name: [nll, nll + 0.02] for name, nll in losses.items()}))
    fig, drawn = plots.waterfall(frame)
    bars = fig.axes[0].patches
    spans = [(bar.get_x() - 0.01, bar.get_x() + bar.get_width() - 0.01) for bar in bars]
    assert spans == [pytest.approx(span) for span in ((2.0, 2.0), (2.0, 1.9), (1.9, 1.95), (1.95, 1.7), (1.7, 1.8), (1.7, 1.5))]
    assert [bar.get_facecolor() == to_rgba("white") for bar in bars] == [False, False, False, False, True, False]
    worse = [bar.get_edgecolor() == to_rgba(WORSE) for bar in bars]
    assert worse == [False, False, True, False, True, False] and len(drawn) == 6


def test_the_frontier_draws_no_architecture_twice_and_keeps_their_colours():
    fig, _ = plots.frontier([*seeds("MLP", 1_000, [2.1, 2.3]), *seeds("MLP", 100_000, [1.9]), *seeds("LSTM", 1_000, [2.0])])
    lines = {line.get_label(): line for line in fig.axes[0].lines}
    assert {name: line.get_color() for name, line in lines.items()} == {
        name: plots.FAMILY_COLOURS[name].lower() for name in ("LSTM", "MLP")
    }
    assert list(lines["MLP"].get_ydata()) == pytest.approx([2.1, 1.8]), "mean valid NLL, 0.1 below test"


def test_a_short_ladder_has_the_largest_climbed_steps_and_the_rest_of_it_merged():
    losses = dict(
        zip([rung.name for rung in RUNGS[:8]], (2.0, 1.99, 1.98, 1.5, 1.0, 1.49, 1.48, 1.2), strict=True)
    )  # the fifth is only tried
    frame = budgets.ladder(rungs({name: [nll, nll + 0.02] for name, nll in losses.items()}))
    fig, drawn = plots.waterfall(frame, most=5)
    names = [RUNGS[0].name, "2 smaller changes", RUNGS[3].name, "2 smaller changes", RUNGS[7].name]
    assert [label.get_text() for label in fig.axes[0].get_yticklabels()] == [row["rung"] for row in drawn] == names
    assert [row["change"] for row in drawn] == pytest.approx([0.0, -0.02, -0.48, -0.02, -0.28])
    assert drawn[1]["start"] == drawn[0]["test_nll"] and drawn[2]["start"] == drawn[1]["test_nll"], (
        "each bar begins where the last one ends"
    )
    assert [math.isnan(row["low"]) for row in drawn] == [True, True, False, True, False], "a sum has no interval"
    assert {"−0.48", "−0.28"} < {text.get_text() for text in fig.axes[0].texts}
    _, whole = plots.waterfall(frame, most=20)
    assert [row["rung"] for row in whole] == [rung.name for rung in RUNGS[:8] if rung.climbed]
