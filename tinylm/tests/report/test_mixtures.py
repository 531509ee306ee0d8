from dataclasses import replace

import pytest
from synthetic import record, result, seeds

from tinylm.config import NgramConfig
from tinylm.evaluation.probes import GATED_MIXING, MIXING
from tinylm.report import answers, mixtures, plots, sentences, tables, timings

COUNTS = result("KN-4", record(1.5, model=NgramConfig(order=4, cache=8)), role="tuned")
RUNS = [*seeds("LSTM", 10**11, [2.0, 2.2]), *seeds("LSTM", 10**12, [1.9, 1.7]), *seeds("LSTM", 10**13, [1.4, 1.42, 1.3])]


@pytest.fixture
def recorded(monkeypatch):
    """Mixtures of the first two seeds: at the smallest budget as good as nothing, then 0.1 below the better of both."""
    nlls = {10**11: 1.55, 10**12: 1.4, 10**13: 1.3}
    known = scores_of(nlls)
    monkeypatch.setattr(MIXING, "scores", lambda run, folders: known.get(run.spec.key))
    monkeypatch.setattr(MIXING, "read", lambda run, folders: {"weight": 0.25 if run.spec.seed else 0.35})


def scores_of(nlls):
    """The scores of mixtures of the first two seeds, with these test NLLs by budget; valid is 0.1 lower."""
    return {
        one.record.spec.key: {
            split: replace(score, nll=nlls[one.run.budget] - (split == "valid") * 0.1) for split, score in split_scores(one)
        }
        for one in RUNS
        if one.record.spec.seed < 2
    }


def split_scores(one):
    return [("valid", one.record.valid), ("test", one.record.test)]


def test_a_mixture_is_the_network_with_other_scores(recorded):
    found = mixtures.mixed([*RUNS, COUNTS])
    assert [(one.run, one.record.spec) for one in found] == [(one.run, one.record.spec) for one in RUNS[:6]]
    assert [one.record.test.nll for one in found] == [1.55, 1.55, 1.4, 1.4, 1.3, 1.3]
    assert found[0].record.flops == RUNS[0].record.flops


def test_rows_are_compared_over_the_seeds_that_both_have(recorded):
    rows = mixtures.by_row(RUNS)
    assert [(len(alone), len(together)) for alone, together in rows.values()] == [(2, 2)] * 3
    assert mixtures.share(next(iter(rows.values()))[1], RUNS) == pytest.approx(0.3)


def test_the_table_has_both_losses_the_differences_and_the_weight(recorded):
    shown = tables.mixtures([*RUNS, COUNTS])
    assert shown["alone"].tolist() == ["2.100", "1.800", "1.410"] and shown["weight"].tolist() == ["0.30"] * 3
    assert shown["mixed ± SD (n)"].tolist()[1] == "1.400 ± 0.000 (2)"
    assert tables.mixtures(RUNS)["network"].tolist() == tables.mixtures([])["network"].tolist() == ["none is recorded"]


def test_purchases_stand_in_perplexity_beside_their_mixtures_and_the_counts(recorded, monkeypatch):
    bought = [replace(one, run=replace(one.run, role="purchase")) for one in RUNS[:4]]
    known = {one.record.spec.key: dict(split_scores(COUNTS)) for one in bought[2:3]}
    monkeypatch.setattr(GATED_MIXING, "scores", lambda run, folders: known.get(run.spec.key))
    monkeypatch.setattr(GATED_MIXING, "flops", lambda run: 10**10)
    shown = tables.together([*bought, COUNTS, *seeds("Gated counts", 10**10, [1.0], "gated")])
    assert shown["model"].tolist() == ["LSTM", "LSTM", COUNTS.run.architecture, "Gated counts"]
    assert shown["alone"].tolist() == ["8.166 (2)", "6.050 (2)", "4.482", "2.718 (1)"]
    assert shown["size"].tolist() == ["100", "100", "–", "100"]
    assert shown["with counts"].tolist() == ["4.711 (2)", "4.055 (2)", "–", "–"]
    assert shown["with gated counts"].tolist() == ["–", "4.482 (1)", "–", "–"] and shown["FLOPs"].tolist()[2] == "–"
    assert tables.together([])["text"].tolist() == ["none is recorded"]


def test_the_answer_is_the_best_mixture_and_then_from_which_budget_on_one_is_better_than_counts(recorded):
    text = answers.answer([*RUNS, COUNTS], "grammar-char")
    assert text.startswith("On grammar-char, count and train. Kneser-Ney counts with a cache reach 1.500")
    assert (
        "nats per character on the whole test split. Mixed with the LSTM of $10^{13}$ FLOPs they reach 1.300 (n = 2). Alone, the LSTM "
        in text
    )
    more = answers.count_or_train([*RUNS, COUNTS], "grammar-char")
    assert more == "**Answer.** Both. From $10^{12}$ FLOPs on, mixing a network in lowers the loss of counts, there to 1.400 (n = 2)."


