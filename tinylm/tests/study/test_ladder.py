import dataclasses

from tinylm import data
from tinylm.config import RunSpec, TrainConfig, TransformerConfig
from tinylm.data import grammar
from tinylm.flops import run_cost
from tinylm.study import recipes
from tinylm.study.ladder import RUNGS, Rung, climb, stands_on
from tinylm.training.loop import train

FIRST = RunSpec(corpus="grammar-char", model=TransformerConfig(), train=TrainConfig(flops=10**12))


def test_a_rung_that_is_only_tried_changes_no_later_one():
    rungs = [
        Rung(name="a", about="A"),
        Rung(name="b", about="B", train={"lr": 1.0}, climbed=False),
        Rung(name="c", about="C", model={"tied": True}),
        Rung(name="d", about="D", augmentation="recast"),
    ]
    specs = climb(FIRST, rungs)
    assert specs["b"].train.lr == 1.0 and specs["c"].train.lr == FIRST.train.lr
    assert specs["d"].model.tied and specs["d"].corpus == "grammar-char-recast"
    assert stands_on(rungs) == {"a": "", "b": "a", "c": "a", "d": "c"}


def test_every_rung_but_the_first_changes_something_and_can_run():
    specs, below = climb(dataclasses.replace(FIRST, corpus="tiny_shakespeare"), RUNGS), stands_on(RUNGS)
    assert len(specs) == len(RUNGS)
    for name, spec in specs.items():
        assert not below[name] or spec != specs[below[name]]
        assert run_cost(spec, data.info(spec.corpus)).steps > 0


def test_a_small_ladder_comes_closer_to_the_exact_floor():
    small = TransformerConfig(context_length=16, n_layer=2, d_model=32, d_ff=64)
    first = RunSpec(corpus="grammar-char", model=small, train=TrainConfig(flops=2 * 10**10))
    specs = climb(first, [rung for rung in RUNGS if rung.name != "four narrower layers"])
    corpus, floor = data.load("grammar-char"), grammar.floor("grammar-char", "test", recipes.EVAL_START, 2_000)
    names = ["the study's Transformer", "warm-up, a higher rate, linear decay", "batches of 16"]
    excess = [train(recipes.scored(specs[name], 2_000), corpus).test.nll - floor for name in names]
    assert excess == sorted(excess, reverse=True) and excess[-1] > 0
    assert excess[-1] < 0.5 * excess[0]


def test_a_rung_changes_what_it_names_and_nothing_else():
    rung = Rung(name="a", about="A", model={"n_layer": 7}, train={"lr": 0.5}, augmentation="recast")
    changed = rung.change(FIRST)
    assert (changed.model.n_layer, changed.train.lr, changed.corpus) == (7, 0.5, "grammar-char-recast")
    back = Rung(name="b", about="B", model={"n_layer": FIRST.model.n_layer}, train={"lr": FIRST.train.lr}).change(changed)
    assert dataclasses.replace(back, corpus=FIRST.corpus) == FIRST
