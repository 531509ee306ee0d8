from dataclasses import replace

import pytest
import transfers

from tinylm import study
from tinylm.analysis import techniques
from tinylm.analysis.summaries import Result
from tinylm.report import answers, plots, tables
from tinylm.study import select

GAINS = {"tied head": 0.2, "dropout 0.3": -0.1, "all words": 0.5}


def results(n_seeds=2):
    planned = study.regularisation(
        texts=[["ptb-eos", 80_000, 4], ["wikitext-2-eos", 80_000, 4]], budget=[10**13, n_seeds, 96], tried=list(GAINS), kept=["tied head"]
    )
    return [curved(transfers.alike(run, GAINS.get(run.rung, 0.0))) for run in planned]


def curved(result):
    """With a valid NLL that is lowest after three of four validations, and 0.05 higher at the end."""
    point, total = result.record.curve[-1], result.run.cost.tokens_seen
    curve = [point | {"step": i, "tokens_seen": total * i // 4, "valid_nll": nll} for i, nll in enumerate((6.5, 6.2, 6.0, 6.05), start=1)]
    return Result(result.run, replace(result.record, curve=curve))


@pytest.fixture(scope="module")
def found():
    return results()


def test_the_minimum_stands_with_its_pass_and_the_rise_behind_it(found):
    minima = techniques.minima(select(found, corpus="ptb-eos", role="technique", rung="baseline")).iloc[0]
    assert minima["best_pass"] == pytest.approx(0.75 * minima["passes"], rel=1e-4) and minima["passes"] > 10
    assert minima["n"] == 2 and minima["rise"] == pytest.approx(0.05)


def test_the_table_says_what_a_change_is_and_when_its_minimum_comes(found):
    table = tables.regularisers(found).set_index("change")
    assert list(table.index) == ["baseline", *GAINS] and list(table.columns) == ["what it is", "the Penn Treebank", "WikiText-2"]
    assert table.loc["baseline", "the Penn Treebank"] == "10.8 of 14.3, +0.050"
    both = [replace(one, run=replace(one.run, rung="tied head + dropout 0.3")) for one in found if one.run.rung == "tied head"]
    plain = select(found, rung="baseline")
    assert "share their matrix" in tables.regularisers([*plain, *both])["what it is"].iloc[1]
    assert tables.regularisers([]).to_dict("list") == {"change": ["none is recorded"]}


def test_texts_that_are_read_alike_are_called_by_their_names(found):
    assert techniques.texts(found) == {"ptb-eos": "the Penn Treebank", "wikitext-2-eos": "WikiText-2"}
    fig, drawn = plots.techniques_by_budget(found)
    assert [ax.get_title() for ax in fig.axes] == ["the Penn Treebank", "WikiText-2"] and len(drawn) == 8


def test_a_curve_has_a_colour_and_the_name_of_its_change(found):
    fig, drawn = plots.techniques_curves(select(found, corpus="ptb-eos", role="technique", seed=0))
    lines = fig.axes[0].get_lines()
    assert [line.get_label() for line in lines] == ["baseline", *GAINS] and len({line.get_color() for line in lines}) == 4
    assert [row["valid_nll"] for row in drawn[:4]] == [6.5, 6.2, 6.0, 6.05] and len(drawn) == 16


def test_the_answer_keeps_more_text_apart(found):
    told = answers.regularisation(found, select(found, corpus="ptb-eos", role="technique", rung="baseline"))
    assert "On the Penn Treebank ($10^{13}$ FLOPs, n = 2) 1 of 2 changes lower the test NLL, most tied head (+0.2" in told
    assert "; all words bring +0.5" in told
    assert "With $3 \\times 10^{13}$ FLOPs (n = 3): tied head +0.2" in told
    assert "10.8 of 14.3 passes on the Penn Treebank and" in told and "that of the study's runs after 10.8 of 14" in told


def test_the_answer_to_no_runs_is_silent_and_one_seed_has_no_interval():
    assert answers.regularisation([]) == ""
    some = select(results(n_seeds=1), role="technique")
    told = answers.regularisation(some, planned=[one.run for one in results(n_seeds=1)])
    assert "[" not in told and told.endswith(" is not known: no run at $3 \\times 10^{13}$ FLOPs is recorded yet.")
    assert "With one seed no difference can be tested" in told
