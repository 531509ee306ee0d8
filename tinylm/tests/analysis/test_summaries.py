import dataclasses
import re

import numpy as np
import pytest
import synthetic
from scipy import stats
from synthetic import record, result, results

from tinylm import data, study
from tinylm.analysis import summaries
from tinylm.config import MLPConfig, NgramConfig
from tinylm.study import titles


def test_summary_gives_mean_and_seed_spread_and_leaves_one_seed_without_one():
    summary = summaries.summary(results(a=[2.0, 2.2, 2.4], b=[3.0])).set_index("name")
    assert summary.loc["a", "test_nll"] == pytest.approx(2.2)
    assert summary.loc["a", "seed_sd"] == pytest.approx(0.2)
    assert list(summary["n"]) == [3, 1]
    assert np.isnan(summary.loc["b", "seed_sd"])


def test_a_diverged_run_is_left_out():
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


def test_paired_error_of_few_blocks_is_the_standard_error_of_their_gaps():
    rng = np.random.default_rng(1)
    a, b = rng.normal(2, 0.5, 6), rng.normal(2, 0.5, 6)
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


def test_a_row_is_its_seeds_in_the_order_of_appearance():
    found = [result("b", record(seed=1)), result("a", record(seed=0)), result("b", record(seed=0))]
    groups = summaries.by_row(found)
    assert [run.name for run in groups] == ["b", "a"] and all(run.spec.seed == 0 for run in groups)
    assert [[one.spec.seed for one in records] for records in groups.values()] == [[1, 0], [0]]


def test_runs_of_one_spec_that_play_different_parts_are_different_rows():
    found = [result("a", record(), role=role) for role in ("baseline", "frontier")]
    assert [run.role for run in summaries.by_row(found)] == ["baseline", "frontier"]


def test_counts_and_networks_are_told_apart_by_their_spec():
    found = [*results(a=[2.0]), result("KN-6", record(1.7, model=NgramConfig(order=6)))]
    assert summaries.networks(found) == found[:1] and summaries.counts(found) == found[1:]


def test_rivals_are_chosen_on_valid_among_counts_of_the_same_tokens():
    network = record(2.0)  # which reads 8 tokens
    worse, better, elsewhere = (record(nll, model=NgramConfig(order=4), start=s) for nll, s in ((1.7, 8), (1.6, 8), (1.0, 9)))
    near, far = (record(1.5 - size / 100, model=NgramConfig(order=4, cache=size)) for size in (8, 9))
    assert summaries.rivals([network, worse, better, elsewhere, near, far], network) == (better, near)
    lucky = dataclasses.replace(worse, test=better.test, valid=dataclasses.replace(worse.valid, nll=0.5))
    assert summaries.best_counts([better, lucky], network) is lucky
    assert summaries.rivals([network, elsewhere], network) == (None, None)


def test_one_more_run_falls_in_a_wider_interval_than_the_mean():
    values = [1.0, 1.4, 0.9, 1.2]  # SD of a new run against the mean of four: SD sqrt(1 + 1 / 4)
    expected = stats.t.ppf(0.975, 3) * np.std(values, ddof=1) * np.sqrt(1.25)
    assert summaries.single_run_half_width(values) == pytest.approx(expected)


def test_neighbours_that_are_alike_widen_the_paired_error_and_the_error_of_a_row():
    lasting = np.repeat(np.random.default_rng(3).normal(size=20), 8)
    _, error = summaries.paired_difference(record(blocks=2.0 + lasting), record(blocks=0 * lasting))
    assert error > 2 * stats.sem(lasting)
    (line,) = summaries.summary([result("a", record(blocks=2.0 + lasting))]).to_dict("records")
    assert line["test_se"] == pytest.approx(error)


def test_the_last_block_weighs_as_much_as_it_holds():
    score = dataclasses.replace(synthetic.score("test", [1.0, 2.0, 4.0]), n_tokens=550)  # 250, 250 and 50
    assert list(summaries.block_sizes(score)) == [250, 250, 50]
    first = dataclasses.replace(record(), test=score)
    second = dataclasses.replace(first, test=dataclasses.replace(score, blocks=[0.0, 0.0, 0.0]))
    assert summaries.paired_difference(first, second)[0] == pytest.approx((250 * 1 + 250 * 2 + 50 * 4) / 550)


