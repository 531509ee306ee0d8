import gc
import itertools
import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.formula.api import ols
from synthetic import record

from tinylm.analysis import families, significance
from tinylm.analysis.families import BEFORE, CLEAR, OPEN
from tinylm.config import NgramConfig

RNG = np.random.default_rng(0)


def cells(n=3, /, **nlls):
    """Cells of n seeds each around their NLLs, with a seed SD of 0.01."""
    return {name: [record(nll + e, seed=s) for s, e in enumerate(RNG.normal(0, 0.01, n))] for name, nll in nlls.items()}


def test_contrasts_of_a_factorial_are_those_of_its_analysis_of_variance():
    effects = {"attention": 0.02, "mlp": 0.0}, {"induction": -0.05, "none": 0.0}, {"muon": -0.01, "adamw": 0.0}
    found = {
        names: cells(5, x=2.0 + sum(effect[name] for effect, name in zip(effects, names, strict=True)))["x"]
        for names in itertools.product(*effects)
    }
    sign = {name: 1 if effect else -1 for factor in effects for name, effect in factor.items()}
    contrasts = {
        "induction": {names: sign[names[1]] / 4 for names in found},
        "attention x induction": {names: sign[names[0]] * sign[names[1]] / 4 for names in found},
    }
    frame = families.family(found, contrasts).set_index("contrast")
    rows = [(*(sign[name] for name in names), r.test.nll) for names, records in found.items() for r in records]
    fit = ols("y ~ a * b * c", pd.DataFrame(rows, columns=["a", "b", "c", "y"])).fit()
    for name, term in (("induction", "b"), ("attention x induction", "a:b")):
        assert frame.loc[name, "effect"] == pytest.approx(2 * fit.params[term])
        assert frame.loc[name, "p"] == pytest.approx(fit.pvalues[term])
        assert (frame.loc[name, "low"], frame.loc[name, "high"]) == pytest.approx(tuple(2 * fit.conf_int().loc[term]))
    assert frame.loc["induction", "verdict"] == CLEAR


def steps(names):
    """Each cell against the one before it."""
    return {below + above: {below: 1.0, above: -1.0} for below, above in itertools.pairwise(names)}


def test_three_seeds_alone_cannot_pass_a_correction_that_the_family_passes():
    names = {name: 3.0 - 0.05 * i for i, name in enumerate("abcdefghijklmnopqrstu")}  # twenty true steps
    found = cells(**names)
    frame = families.family(found, steps(names))
    assert (frame["verdict"] == CLEAR).all()
    assert (significance.holm(frame["p_alone"]) > 0.05).sum() > 10
    assert families.clear_alone(frame) < 10
    far = families.family(cells(5, a=3.0, b=2.0, c=1.999), steps("abc"))
    assert families.clear_alone(far) == 1 and families.clear_alone(far.assign(verdict=OPEN)) == 0
    alone = [2 * significance.difference(found[a], found[b]).p_above(0) for a, b in itertools.pairwise(names)]
    assert list(frame["p_alone"]) == pytest.approx(alone)


@pytest.fixture
def few_objects():
    """What other tests have loaded is no garbage: statsmodels collects it at each correction, which then takes a second."""
    gc.freeze()
    yield
    gc.unfreeze()


def test_a_family_without_effects_is_rarely_clear(few_objects):
    names = dict.fromkeys("abcdefghij", 2.0)
    frames = [families.family(cells(**names), steps(names)) for _ in range(150)]
    assert np.mean([(frame["verdict"] == CLEAR).any() for frame in frames]) < 0.1
    assert 0.03 < np.mean([frame["p"] < 0.05 for frame in frames]) < 0.08
    assert np.mean([(frame["verdict"] == BEFORE).any() for frame in frames]) > 0.1


def test_the_texts_noise_is_added_to_the_seeds():
    blocks = np.array([2.0, 2.3, 2.1, 2.4])
    found = {"a": [record(blocks=blocks + s / 100, seed=s) for s in range(3)], "b": cells(b=2.0)["b"]}
    (row,) = families.family(found, {"a - b": {"a": 1.0, "b": -1.0}}).to_dict("records")
    assert row["text_se"] == pytest.approx(stats.sem(blocks)) and row["high"] - row["low"] > 4 * row["text_se"]


