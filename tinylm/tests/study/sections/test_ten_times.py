from dataclasses import replace

import pytest

from tinylm import study
from tinylm.study import recipes, select, techniques
from tinylm.study.sections import ten_times
from tinylm.study.titles import ATTENTION, LEARNED, MLP, ROTARY

TEXT = ("wikitext-2-char", 0, 80_000, 1)
SHAPE = (128, 4, 96)


@pytest.fixture(scope="module")
def planned():
    return study.section_plan("ten_times", "full")


def test_four_models_read_each_text_and_two_of_them_the_whole_ones_with_each_context(planned):
    texts = [("tiny_shakespeare", 0), ("wikitext-2-char", 892_117), ("wikitext-2-char", 0)]
    cells = [(run.spec.corpus, run.spec.train.train_tokens, run.rung) for run in select(planned, role="gap", seed=2)]
    assert cells == [(*text, name) for text in texts for name in (MLP, ATTENTION, LEARNED, ROTARY)]
    cells = [(run.spec.corpus, run.spec.model.context_length, run.rung) for run in select(planned, role="context", seed=4)]
    assert cells == [(text, t, name) for text, part in texts if not part for t in (2, 4, 8, 16, 32) for name in (MLP, ATTENTION)]
    assert all(0.95 * run.budget < run.cost.flops <= run.budget for run in planned)


def test_a_part_is_as_long_as_the_short_text_and_all_of_it_more_than_ten_times(planned):
    short, part, whole = (run.cost.tokens_seen / recipes.passes(run.spec) for run in select(planned, role="gap", rung=MLP, seed=0))
    assert short == pytest.approx(part) and whole > 10 * part


def test_what_is_read_again_is_validated_more_than_once(planned):
    assert all(run.spec.train.n_evals > 1 for run in planned if recipes.passes(run.spec) > 1)


def test_runs_that_others_plan_too_share_their_records(planned):
    keys = {run.spec.key for run in study.section_plan("budget", "full") if run.role == "frontier"}
    shared = [run.name for run in planned if run.spec.key in keys and run.spec.seed == 0]
    assert shared == [f"tiny_shakespeare, {name}" for name in (MLP, ATTENTION, f"{MLP}, T = 16", f"{ATTENTION}, T = 32")]
    baseline = select(study.section_plan("transfer", "full"), role="largest", corpus="wikitext-2-char", rung="baseline", seed=0)[0]
    assert ten_times.spec(ROTARY, TEXT, 10**13, SHAPE, times=techniques.factor(["baseline"], TEXT[0], 10**13)) == baseline.spec


def test_positions_differ_in_nothing_else_and_the_beginning_of_a_text_in_its_length():
    learned, rotary = (ten_times.spec(name, TEXT, 10**13, SHAPE, times=1.0) for name in (LEARNED, ROTARY))
    assert replace(learned.model, position="rope") == rotary.model and learned.train == rotary.train
    for name in (MLP, ATTENTION, LEARNED, ROTARY):
        whole, part = (ten_times.spec(name, (TEXT[0], n, *TEXT[2:]), 10**13, SHAPE) for n in (0, 892_117))
        assert replace(part.train, train_tokens=0) == whole.train and part.model == whole.model


def test_every_rate_of_a_model_is_multiplied(monkeypatch):
    monkeypatch.setitem(ten_times.TIMES, "wikitext-2-char", dict.fromkeys((MLP, ATTENTION, LEARNED, ROTARY), 2.0))
    for name in (MLP, ATTENTION, LEARNED, ROTARY):
        once, best, twice = (ten_times.spec(name, TEXT, 10**13, SHAPE, times) for times in (1.0, 0.0, 2.0))
        assert best == twice and twice.train.lr == pytest.approx(2 * once.train.lr, rel=0.03)
        assert twice.train.adam_lr == 2 * once.train.adam_lr
        assert replace(twice.train, lr=once.train.lr, adam_lr=once.train.adam_lr) == once.train


def test_a_step_predicts_as_many_tokens_with_every_context(planned):
    for name in (MLP, ATTENTION):
        specs = [run.spec for run in select(planned, role="context", rung=name, corpus="tiny_shakespeare", seed=0)]
        assert len({spec.train.batch_size * (spec.n_targets if spec.train.loss_at == "all" else 1) for spec in specs}) == 1
        assert all(spec.train.eval_stride <= spec.model.context_length / 8 or spec.train.eval_stride == 1 for spec in specs)
