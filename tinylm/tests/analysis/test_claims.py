import dataclasses
import math
from functools import partial

import pytest
from synthetic import record, result, results

from tinylm.analysis import claims, significance, summaries
from tinylm.analysis.claims import Claim, Which
from tinylm.report import tables

A, B, NOWHERE = (Which(name, {"architecture": name}) for name in ("a", "b", "nowhere"))
ROPE = Which("RoPE", {"section": "rope", "position": "rope"})
BETTER = Claim(text="a beats b", source="paper", contrast="a − b", runs=(A, B), measure=claims.test_difference, below=0.0)
CLOSE = dataclasses.replace(BETTER, text="a is close to b", contrast="a − b, close", above=-0.1, below=0.1)
CLEAR = {"a": [2.00, 2.02, 2.01, 1.99], "b": [2.50, 2.53, 2.49, 2.51]}


def judged(found, *chosen):
    return claims.judge(chosen or [BETTER], found).iloc[0]


def test_a_clear_effect_is_supported_one_way_and_refuted_the_other():
    row = judged(results(**CLEAR))
    assert (row["verdict"], row["n"]) == ("supported", 4)
    assert row["effect"] == pytest.approx(-0.5025) and row["high"] < 0
    assert judged(results(**CLEAR), dataclasses.replace(BETTER, above=0.0, below=math.inf))["verdict"] == "refuted"


def test_nothing_is_decided_below_three_seeds():
    row = judged(results(a=CLEAR["a"][:2], b=CLEAR["b"]))
    assert (row["verdict"], row["n"]) == ("undecided", 2)
    assert math.isnan(row["p"]) and "2 of 3" in row["note"]


def test_a_wide_interval_is_undecided():
    row = judged(results(a=[2.0, 2.6, 2.3], b=[2.4, 2.4, 2.4]))
    assert row["verdict"] == "undecided" and row["low"] < 0 < row["high"]


def test_a_claim_about_size_must_clear_its_margin():
    far = dataclasses.replace(BETTER, below=-0.45)
    assert judged(results(**CLEAR), far)["verdict"] == "supported"
    assert judged(results(**CLEAR), dataclasses.replace(BETTER, below=-0.6))["verdict"] == "refuted"


@pytest.mark.parametrize(
    ("a", "verdict"), [([2.01, 2.0, 1.99], "supported"), ([2.51, 2.5, 2.49], "refuted"), ([2.3, 2.1, 1.9], "undecided")]
)
def test_closeness_is_supported_refuted_or_undecided(a, verdict):
    row = judged(results(a=a, b=[2.0, 2.0, 2.0]), CLOSE)
    assert row["verdict"] == verdict
    assert row["test"] == "TOST, paired t" and row["statement"] == f"a − b, close in{claims.NBSP}[−0.1, 0.1]"


def test_a_new_seed_can_change_a_verdict():
    a, b = [2.00, 2.02, 2.01], [2.50, 2.53, 2.49]
    assert judged(results(a=a[:2], b=b[:2]))["verdict"] == "undecided"
    assert judged(results(a=a, b=b))["verdict"] == "supported"
    assert judged(results(a=[*a, 3.5], b=[*b, 2.5]))["verdict"] == "undecided"


def test_noise_of_the_text_can_leave_undecided_what_seeds_alone_decide():
    blocks = [1.0, 3.0, 1.0, 3.0]
    noisy = [result("a", record(blocks=[x + 0.001 * s for x in blocks], seed=s)) for s in range(4)]
    steady = [result("b", record(2.3, seed=s)) for s in range(4)]
    row = judged([*noisy, *steady])
    assert row["verdict"] == "undecided" and row["text_se"] > 0.5


def test_missing_runs_are_named_and_runs_that_no_study_plans_too():
    claim = dataclasses.replace(BETTER, runs=(ROPE, NOWHERE))
    row = judged(results(a=[2.0]), claim)
    assert (row["verdict"], row["n"]) == ("undecided", 0)
    assert row["note"] == "waits for RoPE; no study plans nowhere"


