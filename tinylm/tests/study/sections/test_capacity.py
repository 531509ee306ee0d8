import pytest

from tinylm import data, study
from tinylm.analysis import forecasts
from tinylm.config import ConfigError
from tinylm.flops import n_params
from tinylm.study import StudyError, select


def plan(**changes):
    return study.capacity(**(study.SECTIONS["capacity"].parameters("smoke") | changes))


def test_a_curve_has_six_widths_and_depth_and_context_vary_at_the_middle_one():
    runs = plan(curves=[[100_000_000, 2, 8, 16, 24, 32, 40, 48]], depths=[1, 3], contexts=[16, 64])
    curve = select(runs, role="isoflop", seed=0)
    assert [run.spec.model.d_model for run in curve] == [8, 16, 24, 32, 40, 48]
    assert {run.spec.model.n_layer for run in curve} == {2}
    assert {(run.spec.model.d_model, run.spec.model.n_layer) for run in select(runs, role="depth")} == {(32, 1), (32, 3)}
    assert {(run.spec.model.d_model, run.spec.model.context_length) for run in select(runs, role="context")} == {(32, 16), (32, 64)}
    assert {run.spec.seed for run in runs} == {0, 1}
    assert {run.budget for run in select(runs, role=["isoflop", "depth", "shallower", "context"])} == {100_000_000}


def test_each_width_is_trained_with_one_layer_fewer_at_some_budgets_and_never_twice():
    runs = plan(depth_budgets=[200_000_000], depths=[3])
    assert [(run.budget, run.spec.model.d_model, run.spec.model.n_layer) for run in select(runs, role="shallower")] == [
        (200_000_000, width, 1) for width in (8, 16, 24, 32, 40, 48)
    ]
    assert len({run.spec.key for run in plan()}) == len(plan())


def test_contexts_vary_at_their_budgets_only():
    runs = plan(context_budgets=[300_000_000])
    assert {run.budget for run in select(runs, role="context")} == {300_000_000}


def test_a_run_spends_no_more_than_its_budget_and_most_of_it():
    runs = [run for run in study.section_plan("capacity", "full") if not run.spec.is_counts]
    assert all(0.9 * run.budget < run.cost.flops <= run.budget for run in runs)


def test_a_curve_that_is_no_row_of_eight_numbers_is_refused():
    with pytest.raises(StudyError, match="rows of 8 entries"):
        plan(curves=[[100_000_000, 1, 8, 16]])
    with pytest.raises(ConfigError, match="d_model"):
        plan(curves=[[100_000_000, 1, 7, 16, 24, 32, 40, 48]])


def _n_params(run):
    return n_params(run.spec.model, data.info(run.spec.corpus).vocab_size)


def test_what_forecasts_say_is_planned_with_half_and_double_of_its_size():
    said = {(made["corpus"], made["flops"], form["width"]) for made in forecasts.recorded() for form in made["forms"].values()}
    tests = select(study.section_plan("capacity", "full"), role="forecast")
    tested = {(run.spec.corpus, run.budget, run.spec.model.d_model): _n_params(run) for run in tests}
    assert all(flops > 3 * 10**13 for _, flops, _ in said - tested.keys())  # for which hours of a CPU are not enough
    for corpus in ("tiny_shakespeare", "wikitext-2-char"):
        sizes = {width: size for (text, flops, width), size in tested.items() if (text, flops) == (corpus, 3 * 10**13)}
        foreseen = [size for width, size in sizes.items() if (corpus, 3 * 10**13, width) in said]
        assert min(sizes.values()) == pytest.approx(min(foreseen) / 2, rel=0.15)
        assert max(sizes.values()) == pytest.approx(2 * max(foreseen), rel=0.15)


def test_what_can_be_trained_in_minutes_is_planned_on_each_text_beside_counts():
    runs = study.section_plan("capacity", "full")
    for corpus in ("tiny_shakespeare", "wikitext-2-char"):
        assert {run.architecture for run in select(runs, role="timed", corpus=corpus)} == {"Transformer", "LSTM", "nanoGPT"}
        assert [run.role for run in select(runs, role=["tuned", "gated"], corpus=corpus)] == ["tuned", "gated"]
    frontier = select(study.section_plan("budget", "full"), role="gated", seed=0)
    assert select(runs, role="gated", corpus="tiny_shakespeare")[0].spec in [run.spec for run in frontier]
    assert {run.spec.train.eval_tokens for run in select(runs, role="timed", corpus="wikitext-2-char")} == {200_000}
