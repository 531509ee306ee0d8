import capacity
import records

from tinylm import study
from tinylm.analysis.summaries import Result
from tinylm.report import plots


def test_a_panel_a_text_a_colour_a_budget_and_a_star_at_the_lowest_point():
    found = capacity.results() + capacity.results(corpus="tiny_shakespeare")
    fig, drawn = plots.isoflops(found)
    assert [ax.get_title() for ax in fig.axes] == ["WikiText-2 as characters", "Tiny Shakespeare"]
    for ax in fig.axes:
        stars = [line for line in ax.lines if line.get_marker() == "*"]
        curves = [line for line in ax.lines if line.get_marker() == "None"]
        assert len(stars) == len(curves) == 5
        assert len({line.get_color() for line in stars}) == 5
        for star, curve in zip(stars, curves, strict=True):
            assert star.get_ydata()[0] == min(curve.get_ydata())
    assert len(drawn) == 2 * 5 * 6


def test_budgets_beyond_the_fitted_ones_are_hollow_and_their_lines_broken():
    fig, drawn = plots.isoflops(capacity.results(3 * 10**13))
    lines = fig.axes[0].lines
    assert [line.get_fillstyle() for line in lines if line.get_marker() == "o"] == ["full"] * 5 + ["none"]
    assert [line.get_linestyle() for line in lines if line.get_marker() == "None"] == ["-"] * 5 + ["--"]
    assert len(drawn) == 5 * 6 + 4
    fitted = plots.isoflops(capacity.results())[0].axes[0].lines
    assert all((line.get_ydata() == before.get_ydata()).all() for line, before in zip(lines, fitted, strict=False)), "they are in no fit"


def test_without_records_the_panel_is_empty():
    fig, drawn = plots.isoflops([])
    assert drawn == [] and len(fig.axes) == 1


def test_a_line_a_rate_and_a_panel_a_budget():
    plan = study.select(study.section_plan("sweeps", "full"), role="context-map")
    fig, drawn = plots.contexts([Result(run, records.made(spec=run.spec)) for run in plan])
    assert len(fig.axes) == 3
    assert [[list(line.get_xdata()) for line in ax.lines] for ax in fig.axes] == [[[8, 16, 32, 64, 128, 256]] * 4] * 3
    assert len(drawn) == 3 * 4 * 6
    assert plots.contexts([])[1] == []


def test_the_worth_of_a_layer_has_a_panel_a_text_and_a_point_a_pair():
    fig, drawn = plots.depths(capacity.results(10**12) + capacity.results(10**11, corpus="tiny_shakespeare"))
    assert [ax.get_title() for ax in fig.axes] == ["Tiny Shakespeare", "WikiText-2 as characters"]
    assert len(drawn) == 6 + 18 and {row["n"] for row in drawn} == {2, 3}
    assert plots.depths([])[1] == []
