import dataclasses

import matplotlib.pyplot as plt
import pytest
from explorer import cells, stored
from records import made
from synthetic import record

from tinylm import data, explore
from tinylm.analysis import frames
from tinylm.config import LinearConfig, NgramConfig, RunSpec, TrainConfig
from tinylm.data import DataError
from tinylm.explore import labels
from tinylm.ledger import versions


def test_runs_are_found_by_corpus_architecture_and_size(home):
    for seed in range(2):
        stored(made(seed))
    stored(made(spec=RunSpec(corpus="grammar-char", model=LinearConfig(context_length=4, d_model=4), train=TrainConfig(steps=3))))
    counts = record(2.0, corpus="grammar-word", model=NgramConfig(order=2))
    stored(dataclasses.replace(counts, version=versions.current(counts.spec)))
    panel = explore.Runs("grammar-char")
    assert [name for _, name in panel.corpus.options] == ["grammar-char", "grammar-word"]
    assert panel.architecture.options == (
        "all",
        "Linear",
        "MLP",
    )
    assert all(" parameters · " in label for label, _ in panel.chosen.options)
    assert len(panel.chosen.value) == 2 and len(cells(panel.table.value)) == 2 and "<img" in panel.picture.value
    panel.architecture.value = "MLP"
    assert [row[1] for row in cells(panel.table.value)] == ["2"]
    panel.size.value = (panel.size.options[-1][1],) * 2
    assert "No run matches" in panel.notice.value and panel.picture.value == panel.table.value == ""
    panel.size.index = (0, len(panel.size.options) - 1)
    panel.corpus.value = "grammar-word"
    assert panel.architecture.value == "all" and panel.architecture.options == ("all", "Counts") and "img" in panel.picture.value
    assert " n-grams · 1 seed" in panel.chosen.options[0][0]


def test_a_toggle_changes_the_picture_and_not_the_table(home):
    stored(made())
    panel = explore.Runs()
    before, table = panel.picture.value, panel.table.value
    panel.axis.value = "step"
    against_steps = panel.picture.value
    panel.curve.value = "train_nll"
    assert len({before, against_steps, panel.picture.value}) == 3 and panel.table.value == table


def test_the_figure_and_its_points_are_handed_out_under_the_names_of_the_list(home):
    plt.close("all")
    for seed in range(2):
        stored(made(seed))
    counts = record(2.0, model=NgramConfig(order=6, cache=2048))
    counts = stored(dataclasses.replace(counts, version=versions.current(counts.spec)))
    panel = explore.Runs()
    names = [labels.title(row) for row in panel.chosen.value]
    assert names == [f"local/MLP, {made().spec.key[:8]}", f"local/KN-6 + cache 2,048, {counts.spec.key[:8]}"]
    assert [text.get_text() for text in panel.figure.legends[0].get_texts()] == [names[0], f"{names[1]} counts"]
    assert panel.data["name"].tolist() == [names[0]] * (len(panel.data) - 1) + names[1:]
    assert panel.data.drop(columns="name").dtypes.map(str).isin(["int64", "float64"]).all()
    assert panel.data["valid_nll"].tolist() == [*(p["valid_nll"] for _ in range(2) for p in made().curve), pytest.approx(1.9)]
    before = panel.figure
    panel.axis.value = "step"
    assert panel.figure is not before and "step" in panel.data.columns and plt.get_fignums() == []
    panel.chosen.value = ()
    assert panel.figure is None and panel.data.empty


def test_more_runs_than_colours_and_diverged_ones_are_said(home):
    for rate in range(1, 10):
        stored(made(spec=RunSpec(corpus="grammar-char", model=LinearConfig(), train=TrainConfig(steps=3, lr=rate / 100))))
    panel = explore.Runs()
    panel.chosen.index = tuple(range(9))
    assert "first 8 of 9" in panel.notice.value and len(cells(panel.table.value)) == 8
    diverged = stored(made(seed=7, status="diverged", valid=None, test=None))
    panel = explore.Runs()
    panel.chosen.value = (frames.run_of(diverged, {}).row,)
    assert "Diverged" in panel.notice.value and panel.picture.value == ""


def test_no_corpus_is_shown_in_the_place_of_another(home):
    stored(made())
    with pytest.raises(DataError, match="unknown corpus 'tiny_shakespear'; did you mean 'tiny_shakespeare'?"):
        explore.Runs("tiny_shakespear")
    panel = explore.Runs("ptb")
    assert panel.corpus.value == "ptb" and panel.picture.value == "" and "No run matches" in panel.notice.value


def test_an_empty_ledger_says_how_to_fill_it(home):
    assert "tl.train(&quot;grammar-char&quot;, recipe=" in explore.Runs("tiny_shakespeare").notice.value


def test_runs_of_a_text_that_is_elsewhere_are_shown(home):
    found = made()
    stored(dataclasses.replace(found, spec=dataclasses.replace(found.spec, corpus="text-0123456789ab")))
    assert explore.Runs("text-0123456789ab").figure is not None


def test_nothing_that_is_shown_is_without_a_reason(home):
    counts = stored(made(spec=RunSpec(corpus="grammar-char", model=NgramConfig(order=2), train=TrainConfig(epochs=1))))
    panel = explore.Runs("grammar-char")
    assert panel.figure is not None and panel.notice.value == ""
    panel.curve.value = "train_nll"
    assert "Counts are not trained, and have no training loss." in panel.notice.value
    panel.chosen.value = ()
    assert "Choose one or more runs." in panel.notice.value
    assert counts.spec.is_counts


def test_a_panel_begins_with_a_corpus_or_its_name(home):
    for panel in (explore.Runs, explore.Budget):
        assert panel(data.corpus("grammar-char")).corpus.value == panel("grammar-char").corpus.value == "grammar-char"
