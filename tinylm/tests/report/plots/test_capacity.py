import capacity

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


def test_without_records_the_panel_is_empty():
    fig, drawn = plots.isoflops([])
    assert drawn == [] and len(fig.axes) == 1
