import dataclasses
import math
from types import SimpleNamespace

import capacity
import pandas as pd
import pytest
from synthetic import record, reproduced, result, results, rungs, seeds

from tinylm.analysis import budgets, claim_list, folds
from tinylm.analysis.families import CLEAR, OPEN
from tinylm.analysis.summaries import Result
from tinylm.config import LinearConfig, NgramConfig, TransformerConfig
from tinylm.evaluation.probes.compression import Compressed
from tinylm.report import sentences
from tinylm.study.ladder import RUNGS


def test_the_control_reading_reports_a_model_below_the_floor_as_an_error():
    assert "no model is below that" in sentences.control(results(a=[2.0]), {"test": 1.9})
    assert "must be an error: a" in sentences.control(results(a=[2.0]), {"test": 2.5})
    counts = result("KN-2", record(1.8, model=NgramConfig(order=2)))
    assert sentences.control([counts], {"test": 1.5}).endswith("the best, KN-2, has 1.800."), "counts have no seed"


@pytest.mark.parametrize(("counts", "where"), [(1.5, "below"), (2.5, "above"), (2.0, "level with")])
def test_where_the_counts_are_follows_from_the_records(counts, where):
    kn = result("KN-6", record(counts, model=NgramConfig(order=6), eval_start=8))
    assert f", {where} the best of the study's networks, MLP" in sentences.cost([kn, *results(MLP=[2.0], Transformer=[2.2])])


def test_equal_cost_is_read_off_the_curve_or_said_to_be_out_of_reach():
    found = [*results(MLP=[2.0]), *results(**{"Self-Attention": [1.5]})]
    # Both cost 1,000 FLOPs and end there; attention's textbook cost is twice as much, so its first validation is at 1,000 too.
    text = sentences.cost(found)
    assert "Self-Attention: for the same executed FLOPs it has 1.750 (n = 1); for the same textbook FLOPs it has" in text
    costlier = [*results(MLP=[2.0]), result("Self-Attention", record(1.5, flops=10_000))]
    assert "for the same executed FLOPs it would end before its first validation, so that nothing can be compared" in sentences.cost(
        costlier
    )


def test_the_best_of_rivals_is_told_for_each_text_and_budget():
    found = [*seeds("Transformer", 1_000, [2.0, 2.2], "rival"), *seeds("LSTM", 1_000, [2.4], "rival"), *seeds("LSTM", 10, [3.0], "rival")]
    assert sentences.rivals(found, "Transformer") == (
        "Best on valid at equal FLOPs: on grammar-char at $10^{3}$ FLOPs the Transformer, 2.100 nats (n = 2); "
        "on grammar-char at $10^{1}$ FLOPs LSTM alone is recorded."
    )
    assert sentences.rivals([], "Transformer") == ""


def test_the_purchases_reading_takes_the_recipe_that_is_best_on_valid_and_its_rival():
    made = [*seeds("A", 1_000, [1.5, 1.6], "purchase"), *seeds("A", 10_000, [1.4], "purchase"), *seeds("Linear", 10_000, [1.0])]
    kn = result("KN-6", record(1.7, model=NgramConfig(order=6), eval_start=made[0].record.valid.start))
    text = sentences.purchases([*made, kn])
    assert "1.400 nats (n = 1), KN-6 1.700 nats" in text and "1.0" not in text.replace("1.00", "")
    assert sentences.purchases([]) == ""