def test_a_mixture_of_one_seed_is_no_answer(recorded):
    alone = [one for one in RUNS if one.record.spec.seed == 0 or one.run.budget < 10**13]
    assert "ixed with the LSTM of $10^{12}$ FLOPs they reach 1.400 (n = 2)." in answers.answer([*alone, COUNTS], "grammar-char")
    single = [*[one for one in RUNS if one.record.spec.seed == 0], COUNTS]
    assert "mixed" not in answers.answer(single, "grammar-char") and answers.count_or_train(single, "grammar-char") == ""


def test_advice_takes_a_mixture_where_it_is_best_on_valid(recorded):
    shown = tables.advice([*RUNS, COUNTS], [10**11, 10**12, 10**13], mixtures.mixed(RUNS))
    assert shown["do this"].tolist() == ["count: KN-4 + cache 8", *["train: LSTM, mix with counts"] * 2]


def test_gated_counts_that_are_mixed_in_add_their_flops_and_stand_in_their_own_words(recorded, monkeypatch):
    gated = seeds("Gated counts", 10**10, [1.45, 1.45], "gated")
    nlls = {10**11: 1.46, 10**12: 1.35, 10**13: 1.25}
    known = scores_of(nlls)
    monkeypatch.setattr(GATED_MIXING, "scores", lambda run, folders: known.get(run.spec.key))
    monkeypatch.setattr(GATED_MIXING, "flops", lambda run: 10**10)
    monkeypatch.setattr(MIXING, "flops", lambda run: 0)
    both = mixtures.mixed(RUNS, gated=True)
    mixed = [one for one in RUNS if one.record.spec.seed < 2]
    assert [one.record.flops - network.record.flops for one, network in zip(both, mixed, strict=True)] == [10**10] * 6
    larger = seeds("Gated counts", 10**11, [1.6, 1.6], "gated")
    found = [*RUNS, COUNTS, *larger, *gated]
    times = [(larger[0], 3_000), (gated[0], 120), (COUNTS, 30), *((one, 60) for one in RUNS if one.record.spec.seed == 0)]
    monkeypatch.setattr(timings, "_runs", lambda: {"runs": {one.run.row.spec.key: taken for one, taken in times}})
    shown = tables.advice(found, [10**10, 10**12, 1.01 * 10**12], mixtures.mixed(RUNS), both)
    assert shown["do this"].tolist() == ["train: Gated counts", "train: LSTM, mix with counts", "train: LSTM, mix with gated counts"]
    assert shown["test NLL ± SD (n)"].tolist()[1:] == ["1.400 ± 0.000 (2)", "1.350 ± 0.000 (2)"], "1e12 and 1e10 are above 1e12"
    assert shown["time"].tolist() == ["2.0 min", "1.5 min", "3.0 min"], "with the time of what is mixed in"
    assert "ixed with the LSTM of $10^{13}$ FLOPs reach 1.250 (3.0 min, n = 2)" in answers.answer(found, "grammar-char")
    told = sentences.gated_together(RUNS, "LSTM")
    assert told == (
        "Mixed with the LSTM, gated counts have a test NLL of 1.460 at $10^{11}$ FLOPs (n = 2), 1.250 at $10^{13}$ FLOPs (n = 2)."
    )
    assert tables.mixtures([*RUNS, COUNTS])["+ gated ± SD (n)"].tolist()[1] == "1.350 ± 0.000 (2)"


def test_where_the_order_of_network_and_counts_is_open_is_said():
    told = sentences.against_counts([*RUNS, COUNTS], "LSTM")
    assert told.startswith("The LSTM's test NLL minus that of these counts is +0.600 [") and "at $10^{13}$ FLOPs; the order" in told
    assert told.endswith("the order is open at $10^{11}$ to $10^{13}$, since one test text is noisy.")
    assert sentences.against_counts(RUNS, "LSTM") == sentences.against_counts([COUNTS], "LSTM") == ""


def test_mixtures_are_drawn_beside_the_networks(recorded):
    fig, rows = plots.answer(RUNS, [COUNTS], mixed=mixtures.mixed(RUNS))
    assert [row["test_nll"] for row in rows[-3:]] == [1.55, 1.4, 1.3]
    assert "recipe + gated counts" in [text.get_text() for text in fig.axes[0].texts]


def test_the_sentence_has_what_each_architecture_adds_at_its_largest_budget(recorded):
    text = sentences.together([*RUNS, COUNTS])
    assert text.startswith("In a mixture the LSTM lowers the counts' test NLL by ") and text.count(" at $10^{") == 1
    assert "at $10^{13}$ FLOPs (n = 2)." in text
    level = result("KN-4", record(2.1, model=NgramConfig(order=4, cache=8)), role="tuned")  # as the blocks of the first two
    assert sentences.together([*RUNS[:2], level]).endswith("mixture LSTM changes the counts' test NLL by at most 0.000.")
    assert sentences.together(RUNS) == sentences.together([COUNTS]) == ""
