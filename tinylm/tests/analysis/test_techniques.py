import pytest
import regularised
import transfers

from tinylm.analysis import techniques
from tinylm.analysis.families import CLEAR, OPEN
from tinylm.study import select

REGIMES = [["wikitext-2-char", 0, 1], ["ptb-eos", 0, 1]]
SMALL, MIDDLE, LARGE = 10**11, 10**12, 10**13
GAINS = {"Muon": (0.05, 0.02), "RMSNorm": 0.0, "dropout": -0.03, "short convolution": (0.06, -0.02)}


@pytest.fixture(scope="module")
def found():
    return transfers.results(
        GAINS, 0.01, regimes=REGIMES, tried=list(GAINS), kept=["Muon", "GELU"], combined=["Muon", "RMSNorm", "dropout"]
    )


def test_a_gain_is_what_a_technique_takes_off_the_baseline(found):
    frame = techniques.gains(found).set_index(["corpus", "budget", "technique"])
    for (corpus, budget, name), row in frame.iterrows():
        assert row["gain"] == pytest.approx(transfers.gain(name, budget, GAINS), abs=0.01), (corpus, budget, name)
        assert row["low"] < row["gain"] < row["high"] and row["n"] == (3 if budget == LARGE else 5)
    clear = {name for name in GAINS if frame.loc[("ptb-eos", MIDDLE, name), "verdict"] == CLEAR}
    assert clear == {"Muon", "dropout", "short convolution"}
    assert {name for corpus, budget, name in frame.index if budget == LARGE} == {"Muon", "GELU"}


def test_what_a_seed_does_to_all_rows_is_not_in_the_interval(found):
    """The seeds' own spread is twenty-five times that of the rows beside it."""
    row = techniques.gains(found).set_index(["corpus", "budget", "technique"]).loc[("wikitext-2-char", SMALL, "Muon")]
    assert row["high"] - row["low"] < transfers.SEED_NOISE / 5


def test_the_budget_with_most_gains_is_the_fullest(found):
    gains = techniques.gains(found)
    assert techniques.fullest_budget(gains) == MIDDLE, "the larger of two that are alike"
    assert techniques.fullest_budget(gains[gains["budget"] == LARGE]) == LARGE
    assert techniques.fullest_budget(gains[~((gains["budget"] == MIDDLE) & (gains["technique"] == "Muon"))]) == SMALL
    assert techniques.fullest_budget(techniques.gains([])) == 0


def test_a_slope_is_by_how_much_ten_times_the_budget_raises_a_gain(found):
    frame = techniques.slopes(found).set_index(["corpus", "technique"])
    assert set(frame.index) == {(corpus, name) for corpus, _, _ in REGIMES for name in GAINS}, "what has one budget has no slope"
    for (_, name), row in frame.iterrows():
        true = transfers.gain(name, MIDDLE, GAINS) - transfers.gain(name, SMALL, GAINS)
        assert row["slope"] == pytest.approx(true, abs=0.005)
        assert row["low"] < true < row["high"]
        assert row["verdict"] == (CLEAR if true else OPEN)
    assert frame.loc[("ptb-eos", "Muon"), "n"] == 3 and frame.loc[("ptb-eos", "dropout"), "n"] == 5


def test_a_slope_uses_every_budget(found):
    two = [one for one in found if one.run.budget < LARGE]
    widths = [techniques.slopes(runs).set_index(["corpus", "technique"]).eval("high - low")["ptb-eos", "Muon"] for runs in (found, two)]
    assert widths[0] < widths[1]


def test_a_pair_is_compared_with_the_sum_of_its_parts(found):
    frame = techniques.together(found).set_index(["corpus", "pair"])
    assert len(frame) == 2 * 3
    for (_, pair), row in frame.iterrows():
        parts = sum(transfers.gain(part, MIDDLE, GAINS) for part in pair.split(" + "))
        assert row["gain"] == pytest.approx(0.01, abs=0.006) and row["both"] == pytest.approx(parts + 0.01, abs=0.006)
        assert row["budget"] == MIDDLE


def test_a_part_of_the_records_has_the_rows_that_it_can(found):
    one_seed = [one for one in found if one.run.spec.seed == 0]
    assert (techniques.gains(one_seed)["verdict"] == OPEN).all() and techniques.gains(one_seed)["low"].isna().all()
    assert (techniques.slopes(one_seed)["verdict"] == OPEN).all()
    without = [one for one in found if one.run.rung != "baseline"]
    assert techniques.gains(without).empty and techniques.slopes(without).empty and techniques.together(without).empty
    apart = [one for one in found if one.run.spec.seed == (0 if one.run.rung == "baseline" else 1)]
    assert techniques.gains(apart).empty
    lacking = [one for one in found if not (one.run.rung == "RMSNorm" and one.run.role == "technique")]
    assert {row.pair for row in techniques.together(lacking).itertuples()} == {"Muon + dropout"}
    assert techniques.gains([]).empty and list(techniques.gains([]).columns[:3]) == ["corpus", "budget", "technique"]
    assert techniques.budgets(select(found, role="technique"), "ptb-eos") == [SMALL, MIDDLE]


def test_the_minimum_stands_with_its_pass_and_the_rise_behind_it():
    found = regularised.results()
    minima = techniques.minima(select(found, corpus="ptb-eos", role="technique", rung="baseline")).iloc[0]
    assert minima["best_pass"] == pytest.approx(0.75 * minima["passes"], rel=1e-4) and minima["passes"] > 10
    assert minima["n"] == 2 and minima["rise"] == pytest.approx(0.05)


def test_texts_that_are_read_alike_are_called_by_their_names(found):
    assert techniques.texts(regularised.results()) == {"ptb-eos": "the Penn Treebank", "wikitext-2-eos": "WikiText-2"}
    assert techniques.texts(found) == {"wikitext-2-char": "fresh characters", "ptb-eos": "words"}
    assert techniques.texts(select(found, corpus="ptb-eos")) == {"ptb-eos": "the Penn Treebank"}
    assert techniques.texts(select(regularised.results(), role="counts")) == {}, "which have no techniques"
