import pytest
import transfers

from tinylm.report import answers, sentences, tables

REGIMES = [["wikitext-2-char", 0, 1], ["tiny_shakespeare", 100_000, 5], ["ptb-eos", 0, 1]]
GAINS = {"Muon": (0.05, 0.02), "RMSNorm": 0.0, "dropout": -0.03, "short convolution": (0.06, -0.02)}


@pytest.fixture(scope="module")
def found():
    return transfers.results(GAINS, regimes=REGIMES, tried=list(GAINS), kept=["Muon", "GELU"], combined=["Muon", "RMSNorm"])


def number(cell):
    """The effect before its interval."""
    return float(cell.split()[0].replace("−", "-"))


def test_the_best_are_shown_at_the_largest_budget_that_has_enough(found):
    table = tables.techniques_gains(found, 3)
    assert list(table.columns) == ["technique", *(f"{name}, 1e12" for name in ("fresh characters", "repeated characters", "words"))]
    assert list(table["technique"]) == ["Muon", "short convolution", "RMSNorm"]
    assert number(table["words, 1e12"][0]) == pytest.approx(0.07, abs=0.005) and table["words, 1e12"][2].endswith("*")
    assert list(tables.techniques_gains(found, 2).columns)[1] == "fresh characters, 1e13"
    assert len(tables.techniques_gains(found, 99)) == 4


def test_a_text_has_every_budget_and_the_slope(found):
    table = tables.techniques_of(found, "ptb-eos").set_index("technique")
    assert list(table.columns) == ["1e11", "1e12", "1e13", "per decade", "n", "p alone", "p, Holm"]
    assert table.loc["Muon", "n"] == "5, 5, 3" and table.loc["dropout", "1e13"] == "–"
    assert number(table.loc["Muon", "per decade"]) == pytest.approx(0.02, abs=0.005)
    assert not table.loc["Muon", "per decade"].endswith("*")
    assert table.loc["RMSNorm", "per decade"].endswith("*") and table.loc["GELU", "per decade"] == "–"


def test_pairs_and_what_each_technique_changes(found):
    pairs = tables.techniques_together(found)
    assert list(pairs["pair"]) == ["Muon + RMSNorm"] * 3 and list(pairs["text"])[1:] == ["repeated characters", "words"]
    tried = tables.techniques_tried(found).set_index("technique")["what it changes"]
    assert list(tried.index) == ["baseline", *GAINS, "GELU"] and "Jordan et al. 2024" in tried["Muon"]


def test_what_is_not_recorded_leaves_a_line_that_says_so():
    for table in (tables.techniques_gains([], 6), tables.techniques_of([], "ptb-eos"), tables.techniques_together([])):
        assert len(table) == 1 and "none is recorded" in table.iloc[0].tolist()
    assert tables.techniques_tried([]).empty
    assert answers.transfer([]) == "" and sentences.gains_of([], ["Muon"]) == ""


def test_a_part_of_the_records_has_its_tables(found):
    some = [one for one in found if one.run.spec.seed < 2 and one.run.spec.corpus != "ptb-eos" and one.run.budget == 10**11]
    assert list(tables.techniques_of(some, "wikitext-2-char").columns)[1:3] == ["1e11", "per decade"]
    assert set(tables.techniques_of(some, "wikitext-2-char")["n"]) == {"2"}
    assert tables.techniques_of(some, "ptb-eos").iloc[0, 0] == "none is recorded"
    assert "at $10^{11}$ FLOPs" in answers.transfer(some) and "budget" not in answers.transfer(some)


def test_the_answer_counts_what_is_clear(found):
    said = answers.transfer(found)
    assert said.startswith(
        "**Answer.** On fresh characters 2 of 4 techniques lower the test NLL clearly at $10^{12}$ FLOPs (most Muon, 0.07"
    )
    assert said.count(", and 1 raise it") == 3
    assert said.endswith(
        "With the budget the gain clearly grows of Muon (3 texts); with the budget the gain clearly falls of short convolution (3 texts)."
    )


def test_gains_are_told_by_text_from_the_smallest_budget(found):
    said = sentences.gains_of(found, ["Muon", "RMSNorm", "SwiGLU"])
    assert said.startswith("Gains at $10^{11}$ → $10^{12}$ → $10^{13}$ FLOPs (* not clear): Muon +0.05")
    assert "on repeated characters" in said and "SwiGLU" not in said
