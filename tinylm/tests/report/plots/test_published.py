import math

import pytest
from synthetic import record, result

from tinylm.config import TransformerConfig
from tinylm.report import plots
from tinylm.report.plots import published
from tinylm.report.tables.literature import PTB, ROWS, WIKITEXT


def ours(pointer, corpus=PTB, nll=4.0, seed=0):
    model = TransformerConfig(context_length=8, d_model=8, d_ff=8, **({"pointer": 4} if pointer else {}))
    return result(f"{corpus} {pointer}", record(nll, model=model, corpus=corpus, seed=seed), architecture="Transformer")


THEIRS = [row for row in ROWS if not any(published._beats(other, row) for other in ROWS)]


def test_every_reported_model_that_no_smaller_one_beats_and_every_row_of_ours_is_a_named_point():
    fig, rows = plots.literature([ours(True, nll=4.0), ours(True, nll=4.2, seed=1), ours(False, WIKITEXT), ours(False, "ptb")])
    assert len(rows) == len(THEIRS) + 2, "not the run on another text"
    named = [text.get_text() for ax in fig.axes for text in ax.texts]
    own = [row.model for row in THEIRS if row.corpus == PTB]
    assert own == named[: len(own)] and len(named) == len(rows)
    assert "AWD-LSTM" not in own and {"AWD-LSTM with a cache", "Mogrifier LSTM"} <= set(own), "22 million parameters do better than 24"
    assert rows[-2]["perplexity"] == pytest.approx(math.exp(4.1)) and rows[-2]["source"] == "ours, n = 2"
    assert [row["millions"] for row in rows[-2:]] == [1e-4, 1e-4]


def test_a_cache_or_a_pointer_has_a_marker_of_its_own_and_ours_a_colour():
    fig, rows = plots.literature([ours(True), ours(False)])
    drawn = [line for line in fig.axes[0].lines if line.get_label().startswith("_") and line.get_linestyle() == "None"]
    points = [row for row in rows if row["corpus"] == PTB]
    assert [line.get_marker() == "*" for line in drawn] == [row["takes recent words"] for row in points]
    assert [line.get_marker() for line in drawn[-2:]] == ["*", "o"]
    assert len({line.get_color() for line in drawn[:-2]}) == 1 and drawn[-1].get_color() != drawn[0].get_color()
    assert [text.get_text() for text in fig.legends[0].get_texts()] == ["with a cache or a pointer", "without"]


def test_a_model_without_a_stated_size_is_a_line():
    fig, rows = plots.literature([])
    lines = [line.get_ydata()[0] for line in fig.axes[0].lines if line.get_linestyle() == "--"]
    assert lines == [row["perplexity"] for row in rows if row["corpus"] == PTB and math.isnan(row["millions"])] == [141.0]


def test_every_point_is_inside_its_panel():
    fig, rows = plots.literature([])
    for ax, corpus in zip(fig.axes, (PTB, WIKITEXT), strict=True):
        for row in (row for row in rows if row["corpus"] == corpus and row["millions"] == row["millions"]):
            assert ax.get_xlim()[0] < row["millions"] < ax.get_xlim()[1] and ax.get_ylim()[0] < row["perplexity"] < ax.get_ylim()[1]
