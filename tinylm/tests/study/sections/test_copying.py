from tinylm import data, study
from tinylm.data import plays
from tinylm.study import recipes, select


def plan(**changes):
    return study.copying(**(study.SECTIONS["copying"].parameters("smoke") | changes))


def test_each_play_is_left_out_once_by_default():
    full = study.SECTIONS["copying"].parameters("full")
    assert [data.info(name).n_tokens.keys() for name in full["folds"]] == [{"train": 0, "valid": 0, "test": 0}.keys()] * len(plays.GROUPS)
    assert len({data.info(name).held_out for name in full["folds"]}) == len(plays.GROUPS)


def test_each_part_has_each_recipe_and_the_tuned_counts():
    runs = plan(folds=["grammar-char", "tiny_shakespeare-without-tempest"], fold_budget=10**9, fold_seeds=[0, 1])
    networks = select(runs, role="fold")
    assert len(networks) == 2 * 2 * 2
    assert networks[3].spec.model == recipes.recipe("lstm", "tiny_shakespeare-without-tempest", 10**9).model
    assert [run.spec.corpus for run in select(runs, role="tuned")] == ["grammar-char", "tiny_shakespeare-without-tempest"]


def test_all_of_a_part_are_scored_on_the_same_tokens():
    assert {(run.spec.train.eval_start, run.spec.train.eval_tokens) for run in plan(eval_tokens=321)} == {(recipes.EVAL_START, 321)}
