import math

import pytest
from matplotlib.colors import to_rgba
from synthetic import record, result, seeds

from tinylm.analysis import summaries
from tinylm.config import NgramConfig
from tinylm.evaluation.probes.compression import Compressed
from tinylm.report import plots
from tinylm.report.plots import counting
from tinylm.report.plots.counting import COUNTS_WIN, OPEN

RUNS = [
    *seeds("LSTM", 10**11, [2.0, 2.2]),
    *seeds("MLP", 10**11, [2.5, 2.5]),
    *seeds("LSTM", 10**12, [1.9]),
    *seeds("Transformer", 10**12, [1.7, 1.8, 1.6]),
    *seeds("Transformer", 10**13, [1.4, 1.5]),
]


@pytest.fixture(autouse=True)
def no_compressor(monkeypatch):
    monkeypatch.setattr(counting.COMPRESSION, "best", lambda corpus: None)


def counted(nll, cache=0):
    model = NgramConfig(order=4, cache=cache)
    return result(model.title, record(nll, model=model))


def test_at_each_budget_the_recipe_that_is_best_on_valid_stands_with_its_interval_and_its_seeds():
    fig, rows = plots.answer(RUNS, [])
    assert [(row["architecture"], row["n"]) for row in rows] == [("LSTM", 2), ("Transformer", 3), ("Transformer", 2)]
    assert [row["test_nll"] for row in rows] == pytest.approx([2.1, 1.7, 1.45])
    assert rows[1]["half"] == pytest.approx(summaries.half_width([1.7, 1.8, 1.6]))
    texts = [text.get_text() for text in fig.axes[0].texts]
    assert [text for text in texts if text.startswith("n = ")] == ["n = 2", "n = 2"], "those with fewer seeds than the others"
    assert [text for text in texts if "recipe" in text] == ["best recipe: LSTM", "best recipe: Transformer"]


def zones(fig):
    """What the stretches of FLOPs are called."""
    return [text.get_text() for text in fig.axes[0].texts if text.get_text() in ("counts are ahead", "open", "recipe")]


def test_it_is_shaded_where_counts_are_ahead_or_the_order_is_open_by_the_intervals_over_seeds():
    nlls = {10**10: 2.0, 10**11: 1.9, 10**12: 1.5, 10**13: 1.3}
    runs = [one for budget, nll in nlls.items() for one in seeds("LSTM", budget, [nll - 0.001, nll, nll + 0.001])]
    fig, rows = plots.answer(runs, [counted(1.9), counted(1.6, cache=8), counted(1.5, cache=2)])
    assert [row["name"] for row in rows[-2:]] == ["KN-4", "KN-4 + cache 2"], "the best of each kind"
    behind, undecided = sorted(fig.axes[0].patches, key=lambda patch: patch.get_x())
    assert behind.get_facecolor() == to_rgba(COUNTS_WIN) and undecided.get_facecolor() == to_rgba(OPEN)
    ends = [patch.get_x() + patch.get_width() for patch in (behind, undecided)]
    assert ends == pytest.approx([10**11.5, 10**12.5]), "half way between two budgets"
    assert zones(fig) == ["counts are ahead", "open", "recipe"]
    assert {"counts, 1.900", "with a cache, 1.500"} < {text.get_text() for text in fig.axes[0].texts}
    single = plots.answer(seeds("LSTM", 10**12, [1.9]), [counted(1.91)])[0]
    assert zones(single) == [] == list(single.axes[0].patches), "one seed has no interval"


def test_networks_that_weigh_counts_stand_beside_the_recipes():
    gated = [*seeds("Gated counts", 10**10, [1.5, 1.6], "gated"), *seeds("Gated counts", 10**11, [1.4], "gated")]
    fig, rows = plots.answer(RUNS, [counted(1.9)], gated=gated)
    assert [(row["flops"], row["n"]) for row in rows if row.get("architecture") == "Gated counts"] == [(10**10, 2), (10**11, 1)]
    assert "gated counts" in [text.get_text() for text in fig.axes[0].texts] and fig.axes[0].get_xlim()[0] < 10**10


@pytest.mark.parametrize(("nll", "said"), [(1.4, ["counts are ahead"]), (1.7, ["counts are ahead", "recipe"]), (2.1, ["recipe"])])
def test_only_what_is_the_case_is_said(nll, said):
    runs = [one for budget, mean in ((10**11, 2.0), (10**12, 1.5)) for one in seeds("LSTM", budget, [mean - 0.001, mean, mean + 0.001])]
    fig, _ = plots.answer(runs, [counted(nll)])
    assert zones(fig) == said and len(fig.axes[0].patches) == (nll < 2)


def test_the_compressor_has_a_line_and_no_shade(monkeypatch):
    monkeypatch.setattr(counting.COMPRESSION, "best", lambda corpus: Compressed("PPMd", 1.3, 1.45))
    fig, rows = plots.answer(seeds("MLP", 10**11, [1.5]), [counted(1.6)])
    assert rows[-1] == {"name": "PPMd", "test_nll": 1.45} and len(fig.axes[0].patches) == 0


def test_the_studys_networks_stand_at_their_cost_and_those_far_above_at_the_edge():
    study = [
        result("MLP", record(2.0, flops=4 * 10**12), architecture="MLP"),
        result("Linear", record(5.0, flops=10**12), architecture="Linear"),
        result("Transformer", record(4.0, flops=5 * 10**12), architecture="Transformer"),
    ]
    fig, rows = plots.answer(RUNS, [], study)
    assert [(row["flops"], row["test_nll"]) for row in rows[-3:]] == [(4 * 10**12, 2.0), (10**12, 5.0), (5 * 10**12, 4.0)]
    places = {text.get_text(): text.xy[1] for text in fig.axes[0].texts}
    assert places["MLP, 2.00"] == 2.0 and places["Linear, 5.00 ↑"] > places["Transformer, 4.00 ↑"], "one below the other"
    assert fig.axes[0].get_ylim()[1] < 4.5


def test_the_time_of_each_best_recipe_is_on_an_upper_axis_where_there_is_room():
    times = {10**11: 30.0, 10**12: 90.0, 10**13: math.nan}
    fig, _ = plots.answer(RUNS, [], seconds=lambda run: times[run.budget])
    (upper,) = fig.axes[0].child_axes
    assert [label.get_text() for label in upper.get_xticklabels()] == ["30 s", "1.5 min"] and list(upper.get_xticks()) == [1e11, 1e12]
    near = [*seeds("MLP", 10**12, [2.0]), *seeds("MLP", 2 * 10**12, [1.9])]
    (upper,) = plots.answer(near, [], seconds=lambda run: 5.0)[0].axes[0].child_axes
    assert list(upper.get_xticks()) == [1e12]
    assert not plots.answer(RUNS, [], seconds=lambda run: math.nan)[0].axes[0].child_axes


def test_losses_of_other_tokens_are_refused():
    with pytest.raises(summaries.DifferentTokens, match="toy/other@0"):
        plots.answer(RUNS, [], [result("other", record(2.0, start=9))])