def test_counts_are_the_model_of_budgets_too_small_to_pass_them(monkeypatch):
    monkeypatch.setattr(sentences, "COMPRESSION", SimpleNamespace(best=lambda corpus: None))
    runs = [*seeds("MLP", 1_000, [2.1, 2.1]), *seeds("MLP", 100_000, [1.9, 1.7]), *seeds("Linear", 1_000, [3.0, 3.1])]
    counts = [result("KN-4", record(nll, model=NgramConfig(order=4))) for nll in (1.9, 2.5)]
    text = sentences.worth_training([*runs, *counts], "grammar-char")
    assert "The first network of characters to reach their loss is, on valid, MLP at $10^{5}$ FLOPs (2 of 2 seeds), and on test" in text
    assert "on test, MLP at" in text and text.endswith("With $10^{3}$ FLOPs or less, counts alone have the lower mean loss on both splits.")
    easy = sentences.worth_training([*runs, result("KN-1", record(2.9, model=NgramConfig(order=1)))], "grammar-char")
    assert "FLOPs, its smallest budget (2 of 2 seeds)" in easy and "count." not in easy
    hard = sentences.worth_training([*runs, result("KN-9", record(0.5, model=NgramConfig(order=4)))], "grammar-char")
    assert "on valid, none here" in hard and hard.endswith("Where no network reaches it, count.")
    assert sentences.worth_training(counts, "grammar-char") == sentences.worth_training(runs, "grammar-char") == ""
    tuned = result("tuned", record(1.75, model=NgramConfig(order=8)), role="tuned")
    said = sentences.worth_training([*runs, *counts, tuned], "grammar-char")
    assert said.startswith("The best counts of characters by valid are KN-8.")
    assert sentences.worth_training([*runs, *counts], "ptb") == ""
    monkeypatch.setattr(sentences, "COMPRESSION", SimpleNamespace(best=lambda corpus: Compressed("PPMd", 1.75, 1.85)))
    assert "PPMd has 1.750 on valid and 1.850 on test; the first network to reach that is, on valid" in (
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
        "Of 6 changes, kept or only tried (3 to 5 seeds each), 2 make a clear difference after Holm's correction, "
        "0 of them by their own seeds' spread alone. 1 more is clear only before the correction."
    )
    assert said.endswith(" The other 3 are open, 1 of them with fewer than 5 seeds.")
    few = sentences.climb(frame.assign(n=3, verdict="open"))
    assert few.startswith("Of 6 changes, kept or only tried (3 seeds each), 0 make a clear difference after Holm's correction. ")
    assert few.endswith("correction. The other 6 are open, all with fewer than 5 seeds.")
    assert sentences.climb(frame.assign(n=5)).endswith("The other 3 are open.")
    assert sentences.climb(budgets.ladder([])) == ""


def test_a_model_that_is_trained_on_and_a_better_one_of_another_project_are_not_buried():
    study_rows = [
        result("Transformer", record(2.0, flops=1_000, curve=4), section="architectures"),
        result("MLP", record(2.3, flops=100), section="architectures"),
    ]
    longer = result("MLP, long", record(2.1, flops=2_000), section="claims", role="long", architecture="MLP")
    sister = result("GELU MLP", record(1.9, flops=300), section="claims", role="sister")
    text = sentences.buried([*study_rows, longer, sister])
    # At 1,000, the one validation of the Transformer that the longer run has reached: 2.1 + 0.5 against 2.0 + 0.125.
    assert text.startswith(
        "Trained longer, the study's MLP is ahead of its Transformer on valid, at 0 of 1 equal executed costs. On the test"
    )
    assert "best model on valid, GELU MLP, has 1.900 for $3 \\times 10^{2}$" in text
    assert text.endswith("FLOPs (n = 1), below every network of the study.")
    assert sentences.buried(study_rows) == ""


def test_what_was_expected_is_said_to_hold_or_not_once_it_is_recorded():
    expected = claim_list.EXPECTED
    judged = pd.DataFrame([{"contrast": claim.contrast, "effect": -0.1, "grade": OPEN} for one in expected for claim in one.claims])
    told = sentences.expectations(judged, expected)
    assert told.startswith(f"As expected, in the means of the effects: {expected[0].text}; {expected[2].text}") and told.endswith(
        f"not found: {expected[1].text}."
    )
    clear = sentences.expectations(judged.assign(grade=CLEAR), expected)
    assert f"not found: {expected[1].text}; {expected[2].text}." in clear
    assert sentences.expectations(judged.assign(effect=math.nan), expected) == ""


def test_the_search_is_summed_by_text():
    records = [record(flops=100), dataclasses.replace(record(flops=50, model=LinearConfig(context_length=8)), flops=50)]
    text = sentences.searched(records)
    assert "2 runs" in text and "Linear 1 (" in text and "Transformer without induction 1 (" in text
    assert "0 runs" in sentences.searched([])


def long_linear(length, curves):
    from tinylm.config import LinearConfig

    runs = []
    for seed, curve in enumerate(curves):
        run = record(2.0, seed=seed, model=LinearConfig(context_length=length, d_model=4), curve=len(curve), start=32)
        points = [point | {"valid_nll": value} for point, value in zip(run.curve, curve, strict=True)]
        runs.append(result(f"T = {length}", dataclasses.replace(run, curve=points), role="long", architecture="Linear"))
    return runs


def test_the_turning_point_is_read_off_the_curves():
    short = long_linear(16, [[2.0, 1.9, 1.9]] * 2)
    turning = sentences.turning([*short, *long_linear(32, [[2.5, 1.95, 1.8], [2.5, 1.8, 1.7]])])
    assert "T = 32 falls below T = 16 at equal updates in 2 of 2 seeds, first after epoch 2 (median)" in turning
    assert "in 0 of 2 seeds; at the end it is at +0.3000" in sentences.turning([*short, *long_linear(32, [[2.5, 2.3, 2.2]] * 2)])
    assert "not recorded yet" in sentences.turning(short)


