import math

import pytest
from synthetic import planned, record

from tinylm.config import NgramConfig, RunSpec, TrainConfig, TransformerConfig
from tinylm.evaluation.probes import headings
from tinylm.ledger import write_facts
from tinylm.report import plots

CORPUS = "tiny_shakespeare"
EXAMPLE = {"text": "ANNA:\nIt is.\n\nANNA", "nll": [4.0] * 14 + [0.5, 1.5, 0.5, 1.5]}


def network(induction, budget=1_000, corpus=CORPUS, role="purchase"):
    model = TransformerConfig(context_length=8, d_model=8, d_ff=8, induction=(2,) if induction else ())
    spec = RunSpec(corpus=corpus, model=model, train=TrainConfig(flops=budget))
    return planned(f"{corpus}, {induction}, {budget}", spec, role=role)


def counts(order, cache=0):
    model = NgramConfig(order=order, cache=cache)
    return planned(model.title, record(corpus=CORPUS, model=model).spec)


@pytest.fixture
def recorded(home):
    """Records what headings cost a run, the same at every reach."""

    def write(run, nll, example=None):
        rows = [{"reach": reach, "headings": 1, "characters": 9, "nll": nll} for reach in headings.REACHES]
        facts = {"key": run.spec.key, "rows": rows} | ({"example": example} if example else {})
        write_facts(home / "out" / "ledger" / "headings" / f"{run.spec.key}.json", facts)
        return run

    return write


def names(ax):
    return [line.get_label().replace("\n", " ") for line in ax.lines]


def test_of_all_runs_the_four_that_matter_are_drawn_with_their_names_beside_them(recorded):
    pairs = [network(induction, budget) for budget in (1_000, 9_000) for induction in (False, True)]
    others = [network(True, 90_000), network(True, 9_000, f"{CORPUS}-recast"), counts(2), counts(6), counts(6, 8), counts(6, 64)]
    plan = [recorded(run, i) for i, run in enumerate([*pairs, *others])]
    fig, drawn = plots.copying(plan)
    (ax,) = fig.axes
    assert names(ax) == ["Transformer, no induction", "Transformer with induction", "counts (KN-6), no cache", "counts with a cache of 64"]
    assert [line.get_ydata()[0] for line in ax.lines] == [2, 3, 7, 9], "the largest budget that both have, on the text itself"
    assert [text.get_text() for text in ax.texts] == [line.get_label() for line in ax.lines] and not fig.legends
    assert len({(line.get_color(), line.get_linestyle()) for line in ax.lines}) == 4
    assert len(drawn) == 4 * len(headings.REACHES) and [row["nll"] for row in drawn[:: len(headings.REACHES)]] == [2, 3, 7, 9]


def test_the_nearest_heading_is_at_the_right_end(recorded):
    fig, _ = plots.copying([recorded(counts(2), 1.0)])
    labels = [label.get_text() for label in fig.axes[0].get_xticklabels()]
    assert labels[0] == headings.NEW and labels[-2:] == ["129–\n256", "1–\n128"]


def test_a_heading_is_shown_for_the_pair_that_has_it_recorded(recorded):
    small, large = ([network(induction, budget) for induction in (False, True)] for budget in (1_000, 9_000))
    for run in large:
        recorded(run, 3.0)
    for run, nll in zip(small, (4.0, 0.1), strict=True):
        recorded(run, nll, EXAMPLE)
    fig, drawn = plots.copying([*large, *small])
    lines, *texts = fig.axes[:3]
    assert [line.get_ydata()[0] for line in lines.lines] == [4.0, 0.1]
    assert [ax.get_title() for ax in texts] == ["Transformer, no induction", "Transformer with induction"]
    shown = [text.get_text() for text in texts[0].texts]
    assert "".join(shown[:-1]) == EXAMPLE["text"].replace("\n", "") and shown[-1] == "1.0 nats per character"
    dark, light = (sum(texts[0].patches[i].get_facecolor()[:3]) for i in (0, 14))
    assert dark < light, "what costs more is darker"
    assert drawn[-1] == {"run": small[1].name, "character": "A", "nll": 1.5}


def test_without_a_pair_there_are_counts_alone_and_a_reach_without_headings_is_a_gap(recorded):
    run = recorded(counts(2), None)
    fig, _ = plots.copying([recorded(network(True), 1.0), run])
    assert names(fig.axes[0]) == ["counts (KN-2), no cache"] and math.isnan(fig.axes[0].lines[0].get_ydata()[0])


def test_without_a_measurement_the_rows_say_so(home):
    assert plots.copying([network(True)])[1] == [{"run": "none is recorded"}]
