import itertools
import warnings

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from kernel import started
from matplotlib.text import Text

from tinylm.report import display, plots
from tinylm.report.plots import style


def test_an_architecture_has_the_same_colour_and_marker_whatever_stands_beside_it():
    for names in (["MLP"], ["Linear", "MLP"], ["RoPE", "x", "MLP"], ["MLP", "Linear", "MLP"]):
        style = plots.line_styles(names)[names.index("MLP")]
        assert (style["color"], style["marker"]) == style_of("MLP") and style["linestyle"] == "-"


def style_of(name):
    colour, marker = style.FAMILIES[name]
    return colour.lower(), marker


def test_no_other_line_has_the_colour_of_an_architecture_in_the_figure():
    for names in (["Linear", "x", "y", "MLP"], ["x"] * 20 + ["Transformer"], ["MLP", "MLP", "Linear", "MLP"]):
        colours = plots.colours(names)
        for name in set(names) & set(style.FAMILIES):
            others = [colour for other, colour in zip(names, colours, strict=True) if other != name]
            assert style_of(name)[0] not in others


def test_further_lines_of_an_architecture_are_shades_of_its_colour_that_differ_in_grey():
    shades = [mpl.colors.to_rgb(colour) for colour in plots.colours(["Linear"] * 4)]
    assert all(blue > green > red or blue == green == red for red, green, blue in shades)
    grey = sorted(0.3 * red + 0.59 * green + 0.11 * blue for red, green, blue in shades)
    assert min(b - a for a, b in itertools.pairwise(grey)) > 0.08
    assert {line["marker"] for line in plots.line_styles(["Linear"] * 4)} == {"o"}


def test_no_line_is_without_a_colour_however_many_there_are():
    assert len(plots.colours(["other"] * 20)) == 20


@pytest.mark.parametrize(
    "names", [["other"] * 99, [*style.FAMILIES, *["other"] * 90], ["MLP", "other", "Linear"] * 30, ["Transformer"] * 99, []]
)
def test_no_two_lines_look_the_same_however_many_there_are(names):
    lines = plots.line_styles(names)
    looks = {(line["color"], line["linestyle"], line["marker"]) for line in lines if names.count("Transformer without pointer") == 0}
    assert len(looks) == len(lines) == len(names) or "Transformer without pointer" in names
    assert [line["color"] for line in lines] == plots.colours(names)


def test_labels_are_apart_and_as_near_to_their_places_as_can_be():
    assert style.spread([0.5, 0.1, 0.52], 0.1) == pytest.approx([0.46, 0.1, 0.56])
    assert style.spread([3.0, 1.0], 0.1) == pytest.approx([3.0, 1.0]) and len(style.spread([], 0.1)) == 0


@mpl.rc_context(style.STYLE)
def test_labels_right_of_a_panel_do_not_meet_and_stay_in_the_figure():
    fig, (ax,) = style.panels()
    ax.plot([1, 2], [1, 2])
    style.label_right(ax, [(2, 1.5, "one", "black"), (2, 1.5, "two\nlines", "black"), (2, 1.51, "three", "black")])
    fig.canvas.draw()
    boxes = sorted((Text.get_window_extent(text) for text in ax.texts), key=lambda box: box.y0)
    assert all(low.y1 <= high.y0 + 1 for low, high in itertools.pairwise(boxes)) and max(box.x1 for box in boxes) <= fig.bbox.x1


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


@pytest.fixture
def untold():
    style._tell_of_boxes.cache_clear()
    yield
    style._tell_of_boxes.cache_clear()


def test_characters_that_the_font_lacks_give_one_warning_in_all(untold):
    with pytest.warns(UserWarning) as warned:
        for name in ("雨水火", "木金土"):
            fig, _ = plots.attention_map(np.eye(3), list(name), list(name))
            fig.axes[0].plot([0], [0], label=name)
            style.legend_above(fig, fig.axes[0])
            style.label_right(fig.axes[0], [(0, 0, name, "black")])
            assert "<svg" in display.svg(fig) and display.picture(fig, name)
    assert [str(one.message) for one in warned] == [style.BOXES]


def test_other_warnings_of_a_figure_stay(untold):
    with pytest.warns(RuntimeWarning, match="odd") as warned, style.boxes_told_once():
        warnings.warn("odd", RuntimeWarning, stacklevel=1)
    assert len(warned) == 1