def test_rows_of_the_same_name_are_still_two_rows():
    found = [*long_linear(16, [[2.0, 1.9, 1.9]] * 2), *long_linear(32, [[2.5, 2.3, 2.2]] * 2)]
    alike = [Result(dataclasses.replace(one.run, name="one name"), one.record) for one in found]
    assert "lowest mean valid NLL (2.0000), after the last one name (1.9000)" in sentences.turning(alike)
    assert "at the end it is at +0.3000" in sentences.turning(alike)


def test_where_only_counts_are_recorded_nothing_is_said_of_costs():
    counts = [result("KN-6", record(1.7, model=NgramConfig(order=6)))]
    assert sentences.cost(counts) == ""


def priced(name, nll, flops_2nd, flops_textbook):
    return result(name, dataclasses.replace(record(nll), flops_2nd=flops_2nd, flops_textbook=flops_textbook))


def test_stated_costs_are_set_against_counted_ones_and_may_overturn_the_ranking():
    found = [priced("A", 2.0, 4_000, 2_000), priced("B", 2.1, 3_000, 6_000)]
    text = sentences.cost(found)
    assert "A, 2 times its textbook cost and 4 times its executed one; B, 0.5 times its textbook cost" in text
    assert "$2ND$ ranks B, A; textbook FLOPs rank A, B" in text


def test_rows_are_tested_together_and_say_how_large_a_shift_they_rule_out():
    alike, other = (sentences.reproduction(reproduced(*shifts)) for shifts in ((0.003, -0.006, 0.01, -0.015), (0.04, 0.05, 0.04, -0.05)))
    assert alike.startswith(
        "The study states 4 losses, sweeps and words included. Taken together they lie where further seeds of ours would (Fisher p = 0."
    )
    assert "differ from further seeds of ours" in other and sentences.reproduction(results(a=[2.0])) == ""
    # 0.003 and 0.015, and t(0.95, 2) = 2.92 times 0.01 sqrt(1 + 1 / 3)
    assert alike.endswith("Differences below the margins, 0.042 nats in the median (0.037 to 0.049), could be missed.")


def test_one_seed_is_compared_with_the_counts_by_the_texts_noise():
    kn = result("KN-6", record(2.1, model=NgramConfig(order=6)))
    network = [result("MLP", record(blocks=[2.0, 2.4, 2.0, 2.4]))]  # 0.1 above, block SE 0.115
    assert "level with the best of the study's networks, MLP, at 2.2000 (difference +0.1000, text SE 0.1155, n = 1)" in sentences.cost(
        [kn, *network]
    )


def test_the_control_reading_names_the_model_nearest_to_the_floor():
    text = sentences.control(results(a=[2.0, 2.2], b=[2.05]), {"test": 1.9})
    assert text.startswith("On grammar-char the least possible test NLL is 1.900 nats; no") and text.endswith(
        "; no model is below that, and the best, b, has 2.050 (n = 1)."
    )


def test_single_effects_of_an_undecided_claim_are_told_apart_from_decided_claims():
    def row(text, contrast, verdict, p=0.01, follows=""):
        return {"text": text, "contrast": contrast, "verdict": verdict, "p": p, "follows": follows, "source": "paper"}

    rows = [row("t", "a − b", "refuted"), row("t", "a − c", "supported"), row("u", "d", "undecided", math.nan), row("u", "e", "supported")]
    text = sentences.claims(pd.DataFrame([*rows, row("as a rule", "f", "refuted", follows="a − b")]))
    assert text.startswith("Of 4 claimed effects 3 are tested;") and "By source, paper: 2 supported, 1 refuted, 1 undecided." in text
    assert "**Refuted:** t; as a rule." in text and "**Supported:**" not in text
    assert text.endswith("Of claims that are undecided as a whole, supported in part: e.")


def test_architectures_are_compared_over_the_plays_left_out():
    plays = [f"tiny_shakespeare-without-{play}" for play in ("tempest", "coriolanus", "winters-tale")]
    nlls = {"A": (2.0, 2.1, 2.2), "B": (1.9, 2.3, 1.9)}
    found = [result("", record(nll, corpus=c), architecture=a) for a, row in nlls.items() for c, nll in zip(plays, row, strict=True)]
    text = sentences.over_folds(folds.by_fold(found))
    assert text.startswith("B is ahead of A on 2 of 3 parts, by 0.067 [") and text.endswith(
        " (nats; means weighted by length; 95 % over the parts)."
    )
    assert sentences.over_folds(folds.by_fold(found[:3])) == ""


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


