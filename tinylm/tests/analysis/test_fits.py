import math

import numpy as np
import pytest

from tinylm import study
from tinylm.analysis import fits
from tinylm.analysis.fits import Law, Points
from tinylm.study import StudyError, select

BUDGETS = (1e11, 3e11, 1e12, 3e12, 1e13)
TRUE = Law("additive", (math.log(1.0), math.log(30), 0.35, math.log(60), 0.33, 0.0, 1.5))


def synthetic(law=TRUE, corpus="wikitext-2-char", noise=0.0, budgets=BUDGETS, seed=0):
    """Losses by a known law on a grid of widths, with noise of their logarithm."""
    rows = []
    for flops in budgets:
        widths, n_params, tokens = fits.sizes(corpus, int(flops), 4, 128)
        rows += [(flops, n, d) for w, n, d in zip(widths, n_params, tokens, strict=True) if w in (16, 24, 32, 48, 64, 96, 128)]
    budget, n_params, tokens = np.array(rows).T
    empty = Points(corpus, 4, 128, budget, n_params, tokens, n_params)
    nll = law(n_params, tokens, empty.unique) * np.exp(np.random.default_rng(seed).normal(0, noise, len(budget)))
    return Points(corpus, 4, 128, budget, n_params, tokens, nll)


@pytest.mark.parametrize("corpus", ["wikitext-2-char", "tiny_shakespeare"])
@pytest.mark.parametrize("form", fits.FORMS)
def test_a_fit_recovers_the_law(form, corpus):
    found = synthetic(corpus=corpus)
    law = fits.fit(found, form)
    assert law.values[:5] == pytest.approx(TRUE.values[:5], rel=0.05, abs=0.05)
    assert law(found.n_params, found.tokens, found.unique) == pytest.approx(found.nll, rel=1e-3)
    assert not found.is_repeated or law.values[6] == pytest.approx(1.5, abs=0.2)


def test_exponents_lie_in_their_intervals_and_outcomes_in_those_of_forecasts():
    inside, hits = 0, 0
    for seed in range(6):
        found = synthetic(noise=0.004, seed=seed)
        law = fits.fit(found)
        laws, _ = fits.resampled(found, law, 60)
        low, high = np.quantile([[one.values[2], one.values[4]] for one in laws], fits.INTERVAL, axis=0)
        inside += int((low <= (0.35, 0.33)).all() and (high >= (0.35, 0.33)).all())
        said = fits.forecast(found, 10**14)
        true = float(TRUE(said.n_params, said.tokens, found.unique))
        hits += said.low <= true <= said.high
        assert said.nll == pytest.approx(true, rel=0.02)
        assert said.low_width <= said.width <= said.high_width
    assert inside >= 3
    assert hits >= 4


def test_one_run_that_failed_does_not_move_a_fit():
    found = synthetic(noise=0.002)
    spoilt = found.nll.copy()
    spoilt[7] *= 1.3
    law = fits.fit(Points(found.corpus, 4, 128, found.budget, found.n_params, found.tokens, spoilt))
    assert law.values[2:5:2] == pytest.approx((0.35, 0.33), abs=0.06)


def test_the_best_size_is_the_lowest_of_the_law_and_grows():
    found = synthetic()
    best = fits.foreseen(TRUE, found, 10**12)
    grid = fits.sizes(found.corpus, 10**12, 4, 128)
    assert best.nll == TRUE(grid[1], grid[2], found.unique).min()
    assert 0.3 < fits.growth(TRUE, found) < 0.7


def test_parabolas_find_the_lowest_point_and_say_where_there_is_none():
    found = synthetic(budgets=(1e12,))
    size = np.log(found.n_params)
    curved = Points(found.corpus, 4, 128, found.budget, found.n_params, found.tokens, 2 + 0.1 * (size - 11) ** 2)
    (curve,) = fits.parabolas(curved)
    assert curve.n_params == pytest.approx(math.exp(11))
    assert curve.nll == pytest.approx(2)
    falling = Points(found.corpus, 4, 128, found.budget, found.n_params, found.tokens, 5 - 0.1 * (size - 5) ** 2)
    assert math.isnan(fits.parabolas(falling)[0].n_params)


def test_held_out_budgets_are_foreseen_from_smaller_ones_only():
    frame = fits.held_out(synthetic(noise=0.001))
    assert list(frame["budget"].unique()) == [3 * 10**12, 10**13]
    assert (frame["miss"] < 1).all()


def test_more_passes_over_a_text_are_worth_ever_less():
    worth = fits.reused(np.array([0.5e6, 1e6, 2e6, 1e8]), 1e6, 3.0)
    assert worth[:2] == pytest.approx([0.5e6, 1e6])
    assert 1.8e6 < worth[2] < 2e6
    assert worth[3] == pytest.approx(4e6, rel=1e-3)


def test_runs_of_two_texts_have_no_law():
    plan = select(study.section_plan("capacity", "full"), role="isoflop")
    assert len({run.spec.corpus for run in plan}) == 2
    with pytest.raises(StudyError, match="one text, depth and context, got 0"):
        fits.points([])


def test_parabolas_grow_about_as_the_law_does():
    found = synthetic()
    assert fits.growth_of_parabolas(found) == pytest.approx(fits.growth(TRUE, found), abs=0.15)
    assert math.isnan(fits.growth_of_parabolas(synthetic(budgets=(1e12,))))
