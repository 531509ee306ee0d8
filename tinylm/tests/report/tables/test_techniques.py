from dataclasses import replace

import pytest
import regularised
import transfers

from tinylm.analysis import techniques as analysis
from tinylm.report import answers, tables
from tinylm.study import select, techniques


@pytest.fixture(scope="module")
def found():
    return transfers.usual()


def number(cell):
    """The effect before its interval."""
    return float(cell.split()[0].replace("−", "-"))


def test_gains_stand_beside_what_was_expected_at_the_budget_that_has_most_techniques(found):
    table = tables.techniques_expected(found, {"Muon": "gains", "RMSNorm": "no gain", "GELU": "loses"})
    assert list(table.columns) == ["technique", "expected", "fresh characters, 1e12", "repeated characters, 1e12", "words, 1e12"]
    assert number(table["words, 1e12"][0]) == pytest.approx(0.07, abs=0.005), "of the second of three budgets"
    assert table["words, 1e12"][1].endswith("*") and table["words, 1e12"][2] == "–", "which lacks what is kept for the third"
    assert list(table["expected"]) == ["gains", "no gain", "loses"]


def test_one_table_has_each_text_and_budget_and_the_slope(found):
    table = tables.techniques_by_budget(found).set_index("technique")
    assert list(table.columns)[-4:] == ["words, 1e11", "words, 1e12", "words, 1e13", "words, per decade"] and len(table.columns) == 12
    assert table.loc["dropout", "words, 1e13"] == "–" and table.loc["GELU", "words, per decade"] == "–"
    assert number(table.loc["Muon", "words, 1e12"]) == pytest.approx(0.07, abs=0.005)
    assert number(table.loc["Muon", "words, per decade"]) == pytest.approx(0.02, abs=0.005)
    assert table.loc["RMSNorm", "words, per decade"].endswith("*")


def test_a_column_ends_with_half_its_widest_interval(found):
    column = tables.techniques_by_budget(found).set_index("technique")["words, 1e12"]
    gains = half_intervals(found, "ptb-eos", 10**12)
    assert column.index[-1] == "half the widest interval" and number(column.iloc[-1]) == pytest.approx(max(gains), abs=1e-4)
    assert list(column.index[:2]) == ["Muon", "short convolution"], "sorted by the mean gain"


def half_intervals(found, corpus, budget):
    """Half of each interval."""
    gains = analysis.gains(found)
    rows = gains[(gains["corpus"] == corpus) & (gains["budget"] == budget)]
    return list((rows["high"] - rows["low"]) / 2)


def test_pairs_and_what_each_technique_changes(found):
    pairs = tables.techniques_together(found)
    assert list(pairs["pair"]) == ["Muon + RMSNorm"] * 3 and list(pairs["text"])[1:] == ["repeated characters", "words"]
    tried = tables.techniques_tried(found).set_index("technique")["what it changes"]
    assert list(tried.index) == ["baseline", *transfers.GAINS, "GELU"] and "Jordan et al. 2024" in tried["Muon"]


def test_each_technique_has_its_multiple_of_the_rate(found, monkeypatch):
    monkeypatch.setattr(techniques, "FACTORS", {"wikitext-2-char": {"Muon": 2.0}, "tiny_shakespeare": {}, "ptb-eos": {"Muon": 0.5}})
    monkeypatch.setattr(techniques, "LARGER_FACTORS", techniques.FACTORS)
    row = tables.techniques_tried(found).set_index("technique").loc["Muon"]
    assert list(row)[1:] == ["2", "1", "0.5"]
    monkeypatch.setattr(techniques, "LARGER_FACTORS", {"wikitext-2-char": {}, "ptb-eos": {"Muon": 4.0}})
    assert tables.techniques_tried(found).set_index("technique").loc["Muon", "rate, words"] == "0.5; 4; 4"


def test_what_is_not_recorded_leaves_a_line_that_says_so():
    for table in (tables.techniques_by_budget([]), tables.techniques_together([])):
        assert len(table) == 1 and "none is recorded" in table.iloc[0].tolist()
    assert tables.techniques_tried([]).empty
    assert list(tables.techniques_expected([], {"Muon": "gains"}).columns) == ["technique", "expected"]
    assert answers.transfer([]) == ""


def test_the_table_says_what_a_change_is_and_when_its_minimum_comes():
    found = regularised.results()
    table = tables.regularisers(found).set_index("change")
    assert list(table.index) == ["baseline", *regularised.GAINS] and list(table.columns) == [
        "what it is",
        "the Penn Treebank",
        "WikiText-2",
    ]
    assert table.loc["baseline", "the Penn Treebank"] == "10.8 of 14.3, +0.050"
    both = [replace(one, run=replace(one.run, rung="tied head + dropout 0.3")) for one in found if one.run.rung == "tied head"]
    plain = select(found, rung="baseline")
    assert "share their matrix" in tables.regularisers([*plain, *both])["what it is"].iloc[1]
    assert tables.regularisers([]).to_dict("list") == {"change": ["none is recorded"]}
