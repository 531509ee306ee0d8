import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest
from kernel import started

from tinylm.report import plots
from tinylm.report.plots import style


def test_families_keep_their_colours_and_others_stay_apart():
    assert plots.colours(["Linear", "MLP"]) == [plots.COLOURS[0], plots.COLOURS[1]]
    assert plots.colours(["RoPE", "MLP", "MLP"]) == [plots.COLOURS[0], plots.COLOURS[1], plots.COLOURS[2]]
    assert len(set(plots.colours(["Linear", "Linear", "Linear"]))) == 3


def test_an_architecture_that_stands_twice_keeps_its_colour_for_the_first():
    first, second, third = plots.colours(["MLP", "Linear", "MLP"])
    assert (first, second) == (plots.FAMILY_COLOURS["MLP"], plots.FAMILY_COLOURS["Linear"]) and third not in (first, second)


def test_no_line_is_without_a_colour_however_many_there_are():
    assert len(plots.colours(["other"] * 20)) == 20


@pytest.mark.parametrize("same_marker", [False, True])
@pytest.mark.parametrize("names", [["other"] * 99, [*plots.FAMILY_COLOURS, *["other"] * 90], ["MLP", "other", "Linear"] * 30, []])
def test_no_two_lines_look_the_same_however_many_there_are(names, same_marker):
    lines = plots.line_styles(names, same_marker)
    assert len({tuple(line.values()) for line in lines}) == len(lines) == len(names)
    assert [line["color"] for line in lines] == plots.colours(names)


def test_lines_are_solid_until_a_colour_comes_again():
    n = len(plots.COLOURS)
    own, one = plots.line_styles(["other"] * (n + 1)), plots.line_styles(["other"] * (n + 1), same_marker=True)
    assert {line["linestyle"] for line in own[:n]} == {"-"} and own[n]["linestyle"] != "-"
    assert [line["marker"] for line in own[:n]] == list(style.MARKERS[:n])
    assert {line["marker"] for line in one[:n]} == {"o"} and one[n]["marker"] != "o"


def test_a_figure_is_dark_on_white_under_any_plotting_style():
    with plt.style.context("dark_background"):
        fig, _ = plots.zipf([{"corpus": "a", "zipf": {"rank": [1, 10], "frequency": [1.0, 0.5]}}])
        fig.canvas.draw()
        (ax,) = fig.axes
        dark = [*ax.get_xticklabels(), *ax.get_yticklabels(), ax.xaxis.label, ax.yaxis.label, *ax.get_legend().get_texts()]
        assert {mpl.colors.to_hex(text.get_color()) for text in dark} == {"#000000"}
        assert {mpl.colors.to_hex(part.get_facecolor()) for part in (fig, ax)} == {"#ffffff"}


def shown(low, high):
    fig, (ax,) = style.panels()
    ax.plot([low, high], [1, 2])
    style.log_flops(ax, "FLOPs")
    fig.canvas.draw()
    return ax.get_xlabel(), [label for label in ax.get_xminorticklabels() if label.get_text()]


def test_a_flop_axis_between_two_powers_of_ten_has_labels_between_them():
    assert shown(2e12, 8e12)[1] and not shown(2e10, 8e13)[1]
    assert shown(2e12, 8e12)[0] == "FLOPs"


def test_panels_stand_side_by_side():
    fig, axes = style.panels(3, 6.0, 2.0)
    assert len(axes) == 3 and tuple(fig.get_size_inches()) == (6.0, 2.0)


@mpl.rc_context(style.STYLE)
def test_a_legend_stays_inside_the_figure():
    for names in (["a", "b", "c", "d"], [f"WikiText-2 Transformer, each window once, {i}" for i in range(4)]):
        fig, (ax,) = style.panels()
        for name in names:
            ax.plot([1, 2], [1, 2], label=name)
        style.legend_above(fig, ax)
        fig.canvas.draw()
        box = fig.legends[0].get_window_extent()
        assert box.x0 >= 0 and box.x1 <= fig.bbox.x1


def test_a_figure_of_ours_leaves_a_notebooks_own_plots_visible(tmp_path):
    with started(tmp_path) as kernel:
        kernel.run("tl.plots.zipf([{'corpus': 'a', 'zipf': {'rank': [1], 'frequency': [1.0]}}])")
        assert ["image/png" in data for data in kernel.run("import matplotlib.pyplot as plt\nplt.plot([1, 2]);").shown] == [True]
