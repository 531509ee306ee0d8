import dataclasses

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.weightstats import ttost_paired
from synthetic import record

from tinylm.analysis import significance, text_noise
from tinylm.analysis.text_noise import Part
from tinylm.config import NgramConfig, TransformerConfig

A = [2.10, 2.14, 2.08, 2.17, 2.11]
B = [2.02, 2.09, 2.05, 2.04, 2.06]
GAPS = [a - b for a, b in zip(A, B, strict=True)]
NETWORK = TransformerConfig(context_length=8, d_model=8, d_ff=8)
COUNTS = NgramConfig(order=2, cache=8)


def test_without_text_noise_paired_is_the_paired_t_test():
    reference = stats.ttest_rel(A, B)
    estimate = significance.paired(GAPS)
    assert 2 * estimate.p_above(0) == pytest.approx(reference.pvalue)
    assert estimate.interval() == pytest.approx(tuple(reference.confidence_interval(0.95)))
    assert 2 * significance.paired(GAPS).p_below(0.2) == pytest.approx(stats.ttest_1samp(GAPS, 0.2).pvalue)


def test_without_text_noise_welch_is_welchs_t_test():
    reference = stats.ttest_ind(A, B[:3], equal_var=False)
    estimate = significance.welch(A, B[:3])
    assert 2 * estimate.p_above(0) == pytest.approx(reference.pvalue)
    assert estimate.interval() == pytest.approx(tuple(reference.confidence_interval(0.95)))
    assert estimate.n == 3


def test_text_noise_widens_the_interval_and_lends_no_degrees_of_freedom():
    plain, noisy = significance.paired(GAPS), significance.paired(GAPS, [Part(variance=0.03**2, df=39)])
    assert noisy.se == pytest.approx(np.hypot(plain.se, 0.03))
    assert noisy.df == plain.df == len(GAPS) - 1
    assert noisy.interval()[0] < plain.interval()[0]
    assert noisy.text_se == pytest.approx(0.03)


def test_few_seeds_err_no_more_often_than_stated():
    draws = np.random.default_rng(0).normal(size=(20_000, 4))  # three seeds and the text, no true difference
    text = Part(variance=1.0, df=39)
    errors = [significance.paired(row[:3] + row[3], [text]).p_above(0) < 0.01 for row in draws]
    assert np.mean(errors) < 0.013


def test_closeness_is_tost():
    estimate = significance.paired(GAPS)
    reference, *_ = ttost_paired(np.array(A), np.array(B), -0.1, 0.1)
    assert significance.p_inside(estimate, -0.1, 0.1) == pytest.approx(reference)
    assert significance.p_outside(estimate, -0.01, 0.01) == pytest.approx(stats.ttest_1samp(GAPS, 0.01, alternative="greater").pvalue)


def test_holm_by_hand():
    # 4 x 0.005, 3 x 0.01, 2 x 0.03, 1 x 0.04, none smaller than the one before it
    assert significance.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert len(significance.holm([])) == 0


def test_wilcoxon_speaks_from_six_pairs_on():
    assert np.isnan(significance.paired(GAPS).wilcoxon())
    assert significance.paired([*GAPS, 0.01]).wilcoxon() == pytest.approx(2 / 2**6)


def test_one_seed_has_an_effect_and_no_interval():
    estimate = significance.paired([0.1], [Part(variance=0.01, df=9)])
    assert estimate.mean == 0.1 and np.isnan(estimate.interval()).all() and np.isnan(estimate.p_above(0))


def test_equal_gaps_leave_no_doubt_and_no_warning():
    estimate = significance.paired([0.25, 0.25, 0.25])
    assert estimate.p_above(0) == 0 and estimate.p_below(0) == 1
    assert estimate.interval() == (0.25, 0.25)


def test_records_pair_by_seed_on_the_same_tokens_and_keep_the_texts_noise():
    rng = np.random.default_rng(0)
    first = [record(blocks=rng.normal(2.1, 0.1, 6), seed=s) for s in (0, 1, 2, 3)]  # blocks too few to be merged
    second = [record(blocks=rng.normal(2.0, 0.1, 6), seed=s) for s in (3, 2, 1)]
    estimate = significance.difference(first, second)
    gaps = np.array([np.array(first[s].test.blocks) - np.array(second[3 - s].test.blocks) for s in (1, 2, 3)])
    assert estimate.test == "paired t" and estimate.n == 3
    assert estimate.gaps == pytest.approx(gaps.mean(1))
    assert estimate.text_se == pytest.approx(stats.sem(gaps.mean(0)))


def test_a_contrast_weighs_rows_over_the_seeds_that_all_share():
    rows = [[record(nll + s / 10, seed=s) for s in seeds] for nll, seeds in ((2.0, (0, 1, 2)), (1.0, (1, 2)), (4.0, (2, 1)))]
    counts = [record(1.0, model=NgramConfig(order=2), eval_start=8)]
    found = significance.contrast([(0.5, rows[0]), (0.5, rows[1]), (-1.0, rows[2])])
    assert found.gaps == pytest.approx([-2.5, -2.5]) and found.test == "paired t"
    assert significance.contrast([(1.0, rows[0]), (-1.0, counts)]) == significance.difference(rows[0], counts)
    with pytest.raises(ValueError, match="a seed that all networks share"):
        significance.contrast([(1.0, rows[0][:1]), (-1.0, rows[1])])