def test_holm_counts_the_claims_that_wait_too():
    waiting = [dataclasses.replace(BETTER, contrast=f"{i}", runs=(NOWHERE,)) for i in range(9)]
    alone, among = judged(results(**CLEAR)), judged(results(**CLEAR), BETTER, *waiting)
    assert alone["p_holm"] == alone["p"]
    assert among["p_holm"] == pytest.approx(10 * among["p"])


def test_one_case_can_refute_a_general_claim_and_not_support_it():
    general = dataclasses.replace(BETTER, contrast="in general", follows="a − b", remark="one of many")
    frame = claims.judge([BETTER, general], results(**CLEAR))
    assert list(frame["verdict"]) == ["supported", "undecided"]
    worse = dataclasses.replace(BETTER, above=0.0, below=math.inf)
    contrary = claims.judge([worse, dataclasses.replace(worse, contrast="in general", follows="a − b")], results(**CLEAR))
    assert list(contrary["verdict"]) == ["refuted", "refuted"]
    assert frame.loc[0, "p_holm"] == frame.loc[0, "p"]
    assert frame.loc[1, "note"] == "follows from a − b; one of many"


def test_runs_of_different_texts_are_not_compared():
    found = [*results(a=CLEAR["a"]), *[result("b", record(2.5, seed=s, corpus="grammar-word")) for s in range(4)]]
    assert judged(found)["note"] == "the runs read different texts"
    assert judged(found, dataclasses.replace(BETTER, n_texts=2))["verdict"] == "supported"


def curve_runs(name, offset, flops, curve, seeds=4):
    return [result(name, record(2.0 + offset + 0.01 * s * s, seed=s, flops=flops, curve=curve)) for s in range(seeds)]


def test_equal_cost_is_where_the_cheaper_run_ends():
    # a is at 2.5 of its 1,000 FLOPs when b ends at 500, in whose only validation b is 0.4 above.
    claim = dataclasses.replace(BETTER, measure=partial(claims.at_largest_cost, convention="flops"))
    row = judged([*curve_runs("a", 0.0, 1_000, 2), *curve_runs("b", 0.4, 500, 1)], claim)
    assert row["effect"] == pytest.approx(-0.4) and row["verdict"] == "supported"
    assert r"$5.00 \times 10^{2}$" in row["note"]


def test_the_least_shared_cost_is_the_later_first_validation():
    claim = dataclasses.replace(BETTER, measure=partial(claims.at_smallest_cost, convention="flops"))
    row = judged([*curve_runs("a", 0.0, 1_000, 4), *curve_runs("b", 0.0, 1_000, 2)], claim)
    assert r"$5.00 \times 10^{2}$" in row["note"]
    assert row["effect"] == pytest.approx(-0.25)


def test_a_later_first_validation_bounds_and_so_can_only_refute():
    claim = dataclasses.replace(BETTER, measure=partial(claims.at_largest_cost, convention="flops"))
    for offset, verdict in ((0.5, "refuted"), (-2.0, "undecided")):
        found = [result("a", record(2.0 + offset + 0.01 * s * s, seed=s, flops=900, curve=1)) for s in range(4)]
        row = judged([*found, *[result("b", record(2.0, seed=s, flops=300, curve=1)) for s in range(4)]], claim)
        assert row["verdict"] == verdict and math.isinf(row["high"])
        assert "first validated at 3 times that" in row["note"]


def test_runs_that_share_no_cost_show_nothing():
    claim = dataclasses.replace(BETTER, measure=partial(claims.at_smallest_cost, convention="flops"))
    row = judged([*curve_runs("a", 0.0, 900, 1), *curve_runs("b", 0.0, 300, 1)], claim)
    assert row["n"] == 0 and row["verdict"] == "undecided" and "share no cost" in row["note"]


