import dataclasses

from synthetic import record, result, results

from tinylm import study
from tinylm.analysis import numbers
from tinylm.analysis.summaries import Result
from tinylm.config import NgramConfig
from tinylm.report import tables


def test_the_results_table_compares_with_the_study_only_where_the_spec_is_its_own():
    (run,) = study.select(study.section_plan("architectures", "full"), architecture="Transformer", seed=0)
    ours = Result(run, dataclasses.replace(record(2.01), spec=run.spec))
    frame = tables.results([ours, result("Other", record(1.5))]).set_index("model")
    assert frame.loc["Transformer", "study"] == "2.0058"
    assert frame.loc["Transformer", "ours − study"] == "+0.0042"
    assert frame.loc["Other", "study"] == "–"


def test_a_row_of_the_study_has_a_margin_where_its_seeds_have_a_spread():
    (run,) = study.select(study.section_plan("architectures", "full"), architecture="Transformer", seed=0)
    nlls = (2.0058, 2.0258, 1.9858)  # SD 0.02; t(0.95, 2) = 2.92, times sqrt(1 + 1 / 3)
    runs = [dataclasses.replace(run, spec=dataclasses.replace(run.spec, seed=s)) for s in range(3)]
    found = [Result(seed, dataclasses.replace(record(nll), spec=seed.spec)) for seed, nll in zip(runs, nlls, strict=True)]
    assert tables.results(found)["margin"].tolist() == ["±0.067"]
    assert tables.results(found[:1])["margin"].tolist() == ["–"]


def test_the_overfitting_table_finds_the_epoch_of_the_best_valid_loss():
    frame = tables.overfitting(results(**{"PTB Transformer": [6.0]}))
    assert frame["best epoch"][0] == 2 and frame["n"][0] == 1 and frame["counts − ours"][0] == "–"


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
    alike = [result("A", with_parts(4.0, 1.0, 0)), result("A", with_parts(2.0, 1.0, 0), architecture="B")]
    assert list(tables.decomposition(alike).iloc[0, 2:]) == ["4.000 (57.1 %)", "2.000 (40.0 %)"], "two rows of one name"


def test_neighbours_pairs_seeds_within_a_family_only():
    nlls = {"narrow": [2.5, 2.6], "wide": [2.4, 2.55]}
    found = [result(name, record(nll, seed=s), architecture="MLP") for name, values in nlls.items() for s, nll in enumerate(values)]
    frame = tables.neighbours([*found, *results(Linear=[3.0])])
    assert len(frame) == 1
    assert frame.loc[0, "second − first"] == "−0.0750"
    assert frame.loc[0, "n"] == 2 and frame.loc[0, "text SE"] == "0.0000"


def test_excess_is_the_distance_to_the_floor():
    frame = tables.excess(results(a=[2.0]), {"test": 1.75}).set_index("model")
    assert frame.loc["a", "excess"] == "+0.2500"
    assert frame.loc["Exact floor", "test"] == "1.7500"


def test_neighbours_that_share_no_seed_or_no_text_are_no_pair():
    first = result("a", record(2.0, seed=0), architecture="MLP")
    for other in (record(2.1, seed=1), record(2.1, seed=0, corpus="grammar-word"), record(2.1, seed=0, start=9)):
        frame = tables.neighbours([first, result("b", other, architecture="MLP")])
        assert frame.loc[0].tolist() == ["–", "–", 0, "–", "–", "–"]


def test_results_without_a_row_of_the_study_have_no_column_for_it():
    frame = tables.results(results(a=[2.0, 2.2]))
    assert frame[["model", "n", "valid", "test", "seed SD", "text SE", "perplexity"]].values.tolist() == [
        ["a", 2, "2.0000", "2.1000", "0.1414", "0.0000", "8.166"]
    ]
    assert not [column for column in frame.columns if "study" in column or column == "margin"]


def test_the_sisters_models_stand_beside_what_it_states():
    runs = study.select(study.section_plan("claims", "full"), architecture=["GELU MLP", "One-hot Linear"], seed=[0, 1])
    frame = tables.sister([Result(run, dataclasses.replace(record(2.0 + run.spec.seed / 10), spec=run.spec)) for run in runs])
    own = [2, "2.0500", "0.0707"]
    assert frame.values.tolist()[:2] == [["One-hot Linear, T = 128", *own, "2.33", ""], ["GELU MLP", *own, "1.94", ""]]
    untrained = frame[frame["n"] == 0]
    assert untrained["it states"].tolist() == ["1.82"] * 4 + ["1.77", "4.70", "4.21"] and set(untrained["test"]) == {numbers.NONE}
    assert tables.sister(results(a=[2.0]))["n"].tolist() == [0] * 9


def test_counts_of_several_texts_share_a_row_and_words_have_a_perplexity():
    made = ((2.0, 2, "grammar-char"), (3.0, 2, "grammar-word"), (1.5, 3, "grammar-char"))
    found = [result(f"{nll}", record(nll, model=NgramConfig(order=order), corpus=corpus)) for nll, order, corpus in made]
    frame = tables.counted([*found, *results(a=[1.0])]).set_index("counts").fillna("")
    assert list(frame.loc["KN-2"]) == ["1.9000", "2.0000", "2.9000", "3.0000 (20.09)"]
    assert list(frame.loc["KN-3"]) == ["1.4000", "1.5000", "", ""]


def test_over_fitting_is_told_with_the_counts_that_are_best_on_valid():
    curve = [{"step": i, "flops": i, "train_nll": 3.0 - i, "valid_nll": nll} for i, nll in enumerate((2.5, 2.25, 2.75), 1)]
    network = result("a", dataclasses.replace(record(2.0), curve=curve))
    better, worse = (result(f"{n}", record(nll, model=NgramConfig(order=n))) for n, nll in ((3, 1.5), (4, 1.75)))
    elsewhere = [result("c", record(1.0, model=NgramConfig(order=3), **other)) for other in ({"corpus": "grammar-word"}, {"start": 9})]
    (row,) = tables.overfitting([network, better, worse, *elsewhere]).to_dict("records")
    assert (row["best epoch"], row["valid then"], row["valid at the end"], row["train at the end"]) == (2, "2.2500", "2.7500", "0.0000")
    assert row["counts − ours"] == "−0.5000 ± 0.0000" and row["ours − study"] == row["study's repeat"] == "–"
