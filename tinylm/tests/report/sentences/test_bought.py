import dataclasses
import math
from types import SimpleNamespace

import pandas as pd
from synthetic import record, result, rungs, seeds

from tinylm.analysis import budgets
from tinylm.config import LinearConfig, NgramConfig, TransformerConfig
from tinylm.evaluation.probes.compression import Compressed
from tinylm.report import sentences
from tinylm.report.sentences import bought
from tinylm.study.ladder import RUNGS


def test_the_best_of_rivals_is_told_for_each_text_and_budget():
    found = [*seeds("Transformer", 1_000, [2.0, 2.2], "rival"), *seeds("LSTM", 1_000, [2.4], "rival"), *seeds("LSTM", 10, [3.0], "rival")]
    assert sentences.rivals(found, "Transformer") == (
        "Recipes are compared by valid at equal FLOPs: on grammar-char at $10^{3}$ FLOPs the Transformer is best, with 2.100 nats on test "
        "(n = 2); "
        "on grammar-char at $10^{1}$ FLOPs LSTM alone is recorded."
    )
    assert sentences.rivals([], "Transformer") == ""
    assert "the Transformer is best, with 2.100 nats on test (n = 2), not clearly ahead of the LSTM; " in sentences.rivals(found, "LSTM")


def test_the_purchases_reading_takes_the_recipe_that_is_best_on_valid_and_its_rival():
    made = [*seeds("A", 1_000, [1.5, 1.6], "purchase"), *seeds("A", 10_000, [1.4], "purchase"), *seeds("Linear", 10_000, [1.0])]
    kn = result("KN-6", record(1.7, model=NgramConfig(order=6), eval_start=made[0].record.valid.start))
    text = sentences.purchases([*made, kn])
    assert "1.400 nats (n = 1), KN-6 1.700 nats" in text and "1.0" not in text.replace("1.00", "")
    assert sentences.purchases([]) == ""


def test_counts_are_the_model_of_budgets_too_small_to_pass_them(monkeypatch):
    monkeypatch.setattr(bought, "COMPRESSION", SimpleNamespace(best=lambda corpus: None))
    runs = [*seeds("MLP", 1_000, [2.1, 2.1]), *seeds("MLP", 100_000, [1.9, 1.7]), *seeds("Linear", 1_000, [3.0, 3.1])]
    counts = [result("KN-4", record(nll, model=NgramConfig(order=4))) for nll in (1.9, 2.5)]
    text = sentences.worth_training([*runs, *counts], "grammar-char")
    assert "without counts that reaches their loss in the mean is on valid the MLP of $10^{5}$ FLOPs (2 of 2 seeds), and on test" in text
    assert "on test the MLP of" in text and text.endswith(
        "With $10^{3}$ FLOPs or less, counts alone have the lower mean loss on both splits."
    )
    easy = sentences.worth_training([*runs, result("KN-1", record(2.9, model=NgramConfig(order=1)))], "grammar-char")
    assert "FLOPs, its smallest budget (2 of 2 seeds)" in easy and "count." not in easy
    hard = sentences.worth_training([*runs, result("KN-9", record(0.5, model=NgramConfig(order=4)))], "grammar-char")
    assert "on valid none here" in hard and hard.endswith("Where no network reaches it, count.")
    assert sentences.worth_training(counts, "grammar-char") == sentences.worth_training(runs, "grammar-char") == ""
    tuned = result("tuned", record(1.75, model=NgramConfig(order=8)), role="tuned")
    said = sentences.worth_training([*runs, *counts, tuned], "grammar-char")
    assert said.startswith("The best counts of characters by valid are KN-8.")
    assert sentences.worth_training([*runs, *counts], "ptb") == ""
    monkeypatch.setattr(bought, "COMPRESSION", SimpleNamespace(best=lambda corpus: Compressed("PPMd", 1.75, 1.85)))
    assert "PPMd has 1.750 on valid and 1.850 on test; the cheapest network that reaches that is on valid" in (
        sentences.worth_training([*runs, *counts], "grammar-char")
    )


def test_what_a_part_takes_off_is_told_for_each_text_that_has_both():
    found = [*seeds("A-no-b", 1_000, [1.6, 1.7, 1.6], "purchase"), *seeds("A", 1_000, [1.4, 1.5, 1.4], "purchase")]
    text = sentences.improvement([*found, *seeds("A", 10_000, [1.0], "purchase")], "A-no-b", "A")
    assert "grammar-char" in text and "by 0.200" in text and "(n = 3)" in text and text.count("FLOPs") == 1
    assert sentences.improvement([], "A-no-b", "A") == ""