def test_over_fitting_is_the_rise_after_an_epoch():
    def over_fitted(seed):
        run = record(2.0, seed=seed, curve=3)
        nlls = [2.0, 2.2 + 0.01 * seed, 2.6]
        return dataclasses.replace(run, best_step=1, curve=[p | {"valid_nll": v} for p, v in zip(run.curve, nlls, strict=True)])

    claim = Claim(text="t", source="s", contrast="c", runs=(A,), measure=partial(claims.later_than, epoch=1), above=0.0)
    row = judged([result("a", over_fitted(seed)) for seed in range(4)], claim)
    assert row["verdict"] == "supported" and row["effect"] == pytest.approx(0.215)
    assert "4 of 4 seeds" in row["note"]
    too_late = dataclasses.replace(claim, measure=partial(claims.later_than, epoch=3))
    assert judged([result("a", over_fitted(0))], too_late)["note"] == "the runs end with epoch 3"


def test_the_growth_of_a_gap_is_over_the_seeds_that_all_four_rows_have():
    rows = {"a": [2.5, 2.51, 2.49, 2.5], "b": [2.0, 2.0, 2.01, 2.0], "c": [2.3, 2.31, 2.3], "d": [2.0, 2.01, 2.0]}
    runs = tuple(Which(name, {"architecture": name}) for name in rows)
    claim = Claim(text="t", source="s", contrast="c", runs=runs, measure=claims.gap_growth, above=0.0)
    row = judged(results(**rows), claim)
    assert row["effect"] == pytest.approx(0.5 - 0.3, abs=0.01) and (row["n"], row["verdict"]) == (3, "supported")
    apart = [one for one in results(**rows) if (one.record.spec.seed > 2) == (one.run.name == "a")]
    assert judged(apart, claim)["note"] == "the runs share no seed"


def test_a_claim_in_words_is_refuted_by_one_statement_and_supported_by_all_of_them():
    assert claims.claim_verdict(["supported", "supported"]) == "supported"
    assert claims.claim_verdict(["supported", "undecided"]) == "undecided"
    assert claims.claim_verdict(["supported", "undecided", "refuted"]) == "refuted"
    frame = claims.judge([BETTER, dataclasses.replace(BETTER, contrast="c", runs=(ROPE,)), CLOSE], results(**CLEAR))
    shown = tables.verdicts(frame)
    assert shown[["claim", "verdict"]].values.tolist() == [["a is close to b", "refuted"], ["a beats b", f"undecided: {claims.LACKS}"]]


def test_what_is_undecided_is_clear_before_correction_or_open_or_lacks_seeds():
    nlls = {"a": [2.0, 2.04, 2.02, 1.98, 2.06], "b": [2.1, 2.12, 2.13, 2.05, 2.11]}
    few = {name: values[:3] for name, values in nlls.items()}
    waiting = [dataclasses.replace(BETTER, contrast=f"c{i}", runs=(ROPE,)) for i in range(400)]

    def grade(found, claims_too=()):
        return claims.judge([BETTER, *claims_too], results(**found))["grade"][0]

    assert grade(nlls) == "clear" and grade(nlls, waiting) == "clear before correction"
    level = {"a": nlls["a"], "b": [2.03, 2.0, 2.05, 1.97, 2.05]}
    assert grade(level) == "open" and grade({name: values[:3] for name, values in level.items()}) == claims.LACKS
    assert grade({name: values[:2] for name, values in few.items()}) == claims.LACKS
    general = dataclasses.replace(BETTER, text="as a rule", contrast="in general", follows="a − b")
    assert claims.judge([BETTER, general], results(**nlls))[["verdict", "grade"]].values.tolist()[1] == ["undecided", "open"]
    assert claims.claim_grade(["clear", "open"]) == "open" and claims.claim_grade(["open", claims.LACKS]) == claims.LACKS


def test_claims_are_named_once():
    frame = claims.judge([BETTER, dataclasses.replace(BETTER, contrast="c", runs=(ROPE,)), CLOSE], results(**CLEAR))
    assert list(tables.claims(frame)["claim"]) == ["a beats b", "", "a is close to b"]


def test_a_curve_takes_the_texts_noise_from_the_test_difference():
    claim = dataclasses.replace(BETTER, measure=partial(claims.at_largest_cost, convention="flops"))
    found = [*curve_runs("a", 0.0, 1_000, 2), *curve_runs("b", 0.4, 500, 1)]
    groups = summaries.by_row(found)
    assert judged(found, claim)["text_se"] == significance.difference(*groups.values()).text_se
