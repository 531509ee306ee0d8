import dataclasses

import numpy as np
import pytest
from scipy import stats
from synthetic import record, result, results

from tinylm import data
from tinylm.analysis import summaries


def test_summary_gives_mean_and_seed_spread_and_leaves_one_seed_without_one():
    summary = summaries.summary(results(a=[2.0, 2.2, 2.4], b=[3.0])).set_index("name")
    assert summary.loc["a", "test_nll"] == pytest.approx(2.2)
    assert summary.loc["a", "seed_sd"] == pytest.approx(0.2)
    assert list(summary["n"]) == [3, 1]
    assert np.isnan(summary.loc["b", "seed_sd"])


def test_a_diverged_run_is_left_out():
    import dataclasses

    diverged = dataclasses.replace(record(), status="diverged", valid=None, test=None)
    assert summaries.by_row([result("a", diverged), result("b", record())]).keys() == {result("b", record()).run}


def test_half_width_is_students_interval():
    values = [1.0, 1.4, 0.9, 1.2, 1.1]
    low, high = stats.t.interval(0.95, 4, np.mean(values), stats.sem(values))
    assert summaries.half_width(values) == pytest.approx((high - low) / 2)
    assert np.isnan(summaries.half_width([1.0]))


def test_paired_difference_takes_out_the_difficulty_that_both_models_share():
    text = np.random.default_rng(0).normal(2, 0.5, 40)
    gap, error = summaries.paired_difference(record(blocks=text + 0.1), record(blocks=text))
    assert gap == pytest.approx(0.1)
    assert error == pytest.approx(0, abs=1e-9)


def test_paired_error_is_the_standard_error_of_the_block_gaps():
    rng = np.random.default_rng(1)
    a, b = rng.normal(2, 0.5, 40), rng.normal(2, 0.5, 40)
    gap, error = summaries.paired_difference(record(blocks=a), record(blocks=b))
    assert gap == pytest.approx(np.mean(a - b))
    assert error == pytest.approx(stats.sem(a - b))


def test_a_pair_that_scored_other_tokens_is_refused():
    with pytest.raises(ValueError, match="same scored tokens"):
        summaries.paired_difference(record(start=8), record(start=16))


def test_another_text_is_not_the_same_tokens():
    assert not summaries.same_tokens(record(), record(corpus="grammar-word"))
    assert summaries.same_tokens(record(seed=0), record(seed=1))


def test_a_curve_is_read_at_a_budget_in_either_convention():
    run = record(2.0, flops=1_000, curve=4)  # validations at 250, 500, 750 and 1,000 executed FLOPs, twice that textbook
    assert summaries.spent(run, "flops_textbook")[0] == 500
    assert summaries.best_valid_at(run, 500, "flops") == summaries.best_valid_at(run, 1_000, "flops_textbook") == pytest.approx(2.25)
    assert 2.25 < summaries.best_valid_at(run, 400, "flops") < 2.5
    assert summaries.best_valid_at(run, 1, "flops") == pytest.approx(2.5)


def test_over_fitting_does_not_undo_the_best_loss():
    import dataclasses

    run = record(2.0, curve=2)
    worse = [*run.curve, run.curve[-1] | {"flops": 2_000, "valid_nll": 9.0}]
    assert summaries.best_valid_at(dataclasses.replace(run, curve=worse), 2_000, "flops") == pytest.approx(2.25)


def test_a_training_text_that_was_renamed_changes_no_scored_token():
    def scored(corpus, sha256=None):
        return dataclasses.replace(record(corpus=corpus), corpus_sha256=sha256 or data.info(corpus).sha256)

    plain = scored("tiny_shakespeare")
    assert summaries.same_tokens(plain, scored("tiny_shakespeare-renamed"))
    assert not summaries.same_tokens(plain, scored("tiny_shakespeare-plays"))
    assert not summaries.same_tokens(plain, scored("tiny_shakespeare-renamed", "0" * 64))
    assert not summaries.same_tokens(scored("ptb"), scored("ptb-eos"))