def test_steps_of_the_ladder_are_clear_after_correction_or_before_it_or_open():
    names = [rung.name for rung in RUNGS[:8] if rung.climbed]
    frame = budgets.ladder(rungs({name: [2.0 + 0.01 * s for s in range(3)] for name in names})).assign(low=0.0)
    gains = [math.nan, 0.5, -0.3, 0.02, 0.01, -0.01, 0.0]
    verdicts = [None, "clear", "clear", "clear before correction", "open", "open", "open"]
    frame = frame.assign(gain=gains, verdict=verdicts, n=[3, 3, 3, 3, 5, 3, 5])
    said = sentences.climb(frame)
    assert said.startswith(
        "Of 6 changes, kept or only tried (3 to 5 seeds each), 2 make a clear difference after Holm's correction, 1 for the better and 1 "
        "for the worse. By the spread of their own seeds alone, 0 of these are clear. 1 more is clear only before the correction."
    )
    assert said.endswith(" The other 3 are open, 1 of them with fewer than 5 seeds.")
    few = sentences.climb(frame.assign(n=3, verdict="open"))
    assert few.startswith("Of 6 changes, kept or only tried (3 seeds each), 0 make a clear difference after Holm's correction. ")
    assert few.endswith("correction. The other 6 are open, all with fewer than 5 seeds.")
    assert sentences.climb(frame.assign(n=5)).endswith("The other 3 are open.")
    assert sentences.climb(budgets.ladder([])) == ""


def test_the_search_is_summed_by_text():
    records = [record(flops=100), dataclasses.replace(record(flops=50, model=LinearConfig(context_length=8)), flops=50)]
    text = sentences.searched(records)
    assert "2 runs" in text and "Linear 1 (" in text and "Transformer without induction 1 (" in text
    assert "0 runs" in sentences.searched([])


def test_a_search_of_one_architecture_is_not_divided_and_induction_is_told_apart():
    shapes = ({"n_layer": 1, "d_ff": 32}, {"n_layer": 3}, {"n_layer": 3, "induction": (2,)})
    one, three, copying = (record(model=TransformerConfig(context_length=8, d_model=8, **shape), flops=100) for shape in shapes)
    assert "architecture" not in sentences.searched([one])
    text = sentences.searched([three, copying, one])
    assert "Self-Attention 1 ($10^{2}$), Transformer 1 (" in text and "Transformer without induction 1 (" in text


def test_searches_on_words_are_told_apart_by_their_pointers():
    shapes = ({"n_layer": 3, "induction": (2,)}, {"n_layer": 3, "pointer": 8})
    found = [record(corpus="grammar-word", model=TransformerConfig(context_length=8, d_model=8, **shape), flops=100) for shape in shapes]
    text = sentences.searched(found)
    assert "Transformer 1 (" in text and "Transformer without pointer 1 (" in text


def test_a_purchase_on_words_has_a_perplexity_and_counts_with_a_cache_of_its_window():
    bought = result("a", record(3.0, corpus="grammar-word"), role="purchase")  # which reads 8 tokens
    near, far = (result(f"{n}", record(2.0 - n / 10, corpus="grammar-word", model=NgramConfig(order=2, cache=n))) for n in (8, 9))
    plain = result("plain", record(2.5, corpus="grammar-word", model=NgramConfig(order=2)))
    text = sentences.purchases([bought, plain, near, far])
    assert "a perplexity of 20.09 (n = 1), KN-2 a perplexity of 12.18, KN-2 + cache 8 a perplexity of 3.320." in text
    assert "cache" not in sentences.purchases([bought, plain, far])


def test_steps_that_were_expected_to_gain_most_stand_beside_those_that_do():
    frame = pd.DataFrame({"rung": ["a", "b", "c", "d"], "climbed": [True, True, True, False], "gain": [-0.1, 0.3, 0.2, 0.9]})
    told = sentences.expected_steps(frame, ["a", "b"])
    assert told == "Expected to gain most, in this order, were a (−0.100); b (+0.300). Those that do are b; c."
    assert sentences.expected_steps(frame, ["a", "d"]) == "", "one that was only tried"
