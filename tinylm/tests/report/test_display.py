import base64
import math
import re

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from tinylm.report import display


@pytest.fixture
def shown(monkeypatch):
    """The (bundle, report metadata) pairs that a cell would display."""
    found = []
    monkeypatch.setattr(display, "display", lambda data, raw, metadata: found.append((data, metadata["report"])))
    return found


def drawn(width=3.0):
    fig, ax = plt.subplots(figsize=(width, 2))
    ax.plot([1, 2], [3, 4])
    ax.set(xlabel="step $t$")
    return fig


def test_figure_is_one_output_with_both_formats_the_numbers_and_its_words(shown):
    plt.close("all")
    display.figure(drawn(), "loss", "Loss, $\\mathcal{L}$.", "A rising line.", [{"t": 1, "loss": 1 / 3}, {"t": 2, "loss": math.nan}])
    (bundle, report), (caption, _) = shown
    assert "<b>Figure loss.</b> Loss" in caption["text/html"], "a notebook shows the caption below the picture"
    assert base64.b64decode(bundle["image/png"]).startswith(b"\x89PNG")
    assert bundle["text/plain"] == "Figure loss: Loss, $\\mathcal{L}$."
    assert bundle["text/csv"] == "t,loss\n1,0.333333\n2,\n"
    assert report == {
        "kind": "figure",
        "name": "loss",
        "caption": "Loss, $\\mathcal{L}$.",
        "alt": "A rising line.",
        "wide": False,
        "inches": 3.0,
    }
    assert not plt.get_fignums()


def test_pictures_do_not_depend_on_the_clock_or_the_style(shown):
    for rc in ({}, {"svg.fonttype": "none", "svg.hashsalt": None, "savefig.bbox": "tight"}):
        with plt.rc_context(rc):
            display.figure(drawn(), "loss", "Loss.", "A line.")
    first, second = (bundle for bundle, about in shown if about["kind"] == "figure")
    assert first == second
    assert "<text" not in first["image/svg+xml"] and "dc:date" not in first["image/svg+xml"]


@pytest.mark.parametrize(("name", "caption", "alt"), [("loss", " ", "A line."), ("loss", "Loss.", ""), ("a/b", "Loss.", "A line.")])
def test_figure_refuses_what_the_report_would(shown, name, caption, alt):
    with pytest.raises(display.ShowError, match=name):
        display.figure(drawn(), name, caption, alt)
    plt.close("all")
    assert not shown


def test_table_is_aligned_stable_text(shown):
    frame = pd.DataFrame({"model": ["Linear", "MLP"], "params": [1073345, 4285377], "flops": [9.6e11, 0], "nll": [3.05491, 2.3]})
    display.table(frame, "first", "The first table.", note="One seed.", bold=[1])
    bundle, report = shown[0]
    assert bundle["text/plain"] == (
        "Table first: The first table.\n"
        "\n"
        "model      params    flops    nll\n"
        "Linear  1,073,345  9.60e11  3.055\n"
        "MLP     4,285,377        0  2.300\n"
        "\n"
        "One seed."
    )
    assert bundle["text/csv"] == "model,params,flops,nll\nLinear,1073345,9.6e+11,3.05491\nMLP,4285377,0,2.3\n"
    assert report["rows"][1] == ["MLP", "4,285,377", "0", "2.300"]
    assert report["align"] == ["left", "right", "right", "right"] and report["bold"] == [1]


@pytest.mark.parametrize(
    ("values", "cells"),
    [
        ([128, 1024], ["128", "1,024"]),
        ([128.0, math.nan], ["128", "–"]),
        ([1.778, 141.26], ["1.8", "141.3"]),
        ([3e-4, 2e-3], ["0.0003", "0.002"]),
        ([1e-6, 2e-3], ["1e-6", "0.002"]),
        ([2.2e13, 9_600_000_000_000], ["2.20e13", "9.60e12"]),
        ([-0.0361, 0.0], ["-0.0361", "0"]),
        ([True, False], ["yes", "no"]),
        (["2.01 ± 0.01", None], ["2.01 ± 0.01", "–"]),
    ],
)
def test_a_column_of_numbers_shares_one_format(shown, values, cells):
    display.table([{"name": "row", "value": value} for value in values], "t", "Caption.")
    assert [row[1] for row in shown[0][1]["rows"]] == cells


def test_a_named_index_becomes_columns_and_an_unnamed_one_is_dropped(shown):
    frame = pd.DataFrame({"model": ["a", "a", "b"], "nll": [1.0, 3.0, 5.0]})
    display.table(frame.groupby("model").mean(), "t", "Caption.")
    display.table(frame, "t", "Caption.")
    assert [report["header"] for _, report in shown] == [["model", "nll"], ["model", "nll"]]


@pytest.mark.parametrize(("data", "options"), [([], {}), ([{"a": 1}], {"bold": [1]}), ([{"a": 1}], {"caption": ""})])
def test_table_refuses_what_the_report_could_not_set(shown, data, options):
    with pytest.raises(display.ShowError, match="t"):
        display.table(data, "t", **{"caption": "Caption."} | options)


def test_text_is_markdown_as_it_was_written(shown):
    display.text("A budget of $6.60 \\times 10^{13}$ FLOPs.")
    bundle, report = shown[0]
    assert bundle["text/markdown"] == "A budget of $6.60 \\times 10^{13}$ FLOPs."
    assert report == {"kind": "text"}


def test_check_prints_no_drifting_digit_and_refuses_what_is_outside(capsys):
    for value in (1.817, 1.8300001):
        display.check("KN-6, full test", value, 1.817, 0.02)
    assert capsys.readouterr().out == "KN-6, full test: within 2 % of 1.817\n" * 2
    for value in (1.9, math.nan):
        with pytest.raises(display.CheckError, match=r"KN-6: .* outside the band of 2 %"):
            display.check("KN-6", value, 1.817, 0.02)
    with pytest.raises(display.ShowError, match="reference"):
        display.check("gap", 0.0, 0, 0.02)


def test_a_widget_gets_the_same_table_and_the_same_drawing_as_a_cell(shown):
    data = [{"model": "Linear", "nll": 3.05491}]
    display.table(data, "t", "Caption.", note="One seed.")
    assert display.table_html(data, "Caption.", note="One seed.") == shown[0][0]["text/html"]
    fig = drawn()
    picture = display.svg(fig)
    display.figure(fig, "loss", "Loss.", "A line.")
    assert picture == shown[1][0]["image/svg+xml"]


def test_a_picture_is_closed_and_says_what_it_shows():
    fig = plt.figure(figsize=(2, 1))
    found = display.picture(fig, 'loss of "a" & b')
    assert re.search(r'^<img src="data:image/svg\+xml;base64,[\w+/=]+" width="192" alt="loss of &quot;a&quot; &amp; b">$', found)
    assert not plt.fignum_exists(fig.number)