def layered(gap, largest=10**11):
    """Results of the curves whose deeper models' test NLLs are above the others' by what `gap` says of their steps a parameter."""
    made = []
    for one in capacity.results(largest):
        n_layer, steps = one.run.spec.model.n_layer, one.record.steps / one.record.n_params
        blocks = [2.0 + (n_layer == 4) * gap(steps) + one.run.spec.seed / 1_000] * len(one.record.test.blocks)
        made.append(
            Result(one.run, dataclasses.replace(one.record, test=dataclasses.replace(one.record.test, nll=blocks[0], blocks=blocks)))
        )
    return made


def test_one_more_layer_is_said_to_hurt_below_some_steps_a_parameter():
    said = sentences.depth(layered(lambda steps: -0.05 * math.log(steps / 0.02)))
    assert said.startswith(
        "One more layer at equal FLOPs: on WikiText-2 as characters it hurts below 0.02 steps (0.02 to 0.02) a parameter"
    )
    assert "(6 pairs of runs, 0.00" in said and said.count("(n = 3)") == 1
    assert "characters it hurts at every number of steps a parameter tried (6 pairs" in sentences.depth(layered(lambda steps: 0.1))
    assert "characters it hurts at none (6 pairs" in sentences.depth(layered(lambda steps: -0.1))
    assert "no number of steps a parameter tells where it hurts" in sentences.depth(layered(lambda steps: math.log(steps / 0.02)))
    assert sentences.depth([]) == ""


def test_a_fourth_layer_of_the_study_is_compared_in_four_ways():
    three, four = TransformerConfig(n_layer=3), TransformerConfig(n_layer=4)
    rows = [("sweep", three, [2.0, 2.1], 1_000), ("sweep", four, [2.05, 2.15], 1_500), ("depth", four, [1.9, 2.0], 2_000)]
    found = [
        result(f"{role} {model.n_layer}", record(nll, seed, model, flops=flops), role=role, architecture="Transformer")
        for role, model, nlls, flops in rows
        for seed, nll in enumerate(nlls)
    ]
    said = sentences.studied_depth(found)
    assert said.startswith("Under the study's own recipe 4 layers change the NLL of 3 by +0.050 [")
    assert said.count(";") == 2 and "by −0.100 [" in said and said.endswith("as many a parameter (n = 2).")
    steps = [result("depth 3", record(nll, seed, three), role="depth", architecture="Transformer") for seed, nll in enumerate([1.88, 1.98])]
    assert "; by +0.020 [" in (told := sentences.studied_depth([*found, *steps])) and told.endswith("steps of both (n = 2).")
    assert sentences.studied_depth(found[:4]).count(";") == 1
    assert sentences.studied_depth(found[:2]) == sentences.studied_depth([]) == ""


def test_costs_that_were_not_expected_are_named():
    costs = {"Linear": 100, "MLP": 100, "Self-Attention": 50, "Transformer": 200}
    rows = [
        result(name, dataclasses.replace(record(2.0, seed=s), flops=cost, flops_2nd=100), architecture=name)
        for name, cost in costs.items()
        for s in (0, 1)
    ]
    assert sentences.expected_costs(rows) == (
        "Executed divided by stated FLOPs: 1 for MLP (not as expected), 0.5 for Self-Attention (not "
        "as expected), 2 for Transformer (as expected)."
    )
    assert sentences.expected_costs([]) == ""


def test_steps_that_were_expected_to_gain_most_stand_beside_those_that_do():
    frame = pd.DataFrame({"rung": ["a", "b", "c", "d"], "climbed": [True, True, True, False], "gain": [-0.1, 0.3, 0.2, 0.9]})
    told = sentences.expected_steps(frame, ["a", "b"])
    assert told == "Expected to gain most, in this order, were a (−0.100); b (+0.300). Those that do are b; c."
    assert sentences.expected_steps(frame, ["a", "d"]) == "", "one that was only tried"


def test_the_growth_with_length_came_or_did_not(monkeypatch):
    slopes = pd.DataFrame(
        {"corpus": ["ptb", "wikitext-2"], "positions": "rope", "gain": [0.1, 0.2], "low": [0.05, 0.1], "high": [0.15, 0.3]}
    )
    monkeypatch.setattr(sentences.positions, "slopes", lambda found: slopes)
    assert sentences.growth_with_length([], "rope") == (
        "The growth that was expected came: twice the length changes the gain of rotary positions by +0.100 [+0.050, +0.150] on the Penn "
        "Treebank and by +0.200 [+0.100, +0.300] on WikiText-2."
    )
    slopes.loc[0, "low"] = -0.05
    assert "did not come" in sentences.growth_with_length([], "rope") and sentences.growth_with_length([], "alibi") == ""
