import dataclasses
import math

import pytest
from records import made

from tinylm.analysis import frames, pilots
from tinylm.analysis.expected import Expected, recipe_runs
from tinylm.analysis.pilots import FLOOR, from_pilot, mixed

LEVEL = 1.4
CURVE = {5e9: 2.4, 1e10: 2.2, 1e11: 1.76, 1e12: 1.54, 1e13: 1.38}


def runs(budget, *nlls):
    """Records of one budget with these valid NLLs."""
    return {budget: [made(valid=dataclasses.replace(made().valid, nll=nll)) for nll in nlls]}


def seen(nll, half=0.01):
    return Expected(nll, nll * (1 - half), nll * (1 + half), 1, (10**10,), is_outside=False)


def test_the_reference_itself_is_foreseen_as_it_is():
    found = from_pilot(runs(10**10, 2.2), 1e12, CURVE, LEVEL, LEVEL)
    assert found.nll == pytest.approx(1.54) and found.low < 1.54 < found.high
    assert (found.percent, found.known, found.n, found.is_outside) == (80, (10**10,), 1, False)


def test_a_text_of_other_units_is_foreseen_by_as_many_times():
    """Twice the nats a token, for counts and for pilot, give twice the nats."""
    found = from_pilot(runs(10**10, 4.4), 1e12, CURVE, 2 * LEVEL, LEVEL)
    assert found.nll == pytest.approx(2 * 1.54)


def test_a_higher_pilot_lets_expect_a_higher_loss_that_falls_faster():
    low, high = (from_pilot(runs(10**10, nll), 1e12, CURVE, LEVEL, LEVEL).nll for nll in (2.2, 4.0))
    assert pytest.approx(low) == 1.54 and low < high < 4.0
    height = math.log(4.0 / (FLOOR * LEVEL)) / math.log(2.2 / (FLOOR * LEVEL))
    assert math.log(high / (FLOOR * LEVEL)) / math.log(1.54 / (FLOOR * LEVEL)) == pytest.approx(height ** (1 - 2 * pilots.CONVERGES))


def test_the_largest_run_below_the_budget_is_the_pilot_and_the_nearer_it_is_the_narrower_the_interval():
    known = runs(10**10, 2.2) | runs(10**11, 1.7, 1.8) | runs(10**13, 1.0)
    found = from_pilot(known, 1e12, CURVE, LEVEL, LEVEL)
    assert found.known == (10**11,) and found.n == 2
    far = from_pilot(runs(10**10, 2.2), 1e12, CURVE, LEVEL, LEVEL)
    assert found.high / found.low < far.high / far.low


def test_a_text_on_which_the_pilot_is_nearer_to_counts_than_on_the_reference_has_a_wide_interval():
    near, usual = (from_pilot(runs(10**10, nll), 1e12, CURVE, LEVEL, LEVEL) for nll in (1.3, 2.2))
    assert near.high / near.low > 1.2 * usual.high / usual.low and near.nll < 1.3


@pytest.mark.parametrize("known", [{}, runs(10**13, 1.4), runs(10**9, 2.9)], ids=["none", "larger", "below the curve"])
def test_without_a_pilot_nothing_is_foreseen(known):
    assert from_pilot(known, 1e12, CURVE, LEVEL, LEVEL) is None
    assert from_pilot(runs(10**10, 2.2), 1e12, {}, LEVEL, LEVEL) is None


def test_a_mixture_is_below_both_most_where_they_are_equal_and_no_lower_far_apart():
    equal, near, far = (mixed(seen(nll), seen(1.4)) for nll in (1.4, 1.5, 2.5))
    assert equal.nll == pytest.approx(1.4 * (1 - pilots.GAIN)) and equal.nll < near.nll < 1.4
    assert far.nll == pytest.approx(1.4, abs=1e-3)
    assert all(one.low < one.nll < one.high for one in (equal, near, far))
    alone = Expected(1.4, math.nan, math.nan, 1, (), is_outside=False)
    assert mixed(seen(1.5), alone).nll == near.nll


def test_a_plan_spends_a_small_part_on_trials():
    assert pilots.planned(1e10) == {}
    assert pilots.planned(1e11) == {"gated-counts": 10**10}
    assert pilots.planned(3e11) == {"transformer": 15 * 10**9, "gated-counts": 10**10}
    for budget in (1e12, 3.3e12, 1e15):
        assert sum(pilots.planned(budget).values()) <= 0.06 * budget + 1
    assert pilots.planned(1e15)["transformer"] == pilots.MOST


def test_flops_are_rounded_down_to_two_digits():
    assert [pilots.rounded(flops) for flops in (0.5, 7, 99, 123, 8.49e10, 9.99e11)] == [0, 7, 99, 120, 84 * 10**9, 99 * 10**10]


def test_the_reference_reaches_from_the_least_pilot_to_the_largest_recipe():
    curve = pilots.curve(recipe_runs(pilots.TRANSFORMER, pilots.REFERENCE, (result.record for result in frames.recorded())))
    assert list(curve) == sorted(curve) and min(curve) == pilots.LEAST and max(curve) > 1e13
    assert sorted(curve.values(), reverse=True) == list(curve.values())
