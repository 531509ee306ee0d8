import dataclasses
import math

import numpy as np
import pytest
from scipy import stats
from synthetic import record, rungs, seeds

from tinylm import files, ledger
from tinylm.analysis import budgets
from tinylm.report import plots, tables
from tinylm.study.ladder import RUNGS
from tinylm.study.recipes import recipe


def test_gains_are_taken_from_the_rung_below():
    names = [rung.name for rung in RUNGS[:5]]
    frame = budgets.ladder(rungs({name: [2.0 - 0.1 * i + 0.01 * s for s in range(3)] for i, name in enumerate(names)}))
    assert list(frame["below"]) == ["", *names[:4]]
    assert math.isnan(frame["gain"][0]) and frame["gain"][1] == pytest.approx(0.1) and frame["n"][1] == 3
    shown = tables.ladder(frame)
    assert list(tables.changes(frame)["what it changes"]) == [rung.about for rung in RUNGS[:5]]
    assert list(shown["climbed"])[-1] == "tried" and shown["gain, 95 %"][1].startswith("+0.100")
    fig, drawn = plots.waterfall(frame)
    assert len(drawn) == 5 and len(fig.axes[0].patches) == 5


def test_a_ladder_without_records_is_empty_and_no_error():
    frame = budgets.ladder([])
    assert tables.ladder(frame).empty and plots.waterfall(frame)[1] == []


def test_a_target_is_reached_by_the_smallest_budget_whose_seeds_do_on_average():
    found = [*seeds("MLP", 1_000, [2.1, 2.1]), *seeds("MLP", 100_000, [1.9, 1.7]), *seeds("Linear", 1_000, [3.0, 3.1])]
    frame = budgets.to_target(found, 1.75).set_index("architecture")  # valid is 0.1 below test: 2.0, then 1.8 and 1.6
    assert frame.loc["MLP"].to_dict() == {"misses": 1_000, "reaches": 100_000, "n": 2, "n_reach": 1}
    linear = frame.loc["Linear"]
    assert linear["misses"] == 1_000 and math.isnan(linear["reaches"]) and (linear["n"], linear["n_reach"]) == (2, 0)
    first = budgets.to_target(found, 2.5).set_index("architecture").loc["MLP"]
    assert math.isnan(first["misses"]) and first["reaches"] == 1_000
    on_test = budgets.to_target(found, 1.75, "test").set_index("architecture").loc["MLP"]
    assert math.isnan(on_test["reaches"]) and on_test["misses"] == 100_000 and on_test["n_reach"] == 1


def test_budgets_above_one_that_reaches_do_not_matter():
    found = [*seeds("MLP", 1_000, [1.5]), *seeds("MLP", 100_000, [2.5])]
    assert budgets.to_target(found, 1.5)["reaches"].tolist() == [1_000]


def test_what_a_recipe_is_expected_to_reach_is_read_between_its_recorded_budgets():
    def made(flops, nll, seed, **changes):
        spec = recipe("mlp", "grammar-char", flops)
        return dataclasses.replace(record(nll), spec=dataclasses.replace(spec, seed=seed, train=dataclasses.replace(spec.train, **changes)))

    records = [made(10**12, 1.6, 0), made(10**10, 2.0, 0), made(10**10, 2.2, 1), made(10**11, 0.5, 0, lr=1e-5)]
    runs = budgets.recipe_runs("mlp", "grammar-char", records)
    assert {budget: len(group) for budget, group in runs.items()} == {10**10: 2, 10**12: 1}  # not the one with another rate
    between = budgets.read_off(runs, 10**11)
    assert (between.nll, between.n, between.known) == (pytest.approx(1.75), 3, (10**10, 10**12))  # valid is 0.1 below: 2.0 and 1.5
    assert not between.is_outside
    for flops, nll, n, nearest in ((10**9, 2.0, 2, 10**10), (10**15, 1.5, 1, 10**12)):
        seen = budgets.read_off(runs, flops)
        assert (seen.nll, seen.n, seen.known, seen.is_outside) == (pytest.approx(nll), n, (nearest,), True)
    assert budgets.recipe_runs("mlp", "tiny_shakespeare", records) == {} and budgets.read_off({}, 10**11) is None


def test_an_expectation_carries_the_interval_of_one_more_run():
    group = {flops: [record(nll, seed=s) for s, nll in enumerate(nlls)] for flops, nlls in ((100, [2.0, 2.1, 2.3]), (10_000, [1.5, 1.7]))}
    here, between = budgets.read_off(group, 100), budgets.read_off(group, 1_000)
    variance = (np.var([1.9, 2.0, 2.2]) * 3 + np.var([1.4, 1.6]) * 2) / 3  # pooled over the budgets
    half = stats.t.ppf(0.975, 3) * math.sqrt(variance) * math.sqrt(1 + 1 / 3)
    assert (here.low, here.high) == (pytest.approx(here.nll - half), pytest.approx(here.nll + half)) and here.n == 3
    assert between.high == here.high and between.low == budgets.read_off(group, 10_000).low and between.n == 5
    assert between.low < between.nll < between.high
    assert math.isnan(budgets.read_off({100: [record(2.0)]}, 100).low), "single seeds have no interval"


def test_recorded_runs_lie_where_the_other_budgets_let_expect_them():
    records = ledger.Ledger([files.LEDGER]).records.values()
    runs = budgets.recipe_runs("transformer", "tiny_shakespeare", records)
    told = {budget: budgets.read_off({b: group for b, group in runs.items() if b != budget}, budget) for budget in sorted(runs)[1:-1]}
    inside = [seen.low <= record.valid.nll <= seen.high for budget, seen in told.items() for record in runs[budget]]
    assert len(told) >= 5 and np.mean(inside) >= 0.9


def test_a_frontier_and_a_target_without_records_are_empty_and_no_error():
    assert budgets.frontier([]).empty and budgets.to_target([], 1.9).empty
    assert tables.targets([], []).values.tolist() == [["none is recorded"]]