def test_another_length_of_blocks_is_taken_where_it_is_asked_for():
    lasting = np.repeat(np.random.default_rng(5).normal(size=40), 4)
    rows = [record(blocks=2.0 + lasting, seed=s) for s in range(2)], [record(blocks=0 * lasting, seed=s) for s in range(2)]
    short, long = (significance.difference(*rows, block_length=length) for length in (250, 2_000))
    assert (
        short.text_se == pytest.approx(stats.sem(lasting)) and short.text_se < long.text_se and (short.text.df, long.text.df) == (159, 19)
    )


def test_counts_pair_with_every_seed():
    networks = [record(2.0 + 0.01 * s, seed=s) for s in range(4)]
    estimate = significance.difference(networks, [record(1.7, model=NgramConfig(order=6), eval_start=8)])
    assert estimate.test == "one-sample t" and estimate.n == 4
    assert estimate.mean == pytest.approx(0.315)


def test_records_of_other_tokens_or_seeds_are_unpaired():
    blocks = [[2.0, 2.2, 1.9, 2.1], [1.8, 2.2, 1.8, 2.2]]
    first = [record(blocks=blocks[0], seed=s) for s in range(3)]
    for fields in ([(s, 16) for s in range(3)], [(s, 8) for s in (5, 6, 7)]):
        estimate = significance.difference(first, [record(blocks=blocks[1], seed=s, start=start) for s, start in fields])
        assert estimate.test == "Welch t"
        assert estimate.text_se == pytest.approx(np.hypot(*map(stats.sem, blocks)))


def test_a_text_of_few_blocks_takes_degrees_of_freedom_and_one_without_noise_none():
    assert significance.paired(GAPS, [Part(variance=1.0, df=3)]).df == pytest.approx(3, rel=0.01)
    assert significance.paired(GAPS, [Part(variance=0.0, df=3)]).df == len(GAPS) - 1


@pytest.mark.parametrize("model", [dataclasses.replace(NETWORK, induction=(2,)), dataclasses.replace(NETWORK, pointer=4), COUNTS])
def test_what_copies_is_compared_by_blocks_of_thousands_of_tokens(model):
    gains = np.tile([0.3, 0.1, 0.2, 0.1, 0.3, 0.2, 0.0, 0.2], 10)  # neighbours are not alike, as far as short blocks show
    gains += np.tile(np.repeat([0.05, 0.0], 8), 5)
    plain = [record(blocks=2.0 + 0 * gains, seed=s, model=NETWORK) for s in range(2)]
    other = record(blocks=2.0 - gains, model=model, eval_start=8)
    merged = text_noise.of_blocks(gains.reshape(10, 8).mean(1), np.full(10, 2_000))
    for found in (significance.difference(plain, [other]), significance.compared(plain[:1], [other])):
        assert found.text_se == pytest.approx(merged.variance**0.5) and found.text.df == 9
    alike = significance.difference(plain, [record(blocks=2.0 - gains, model=NETWORK)])
    assert alike.text.df > 9, "networks that copy nothing keep short blocks where neighbours are not alike"


def test_with_one_seed_each_the_interval_is_the_texts():
    first, second = record(blocks=[2.0, 2.2, 2.4, 2.0]), record(blocks=[2.1, 2.2, 2.3, 2.2])
    found = significance.compared([first], [second])
    gaps = np.array([-0.1, 0.0, 0.1, -0.2])
    assert (found.n, found.df, found.test) == (1, 3, significance.TEXT_ALONE)
    assert found.mean == pytest.approx(gaps.mean()) and found.se == pytest.approx(stats.sem(gaps, ddof=1))


def test_with_several_seeds_it_is_the_difference_also_on_fewer_common_tokens():
    first = [record(blocks=[2.0 + s / 10, 2.2], seed=s) for s in range(3)]
    second = [record(blocks=[2.3, 2.1 + s / 20, 9.0], seed=s) for s in range(3)]
    found = significance.compared(first, second)
    short = [record(blocks=r.test.blocks[:2], seed=s) for s, r in enumerate(second)]
    assert found.n == 3 and found == significance.difference(first, short)


def test_counts_may_stand_first():
    networks, counts = [record(test, seed=s) for s, test in enumerate((2.0, 2.1))], [record(1.9, model=NgramConfig())]
    there, back = significance.compared(networks, counts), significance.compared(counts, networks)
    assert there.mean == -back.mean == pytest.approx(0.15) and there.se == back.se and there.gaps == tuple(-gap for gap in back.gaps)


def test_a_run_counts_once_and_one_seed_in_common_pairs_no_rows():
    first = [record(2.0 + s / 10, seed=s) for s in range(3)]
    second = [record(1.0 + s / 20, seed=s + 2) for s in range(3)]
    assert significance.compared([*first, first[0]], second) == significance.compared(first, second)
    assert significance.compared(first, second).test == "Welch t" and significance.compared(first, second).n == 3


def test_one_run_is_compared_with_the_same_seed_of_several_or_else_with_their_mean():
    several = [record(blocks=[2.0 + s, 2.5], seed=s) for s in range(3)]
    for seed, theirs in ((0, 2.0), (2, 4.0), (7, 3.0)):
        one = [record(blocks=[1.0, 1.5], seed=seed)]
        there, back = significance.compared(several, one), significance.compared(one, several)
        assert there.mean == -back.mean == pytest.approx(((theirs + 2.5) - (1.0 + 1.5)) / 2) and there.test == significance.TEXT_ALONE
