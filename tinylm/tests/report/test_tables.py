import dataclasses

import pytest
from synthetic import record, result, results

from tinylm import data, study
from tinylm.analysis import numbers
from tinylm.analysis.summaries import Result
from tinylm.config import NgramConfig
from tinylm.data import statistics
from tinylm.report import sentences, tables
from tinylm.study import reported_rows


def test_amounts_spreads_and_signs_are_written_one_way():
    assert numbers.amount(5.554e13) == r"$5.55 \times 10^{13}$"
    assert numbers.amount(0) == numbers.spread(float("nan")) == "–"
    assert numbers.signed(-0.12345) == "−0.1235"
    assert (numbers.perplexity(2.0), numbers.perplexity(10.4126)) == ("7.389", "33,276")
    assert numbers.signed(0.1) == "+0.1000"


def test_the_results_table_compares_with_the_study_only_where_the_spec_is_its_own():
    (run,) = study.select(study.section_plan("architectures", "full"), architecture="Transformer", seed=0)
    ours = Result(run, dataclasses.replace(record(2.01), spec=run.spec))
    frame = tables.results([ours, result("Other", record(1.5))]).set_index("model")
    assert frame.loc["Transformer", "study"] == "2.0058"
    assert frame.loc["Transformer", "ours − study"] == "+0.0042"
    assert frame.loc["Other", "study"] == "–"


def test_planned_counts_seeds_and_skips_counts():
    frame = tables.planned(study.section_plan("architectures", "full"))
    assert list(frame["model"]) == ["Linear", "MLP", "Self-Attention", "Transformer"]
    assert list(frame["parameters"]) == ["1,073,345", "4,285,377", "231,617", "430,785"]
    assert set(frame["seeds"]) == {5}


def test_neighbours_pairs_seeds_within_a_family_only():
    nlls = {"narrow": [2.5, 2.6], "wide": [2.4, 2.55]}
    found = [result(name, record(nll, seed=s), architecture="MLP") for name, values in nlls.items() for s, nll in enumerate(values)]
    frame = tables.neighbours([*found, *results(Linear=[3.0])])
    assert len(frame) == 1
    assert frame.loc[0, "second − first"] == "−0.0750"
    assert frame.loc[0, "n"] == 2


def test_tables_of_a_generated_corpus_need_no_file():
    found = [statistics.corpus_statistics(data.load("grammar-char"))]
    assert tables.corpora(found).loc[0, "vocabulary"] == data.vocab_size("grammar-char")
    assert tables.entropies(found).loc[0, "floor"] != "–"
    assert tables.headings(found).loc[0, "test, seen"] == "–"


def test_excess_is_the_distance_to_the_floor():
    frame = tables.excess(results(a=[2.0]), {"test": 1.75}).set_index("model")
    assert frame.loc["a", "excess"] == "+0.2500"
    assert frame.loc["Exact floor", "test"] == "1.7500"


def test_the_control_reading_reports_a_model_below_the_floor_as_an_error():
    assert "no model is below it" in sentences.control(results(a=[2.0]), {"test": 1.9})
    assert "must be an error: a" in sentences.control(results(a=[2.0]), {"test": 2.5})


@pytest.mark.parametrize(("counts", "where"), [(1.5, "below"), (2.5, "above"), (2.0, "level with")])
def test_where_the_counts_are_follows_from_the_records(counts, where):
    kn = result("KN-6", record(counts, model=NgramConfig(order=6), eval_start=8))
    assert f", {where} the best of the study's networks, MLP" in sentences.cost([kn, *results(MLP=[2.0], Transformer=[2.2])])


def test_the_overfitting_table_finds_the_epoch_of_the_best_valid_loss():
    frame = tables.overfitting(results(**{"PTB Transformer": [6.0]}))
    assert frame["best epoch"][0] == 2 and frame["n"][0] == 1 and frame["counts − ours"][0] == "–"


def test_equal_cost_is_read_off_the_curve_or_said_to_be_out_of_reach():
    found = [*results(MLP=[2.0]), *results(**{"Self-Attention": [1.5]})]
    # Both cost 1,000 FLOPs and end there; attention's textbook cost is twice as much, so its first validation is at 1,000 too.
    text = sentences.cost(found)
    assert "in executed FLOPs it is at 1.7500; in textbook FLOPs it is at" in text
    dearer = [*results(MLP=[2.0]), result("Self-Attention", record(1.5, flops=10_000))]
    assert "in executed FLOPs that budget does not pay for its first validation" in sentences.cost(dearer)


def test_the_studys_run_agrees_where_one_more_run_of_ours_should_fall():
    ours = [2.0, 2.02, 1.98]  # SD 0.02; t(0.975, 2) = 4.3027
    row = reported_rows.ROWS[0][1]
    assert tables.agreement(ours, dataclasses.replace(row, test_nll=2.09)) == "±0.0994, inside"
    assert tables.agreement(ours, dataclasses.replace(row, test_nll=2.11)) == "±0.0994, outside"
    assert tables.agreement([2.0], dataclasses.replace(row, test_nll=2.0, repeat_nll=None)) == numbers.NONE
    # Two runs of the study 0.02 apart: SD 0.0141, t(0.975, 1) = 12.706, times sqrt(2)
    assert tables.agreement([2.0], dataclasses.replace(row, test_nll=2.0, repeat_nll=2.02)) == "±0.2541 (its own repeat), inside"


def test_the_decomposition_adds_up_and_leaves_out_records_without_classes():
    def with_parts(a, b, seed):
        made = record((a + 3 * b) / 4, seed=seed)
        return dataclasses.replace(made, test=dataclasses.replace(made.test, parts={"rare": [250, a], "100+": [750, b]}))

    found = [result("A", with_parts(4.0, 1.0, 0)), result("A", with_parts(5.0, 1.2, 1)), result("Old", record(1.5))]
    frame = tables.decomposition(found).set_index("class")
    assert list(frame.columns) == ["share", "A"]
    assert list(frame["share"]) == ["25.00 %", "75.00 %"]
    # 4.5 / 4 and 3 x 1.1 / 4 of 1.95
    assert list(frame["A"]) == ["4.500 (57.7 %)", "1.100 (42.3 %)"]
    assert list(tables.decomposition([result("Old", record(1.5))])["class"]) == [numbers.NONE]