def test_a_summary_holds_the_costs_of_a_seed_and_the_mean_time():
    found = [result("a", dataclasses.replace(record(seed=s, flops=1_000), seconds=1.0 + s)) for s in (0, 1)]
    (line,) = summaries.summary(found).to_dict("records")
    costs = {"flops": 1_000, "flops_textbook": 2_000, "flops_2nd": 3_000, "n_params": 100, "seconds": 1.5}
    assert {name: line[name] for name in costs} == costs and line["valid_nll"] == pytest.approx(1.9)


def test_a_summary_of_nothing_has_its_columns():
    assert list(summaries.summary([]).columns) == list(summaries.summary(results(a=[2.0])).columns)


def test_a_result_is_called_otherwise_and_stays_what_it_is():
    found = result("a", record())
    other = summaries.called("another", found)
    assert other.run == dataclasses.replace(found.run, name="another") and other.record is found.record


def scored(n_blocks, start=256, corpus="ptb", model=None):
    """A record of blocks of 250 tokens with NLLs 1, 2, 3, ..."""
    return record(blocks=[float(i + 1) for i in range(n_blocks)], start=start, corpus=corpus, model=model)


def test_scores_of_other_lengths_are_cut_to_the_blocks_that_all_have():
    (first,), (second,) = summaries.on_common_tokens([scored(4)], [scored(2)])
    assert first.test.blocks == second.test.blocks == [1.0, 2.0] and first.test.n_tokens == 500 and first.test.nll == 1.5
    assert summaries.same_tokens(first, second)
    (same,), _ = summaries.on_common_tokens([scored(4)], [scored(4)])
    assert same == scored(4)


def test_scores_that_do_not_begin_alike_are_not_cut():
    early, late = scored(4, start=128), scored(4, model=MLPConfig(context_length=8))
    name = titles.run(early.spec)
    with pytest.raises(
        summaries.DifferentTokens, match=f"from different tokens on, 128 and 256; train {re.escape(name)} again with eval_start=256$"
    ):
        summaries.on_common_tokens([early], [late])
    with pytest.raises(summaries.DifferentTokens, match="different texts, of ptb and grammar-char"):
        summaries.on_common_tokens([scored(4)], [scored(4, corpus="grammar-char")])


def test_a_run_of_the_study_is_not_the_one_to_train_again():
    (fixed, *_), others = (study.section_plan("architectures", "full"), [{}, {"context_length": 200}])
    published = dataclasses.replace(scored(4, start=128), spec=fixed.spec)
    for model, remedy in zip(others, ("eval_start=128", "context_length=128 and eval_start=128"), strict=True):
        own = scored(4, corpus=fixed.spec.corpus, model=MLPConfig(**model))
        for rows in ([[own], [published]], [[published], [own]]):
            with pytest.raises(summaries.DifferentTokens, match=f"; train {re.escape(titles.run(own.spec))} again with {remedy}$"):
                summaries.on_common_tokens(*rows)
    later = dataclasses.replace(published, test=scored(4).test)
    with pytest.raises(summaries.DifferentTokens, match="compare runs whose records begin with the same token"):
        summaries.on_common_tokens([published], [later])


def test_runs_of_a_text_that_is_elsewhere_are_compared():
    found = [scored(4, corpus="text-0123456789ab"), scored(2, corpus="text-0123456789ab")]
    (first,), (second,) = summaries.on_common_tokens([found[0]], [found[1]])
    assert summaries.same_tokens(first, second)
    with pytest.raises(summaries.DifferentTokens, match="different texts"):
        summaries.on_common_tokens([found[0]], [dataclasses.replace(found[1], corpus_sha256="another")])


def test_less_than_a_block_is_not_compared_with_more():
    short = scored(1)
    short = dataclasses.replace(short, test=dataclasses.replace(short.test, n_tokens=100))
    with pytest.raises(summaries.DifferentTokens, match="fewer than 250 tokens"):
        summaries.on_common_tokens([short], [scored(4)])
