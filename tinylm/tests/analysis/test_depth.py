import math

import capacity
import numpy as np
import pytest

from tinylm.analysis import depth
from tinylm.analysis.depth import Pair
from tinylm.analysis.significance import paired


def pair(budget, gap, width=32, steps=0.01, corpus="grammar-char"):
    return Pair(
        corpus=corpus, budget=budget, width=width, steps=steps, tokens=1_000 * steps, valid=2.0, gap=paired([gap - 0.01, gap, gap + 0.01])
    )


def test_pairs_have_one_width_and_budget_and_differ_in_depth():
    found = depth.pairs(capacity.results(10**12))
    assert len(found) == 3 * 6 and {one.corpus for one in found} == {"wikitext-2-char"}
    smallest = [one for one in found if one.budget == 10**11]
    assert [one.width for one in smallest] == [16, 24, 32, 40, 48, 64] and {one.gap.n for one in smallest} == {3}
    assert [one.steps for one in smallest] == sorted((one.steps for one in smallest), reverse=True)
    assert {one.gap.df for one in smallest} == {2 * 12 + 6}, "three seeds at two budgets, two at another"
    assert depth.pairs([]) == []


def test_the_budget_of_a_draw_lies_between_two_that_disagree():
    assert depth.level_at([pair(10**12, -0.1), pair(10**10, 0.1)]) == pytest.approx(10**11)
    assert depth.level_at([pair(10**10, -0.1), pair(10**11, 0.3), pair(10**12, -0.1)]) == pytest.approx(10**11.75)
    assert depth.level_at([pair(10**10, -0.1), pair(10**11, 0.1)]) == math.inf
    assert depth.level_at([pair(10**10, -0.1)]) == 0


def test_the_threshold_is_found_again_within_its_interval():
    rng = np.random.default_rng(0)
    steps = np.geomspace(1e-3, 1e-1, 12)
    found = [pair(10**11, -0.05 * math.log(one / 0.02) + rng.normal(0, 0.01), steps=one) for one in steps]
    said = depth.threshold(found)
    assert said.low < 0.02 < said.high and said.high / said.low < 1.5 and said.n == 12
    exact = depth.threshold([pair(10**11, -0.05 * math.log(one / 0.02), steps=one) for one in steps])
    assert exact.steps == pytest.approx(0.02) and exact.low == pytest.approx(0.02)


@pytest.mark.parametrize("gaps", [[0.1, 0.2, 0.3], [-0.1, -0.2, -0.3], [-0.1, 0.0, 0.1], [0.1, -0.1]])
def test_no_threshold_is_made_up(gaps):
    found = [pair(10**11, gap, steps=10.0**at) for at, gap in enumerate(gaps)]
    assert math.isnan(depth.threshold(found).steps)


def test_an_unclear_slope_has_an_interval_without_ends():
    found = [pair(10**11, gap, steps=10.0**at) for at, gap in enumerate([0.1, -0.1, 0.1, -0.11])]
    said = depth.threshold(found)
    assert (said.low, said.high) == (0, math.inf) and math.isfinite(said.steps)


def test_a_line_explains_what_lies_on_it():
    exact = [pair(10**11, -0.05 * at, steps=10.0**at) for at in range(4)]
    assert depth.explained(exact, "steps") == pytest.approx(1) == depth.explained(exact, "tokens")
    assert depth.explained([pair(10**11, gap, steps=10.0**at) for at, gap in enumerate([0.1, -0.1, 0.1])], "steps") < 0.1
    assert math.isnan(depth.explained(exact[:2], "steps"))
