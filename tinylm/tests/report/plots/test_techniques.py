import regularised
import transfers

from tinylm.report import plots
from tinylm.study import select

REGIMES = [["wikitext-2-char", 0, 1], ["ptb-eos", 0, 1]]
GAINS = {"Muon": (0.05, 0.02), "RMSNorm": 0.0, "short convolution": (0.06, -0.02)}


def test_a_panel_a_text_and_a_row_a_technique_from_the_best():
    found = transfers.results(GAINS, regimes=REGIMES, tried=list(GAINS), kept=["GELU"])
    fig, drawn = plots.techniques_by_budget(found)
    assert [ax.get_title() for ax in fig.axes] == ["fresh characters", "words"]
    assert [label.get_text() for label in fig.axes[0].get_yticklabels()] == ["Muon", "short convolution", "RMSNorm", "GELU"]
    dots = [line for line in fig.axes[1].lines if line.get_marker() == "o" and len(line.get_xdata())]
    assert len(dots) == 3 * 2 + 1 and len(drawn) == 2 * len(dots)
    hollow = [line for line in dots if line.get_markerfacecolor() == "white"]
    assert {int(line.get_ydata()[0]) for line in hollow} == {2, 3}
    assert [text.get_text() for text in fig.legends[0].get_texts()] == ["$10^{11}$ FLOPs", "$10^{12}$ FLOPs", "$10^{13}$ FLOPs"]
    assert {"slope", "p_alone", "p_holm"} <= drawn[0].keys()


def test_without_records_the_panel_is_empty():
    fig, drawn = plots.techniques_by_budget([])
    assert drawn == [] and len(fig.axes) == 1


def test_a_curve_has_a_colour_and_the_name_of_its_change():
    found = regularised.results()
    fig, drawn = plots.techniques_curves(select(found, corpus="ptb-eos", role="technique", seed=0))
    lines = fig.axes[0].get_lines()
    assert [line.get_label() for line in lines] == ["baseline", *regularised.GAINS] and len({line.get_color() for line in lines}) == 4
    assert [row["valid_nll"] for row in drawn[:4]] == [6.5, 6.2, 6.0, 6.05] and len(drawn) == 16


def test_texts_that_are_read_alike_have_their_names_above():
    fig, drawn = plots.techniques_by_budget(regularised.results())
    assert [ax.get_title() for ax in fig.axes] == ["the Penn Treebank", "WikiText-2"] and len(drawn) == 8
