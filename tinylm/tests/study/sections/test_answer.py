from dataclasses import replace

from tinylm import study
from tinylm.analysis import pilots
from tinylm.study import recipes, select


def test_the_studys_networks_are_trained_as_there_and_scored_as_recipes_and_counts_are():
    baselines = select(study.section_plan("architectures", "full"), role="baseline", seed=2)
    runs = select(study.section_plan("answer", "full"), role="whole", seed=2)
    assert [run.architecture for run in runs] == [run.architecture for run in baselines]
    assert [run.spec for run in runs] == [recipes.scored(run.spec) for run in baselines]
    counts = select(study.section_plan("budget", "full"), role="tuned", corpus="tiny_shakespeare")
    scored = {(run.spec.train.eval_start, run.spec.train.eval_tokens) for run in [*runs, *counts]}
    assert scored == {(recipes.EVAL_START, 0)}


def test_each_seed_is_planned_once():
    runs = select(study.answer(**(study.SECTIONS["answer"].parameters("smoke") | {"seeds": [3, 7]})), role="whole")
    assert [(run.architecture, run.spec.seed) for run in runs] == [
        (name, seed) for seed in (3, 7) for name in ("Linear", "MLP", "Self-Attention", "Transformer")
    ]


def test_the_small_runs_that_pilots_are_compared_with_are_those_of_the_recipe():
    runs = select(study.section_plan("answer", "full"), role="pilot", seed=1)
    assert [run.spec for run in runs] == [replace(recipes.recipe("transformer", "tiny_shakespeare", run.budget), seed=1) for run in runs]
    assert min(run.budget for run in runs) == pilots.LEAST
