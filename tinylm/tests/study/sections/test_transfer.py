import pytest

from tinylm import study
from tinylm.study import StudyError, select
from tinylm.study.techniques import TECHNIQUES


def plan(**changes):
    return study.transfer(**(study.SECTIONS["transfer"].parameters("smoke") | changes))


def test_every_technique_is_tried_at_every_budget_and_with_every_seed():
    runs = select(plan(tried=["RMSNorm", "Muon"], budgets=[[20_000_000, 2, 8], [40_000_000, 3, 16]]), role="technique")
    assert [(run.budget, run.rung, run.spec.seed) for run in runs] == [
        (flops, name, seed)
        for flops, n_seeds in ((20_000_000, 2), (40_000_000, 3))
        for name in ("baseline", "RMSNorm", "Muon")
        for seed in range(n_seeds)
    ]
    assert {(run.budget, run.spec.model.d_model) for run in runs} == {(20_000_000, 8), (40_000_000, 16)}


def test_those_that_are_kept_go_to_the_largest_budget():
    assert [run.rung for run in select(plan(kept=["GELU"]), role="largest", seed=0)] == ["baseline", "GELU"]
    assert {run.rung for run in select(study.section_plan("transfer", "full"), role="largest")} <= {*TECHNIQUES}


def test_all_pairs_of_the_combined_are_planned():
    runs = select(plan(combined=["RMSNorm", "Muon", "GELU"]), role="pair", seed=0)
    assert [run.rung for run in runs] == ["RMSNorm + Muon", "RMSNorm + GELU", "Muon + GELU"]
    assert {run.budget for run in runs} == {40_000_000}
    assert not select(plan(combined=["baseline"]), role="pair")


def test_the_text_that_is_repeated_is_read_many_times():
    runs = select(study.section_plan("transfer", "full"), corpus="tiny_shakespeare", rung="baseline", seed=0)
    passes = [run.cost.tokens_seen / run.spec.train.train_tokens for run in runs]
    assert passes == sorted(passes) and passes[0] > 2 and passes[-1] > 20


def test_a_run_spends_no_more_than_its_budget_and_most_of_it():
    assert all(0.95 * run.budget < run.cost.flops <= run.budget for run in study.section_plan("transfer", "full"))


def test_an_unknown_technique_is_named():
    for place in ("tried", "kept", "combined"):
        with pytest.raises(StudyError, match="unknown technique 'RMS norm'; did you mean 'RMSNorm'"):
            plan(**{place: ["RMS norm"]})
