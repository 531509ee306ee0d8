from dataclasses import replace

import pytest

from tinylm import study
from tinylm.study import StudyError, recipes, regularisers, select
from tinylm.study.regularisers import REGULARISERS

TEXT, SHAPE = ("ptb-eos", 80_000, 15), (64, 4, 96)


def plan(**changes):
    return study.regularisation(**(study.SECTIONS["regularisation"].parameters("smoke") | changes))


@pytest.fixture(scope="module")
def planned():
    return study.section_plan("regularisation", "full")


def test_every_change_is_tried_on_each_text_and_what_is_kept_goes_to_the_larger_budget(planned):
    for corpus in ("ptb-eos", "wikitext-2-eos"):
        assert [run.rung for run in select(planned, role="technique", corpus=corpus, seed=0)] == [*REGULARISERS]
    runs = plan(kept=["tied head + dropout 0.1"], tried=["tied head"])
    assert {run.spec.seed for run in select(runs, role="largest")} == {2, 3}, "which the choice did not see"
    assert [run.rung for run in select(runs, role="largest", seed=2)] == ["baseline", "tied head + dropout 0.1"]
    assert [run.rung for run in select(runs, role="technique", seed=1)] == ["baseline", "tied head"]


def test_a_change_is_one_change_at_the_same_cost(planned):
    assert all(0.95 * run.budget < run.cost.flops <= run.budget for run in planned if run.role != "counts")
    plain = regularisers.spec(["baseline"], TEXT, SHAPE, 10**13)
    for name, rung in REGULARISERS.items():
        made = regularisers.spec([name], TEXT, SHAPE, 10**13)
        undone = {field: getattr(plain.model, field) for field in rung.model}, {field: getattr(plain.train, field) for field in rung.train}
        train = replace(made.train, **undone[1], lr=plain.train.lr, batch_size=plain.train.batch_size)
        assert replace(made, model=replace(made.model, **undone[0]), train=train) == plain, name


def test_only_more_text_is_read_less_than_five_times(planned):
    few = {run.rung for run in planned if run.role != "counts" and recipes.passes(run.spec) < 5}
    assert few == {"all words", "all words, dropout 0.1"}


def test_rate_and_windows_go_with_width_and_context():
    plain, narrow, long = (regularisers.spec([name], TEXT, SHAPE, 10**13) for name in ("baseline", "half the width", "twice the context"))
    assert narrow.train.lr == pytest.approx(2 * plain.train.lr) and long.train.batch_size == plain.train.batch_size // 2
    twice = regularisers.spec(["baseline"], TEXT, SHAPE, 10**13, times=0.5)
    assert twice.train.lr == pytest.approx(2 * plain.train.lr, rel=0.02)


def test_changes_go_together():
    both = regularisers.spec(["tied head", "weight decay 1"], TEXT, SHAPE, 10**13)
    assert both.model.tied and both.train.weight_decay == 1


def test_an_unknown_change_is_named():
    for place, name in (("tried", "dropout 0.2"), ("kept", "tied head + dropout 0.2")):
        with pytest.raises(StudyError, match="unknown regulariser 'dropout 0.2'; did you mean 'dropout 0"):
            plan(**{place: [name]})


def test_counts_read_and_are_scored_on_the_same_tokens(planned):
    for run in select(planned, role="counts"):
        plain = select(planned, role="technique", rung="baseline", corpus=run.spec.corpus)[0].spec.train
        train = run.spec.train
        assert (train.train_tokens, train.eval_start, train.eval_tokens) == (plain.train_tokens, plain.eval_start, plain.eval_tokens)
    assert len(select(planned, role="counts")) == 2


@pytest.mark.parametrize("parameter", ["budget", "largest"])
def test_a_budget_has_a_seed(parameter):
    with pytest.raises(StudyError, match=f"{parameter}: needs at least one seed, its second entry; got 0"):
        plan(**{parameter: [80_000_000, 0, 8]})
