import dataclasses

import pytest
from synthetic import record, reproduced, result, results

from tinylm.config import NgramConfig
from tinylm.report import sentences


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
