import numpy as np
import pytest
from scipy import stats
from scipy.signal import lfilter

from tinylm.analysis import text_noise

SHORT = 250  # tokens of a block that records keep


def even(means):
    return np.full(len(means), SHORT)


def alike(n_texts, n, likeness):
    """Texts of n blocks of which each is `likeness` times the one before it plus noise; the true mean is zero."""
    noise = np.random.default_rng(0).normal(size=(n_texts, n + 100))
    return lfilter([1], [1, -likeness], noise, axis=1)[:, 100:]


def coverage(texts, noise):
    """How often the 95 % interval of a text's mean holds the true one."""
    found = [(abs(means.mean()), noise(means)) for means in texts]
    return np.mean([gap <= stats.t.ppf(0.975, part.df) * part.variance**0.5 for gap, part in found])


# The lag-1 correlations of recorded block differences are 0.12 to 0.41 on most pairs of runs, on whole test splits up to 0.54.
@pytest.mark.parametrize(("n", "likeness", "short"), [(n, *pair) for n in (40, 400) for pair in ((0.12, 0.94), (0.25, 0.91), (0.41, 0.84))])
def test_intervals_hold_the_mean_as_often_as_stated_where_short_blocks_do_not(n, likeness, short):
    texts = alike(600, n, likeness)
    as_recorded = coverage(texts, lambda means: text_noise.of_blocks(means, even(means)))
    merged = coverage(texts, lambda means: text_noise.part(means, even(means)))
    assert as_recorded < short
    assert merged > 0.91 and merged > as_recorded


def test_blocks_that_are_not_alike_are_kept_and_cost_nothing():
    texts = np.random.default_rng(1).normal(size=(400, 200))
    lengths = [text_noise.block_length(means, even(means)) for means in texts]
    assert np.mean(np.array(lengths) == SHORT) > 0.7
    assert 0.93 < coverage(texts, lambda means: text_noise.part(means, even(means))) < 0.97
    widths = [text_noise.part(means, even(means)).variance ** 0.5 for means in texts]
    assert np.mean(widths) == pytest.approx(200**-0.5, rel=0.05)


def test_an_effect_that_lasts_for_thousands_of_tokens_is_one_block():
    lasting = np.repeat(np.random.default_rng(2).normal(size=40), 8)  # 2,000 tokens each
    part = text_noise.part(lasting, even(lasting))
    assert part.variance**0.5 == pytest.approx(40**-0.5, rel=0.3) and 9 <= part.df <= 39
    assert text_noise.of_blocks(lasting, even(lasting)).variance < part.variance / 4


def test_blocks_are_as_long_as_is_asked_for_at_least_and_a_few_are_left():
    means = np.array([1.0, -1.0] * 40)
    assert text_noise.block_length(means, even(means)) == SHORT
    assert text_noise.block_length(means, even(means), 2_000) == 2_000
    assert text_noise.part(means, even(means), 2_000).df == 9
    few = means[:20]  # 5,000 tokens
    assert text_noise.block_length(few, even(few), 2_000) == 1_250
    assert text_noise.part(few, even(few), 2_000).df == 3


def test_merging_keeps_the_mean_and_the_tokens():
    means, sizes = np.random.default_rng(3).normal(size=9), np.array([SHORT] * 8 + [100])
    long, tokens = text_noise.merged(means, sizes, 500)
    assert list(tokens) == [750, 500, 500, 350] and np.average(long, weights=tokens) == pytest.approx(np.average(means, weights=sizes))
    same, untouched = text_noise.merged(means, sizes, SHORT)
    assert list(same) == list(means) and list(untouched) == list(sizes)


def test_independent_blocks_weigh_as_much_as_they_hold():
    means, sizes = np.array([1.0, 2.0, 4.0]), np.array([SHORT, SHORT, 50])
    mean = (250 * 1 + 250 * 2 + 50 * 4) / 550
    squares = 250 * (1 - mean) ** 2 + 250 * (2 - mean) ** 2 + 50 * (4 - mean) ** 2
    assert text_noise.of_blocks(means, sizes).variance == pytest.approx(squares / 550 / 2)
    assert text_noise.of_blocks(means, even(means)).variance == pytest.approx(stats.sem(means) ** 2)


def test_one_block_says_nothing_of_its_noise_and_equal_ones_have_none():
    assert np.isnan(text_noise.part(np.array([2.0]), even([2.0])).variance)
    assert text_noise.part(np.full(40, 0.1), even(np.zeros(40))).variance == pytest.approx(0, abs=1e-20)
