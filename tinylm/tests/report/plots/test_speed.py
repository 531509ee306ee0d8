from synthetic import TIMINGS

from tinylm.report import plots


def test_each_size_has_a_panel_below_the_ceilings():
    fig, drawn = plots.roofline(TIMINGS)
    assert [ax.get_xlabel() for ax in fig.axes] == ["width", "depth"]
    curves = [[list(line.get_ydata()) for line in ax.lines] for ax in fig.axes]
    assert curves[0] == [[100.0, 300.0], [400.0, 400.0], [100.0, 200.0], [800.0, 800.0]]
    assert curves[1] == [[40.0, 20.0], [400.0, 400.0], [50.0, 60.0], [800.0, 800.0]]
    assert all(ax.get_ylim()[0] < 20 and ax.get_ylim()[1] > 800 for ax in fig.axes), "every point lies within its panel"
    assert [label.get_text() for label in fig.axes[1].get_xticklabels()] == ["1", "2"]
    assert drawn[-2:] == [{"size": "one product", "precision": name, "gflops": rate} for name, rate in (("fp32", 400.0), ("bf16", 800.0))]


def test_the_shares_of_a_step_are_stacked_to_a_whole():
    fig, drawn = plots.time_shares(TIMINGS)
    bars = fig.axes[0].patches
    ends = [round(bar.get_x() + bar.get_width(), 9) for bar in bars]
    assert ends == [60.0, 90.0, 100.0, 50.0, 90.0, 100.0]
    assert [text.get_text() for text in fig.legends[0].get_texts()] == ["matrix products", "masks", "sums"]
    assert {"precision": "bf16", "kind": "masks", "share": 0.4} in drawn


def test_a_kind_that_one_precision_lacks_takes_no_room():
    shares = {"fp32": {"matrix products": 0.6, "masks": 0.4}, "bf16": {"matrix products": 1.0}}
    fig, _ = plots.time_shares(TIMINGS | {"shares": shares})
    assert [bar.get_width() for bar in fig.axes[0].patches] == [60.0, 40.0, 100.0, 0.0]
