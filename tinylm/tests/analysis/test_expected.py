import dataclasses
import math

import numpy as np
import pytest
from scipy import stats
from synthetic import record

from tinylm import files, ledger
from tinylm.analysis import expected
from tinylm.study.recipes import recipe


def test_what_a_recipe_is_expected_to_reach_is_read_between_its_recorded_budgets():
    def made(flops, nll, seed, **changes):
        spec = recipe("mlp", "grammar-char", flops)
        return dataclasses.replace(record(nll), spec=dataclasses.replace(spec, seed=seed, train=dataclasses.replace(spec.train, **changes)))

    records = [made(10**12, 1.6, 0), made(10**10, 2.0, 0), made(10**10, 2.2, 1), made(10**11, 0.5, 0, lr=1e-5)]
    runs = expected.recipe_runs("mlp", "grammar-char", records)
    assert {budget: len(group) for budget, group in runs.items()} == {10**10: 2, 10**12: 1}  # not the one with another rate
    between = expected.read_off(runs, 10**11)
    assert (between.nll, between.n, between.known) == (pytest.approx(1.75), 3, (10**10, 10**12))  # valid is 0.1 below: 2.0 and 1.5
    assert not between.is_outside
    for flops, nll, n, nearest in ((10**9, 2.0, 2, 10**10), (10**15, 1.5, 1, 10**12)):
        seen = expected.read_off(runs, flops)
        assert (seen.nll, seen.n, seen.known, seen.is_outside) == (pytest.approx(nll), n, (nearest,), True)
    assert expected.recipe_runs("mlp", "tiny_shakespeare", records) == {} and expected.read_off({}, 10**11) is None


def test_an_expectation_carries_the_interval_of_one_more_run():
    group = {flops: [record(nll, seed=s) for s, nll in enumerate(nlls)] for flops, nlls in ((100, [2.0, 2.1, 2.3]), (10_000, [1.5, 1.7]))}
    here, between = expected.read_off(group, 100), expected.read_off(group, 1_000)
    variance = (np.var([1.9, 2.0, 2.2]) * 3 + np.var([1.4, 1.6]) * 2) / 3  # pooled over the budgets
    half = stats.t.ppf(0.975, 3) * math.sqrt(variance) * math.sqrt(1 + 1 / 3)
    assert (here.low, here.high) == (pytest.approx(here.nll - half), pytest.approx(here.nll + half)) and here.n == 3
    assert between.high == here.high and between.low == expected.read_off(group, 10_000).low and between.n == 5
    assert between.low < between.nll < between.high
    assert math.isnan(expected.read_off({100: [record(2.0)]}, 100).low), "single seeds have no interval"


def test_recorded_runs_lie_where_the_other_budgets_let_expect_them():
    records = ledger.Ledger([files.LEDGER]).records.values()
    runs = expected.recipe_runs("transformer", "tiny_shakespeare", records)
    told = {budget: expected.read_off({b: group for b, group in runs.items() if b != budget}, budget) for budget in sorted(runs)[1:-1]}
    inside = [seen.low <= record.valid.nll <= seen.high for budget, seen in told.items() for record in runs[budget]]
    assert len(told) >= 5 and np.mean(inside) >= 0.9