def test_counts_stand_in_a_contrast_and_add_no_spread():
    counts = record(1.9, model=NgramConfig(order=2), eval_start=8)
    found = {"network": [record(2.0 + s / 100, seed=s) for s in range(3)], "counts": [counts]}
    (row,) = families.family(found, {"gap": {"network": 1.0, "counts": -1.0}}).to_dict("records")
    assert row["p"] == pytest.approx(row["p_alone"]) and row["effect"] == pytest.approx(0.11) and row["n"] == 3


def test_a_contrast_of_one_seed_stays_open_whatever_the_others_say():
    found = cells(a=3.0, b=2.0) | cells(1, c=1.0)
    frame = families.family(found, steps("abc")).set_index("contrast")
    assert list(frame["verdict"]) == [CLEAR, OPEN] and math.isnan(frame.loc["bc", "p"]) and math.isnan(frame.loc["bc", "low"])
    assert frame.loc["bc", "effect"] == pytest.approx(1.0, abs=0.1)
    alone = families.family(cells(1, a=3.0, b=2.0), steps("ab"))
    assert list(alone["verdict"]) == [OPEN] and alone["p_holm"].isna().all()
    assert families.family({}, {}).empty


def test_the_pooled_variance_is_that_within_groups():
    part = families.pooled_variance([[1.0, 3.0], [10.0, 10.0, 13.0], [5.0]])
    assert part.df == 3 and part.variance == pytest.approx((2 + 6) / 3)
    assert math.isnan(families.pooled_variance([[1.0]]).variance)


@pytest.mark.parametrize(
    ("p", "p_holm", "verdict"), [(0.01, 0.04, CLEAR), (0.01, 0.06, BEFORE), (0.06, 1.0, OPEN), (math.nan, math.nan, OPEN)]
)
def test_a_verdict_is_one_of_three(p, p_holm, verdict):
    assert families.verdict(p, p_holm) == verdict


def test_the_variance_of_paired_rows_leaves_out_what_a_seed_does_to_all():
    rng = np.random.default_rng(1)
    found = []
    for _ in range(100):
        seeds = rng.normal(0, 0.1, 5)
        rows = {name: [record(2 + seeds[s] + rng.normal(0, 0.01), seed=s) for s in range(4 if name == "a" else 5)] for name in "abcdef"}
        found.append(families.paired_variance(rows))
    assert np.mean([part.variance for part in found]) == pytest.approx(1e-4, rel=0.1)
    assert {part.df for part in found} == {29 - 6 - 4}
    assert math.isnan(families.paired_variance({"a": [record(2.0)], "b": [record(2.1)]}).variance)
    assert math.isnan(families.paired_variance({}).variance)


def test_a_seed_may_have_another_effect_in_each_group():
    found = []
    for _ in range(200):
        effects = {text: RNG.normal(0, 0.1, 3) for text in "xy"}
        rows = {
            (text, model): [record(2.0 + effect + RNG.normal(0, 0.01), seed=s) for s, effect in enumerate(of)]
            for text, of in effects.items()
            for model in "abc"
        }
        found.append(families.paired_variance(rows, lambda cell: cell[0]))
    assert np.mean([part.variance for part in found]) == pytest.approx(1e-4, rel=0.1) and found[0].df == 2 * 4


def test_families_are_joined_under_other_names_and_what_is_not_clear_has_a_star():
    frame = families.family(cells(a=2.0, b=1.9), steps("ab"))
    joined = families.joined([frame, frame.iloc[:0], frame], ["contrast", "gain"], {"effect": "gain"})
    assert list(joined.columns) == ["contrast", "gain"] and len(joined) == 2
    assert list(families.joined([], ["gain"], {}).columns) == ["gain"]
    assert [families.star(verdict) for verdict in (CLEAR, BEFORE, OPEN)] == ["", "*", "*"]


def test_a_family_may_have_another_spread():
    names = {"a": 2.0, "b": 1.99}
    rows = {name: [record(nll + 0.1 * s, seed=s) for s in range(3)] for name, nll in names.items()}
    paired = families.family(rows, steps(names), families.paired_variance(rows))
    assert (paired["high"] - paired["low"] < 1e-6).all()
    assert (families.family(rows, steps(names)).eval("high - low") > 0.2).all()
