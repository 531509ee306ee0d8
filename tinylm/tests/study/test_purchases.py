from tinylm import study
from tinylm.study import purchases, recipes, select
from tinylm.study.recipes import recipe


def test_a_budget_for_a_gpu_is_planned_with_three_seeds():
    planned = study.section_plan("words", "full")
    seeds = {flops: {run.spec.seed for run in planned if run.spec.train.flops == flops} for flops in (114 * 10**12, 12 * 10**14)}
    assert seeds == {114 * 10**12: set(range(5)), 12 * 10**14: {0, 1, 2}}


def row(budget):
    return purchases.purchases("toy", [("tiny_shakespeare", "Transformer", budget)])[0]


def test_seeds_beyond_a_cpus_budget_are_the_first_few_of_those_asked_for():
    small, large = row(purchases.LARGEST_ON_CPU), row(purchases.LARGEST_ON_CPU + 1)
    runs = purchases.affordable([small, large], [9, 4, 7, 5])
    assert [run.spec.seed for run in runs if run.row == small.row] == [9, 4, 7, 5]
    assert [run.spec.seed for run in runs if run.row == large.row] == [9, 4, 7]


def test_a_purchase_is_the_recipe_of_its_corpus_and_budget():
    linear, lstm = purchases.purchases("toy", [("grammar-char", "Linear", 10**9), ("tiny_shakespeare", "LSTM", 7 * 10**13)])
    assert linear.spec == recipe("linear", "grammar-char", 10**9) and lstm.spec == recipe("lstm", "tiny_shakespeare", 7 * 10**13)
    assert (lstm.section, lstm.role, lstm.architecture, lstm.budget) == ("toy", "purchase", "LSTM", 7 * 10**13)
    assert lstm.name == "tiny_shakespeare, LSTM, 7e13"


def test_tuned_counts_stand_beside_those_of_the_section_on_the_same_tokens():
    planned = purchases.rivals("toy", ["tiny_shakespeare", "tiny_shakespeare-recast"], [4], [64], 500)
    assert [run.role for run in planned] == ["counts", "counts", "tuned"] and len({run.spec.train for run in planned}) == 1
    assert planned[-1].spec.model == recipes.tuned_counts("tiny_shakespeare") and planned[-1].architecture == "Counts"


def test_rivals_count_each_plain_text_once_and_are_scored_where_recipes_are():
    runs = purchases.rivals("toy", ["tiny_shakespeare-recast", "tiny_shakespeare", "grammar-char"], [2], [8], 500)
    assert [run.name for run in select(runs, role="counts")] == [
        f"{text} KN-2{end}" for text in ("tiny_shakespeare", "grammar-char") for end in ("", " + cache 8")
    ]
    scored = recipes.scored(row(10**12).spec, 500).train
    assert {(run.spec.train.eval_start, run.spec.train.eval_tokens) for run in runs} == {(scored.eval_start, scored.eval_tokens)}


def test_counts_come_before_the_networks_that_were_bought_and_all_are_scored_to_the_end():
    runs = purchases.bought("toy", [("grammar-char", "Linear", 10**9)], [2], [], [0, 1])
    assert {(run.spec.train.eval_start, run.spec.train.eval_tokens) for run in runs} == {(recipes.EVAL_START, 0)}
    assert [run.role for run in runs] == ["counts", "tuned", "purchase", "purchase"]
    assert [run.title for run in select(runs, role="purchase")] == [f"toy/grammar-char, Linear, 1e9@{seed}" for seed in (0, 1)]
