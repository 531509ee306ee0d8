from dataclasses import replace

import pytest

from tinylm import data, study
from tinylm.flops import run_cost
from tinylm.study import StudyError, section_plan


def claims(seed=0):
    return {run.name: run.spec for run in section_plan("claims", "full") if run.spec.seed == seed}


def cost(spec):
    return run_cost(spec, data.info(spec.corpus)).flops


def test_the_papers_rows_come_before_the_claims_and_the_dear_rows_last():
    order = list(claims())
    assert len(order) == 1 + 4 + 3 + 4 + 1 + 4 + 3
    assert order[:5] == ["MLP, long", *(f"Linear, T = {length}, long" for length in (16, 32, 64, 128))]
    assert order[-3:] == [f"Tied Transformer, {n} layers" for n in (2, 4, 6)]


def test_the_long_runs_are_the_papers_own_but_for_their_length():
    papers = {run.name: run.spec for run in section_plan("architectures", "full") if run.spec.seed == 0}
    for name in ("MLP", "Linear"):
        long = claims()["MLP, long" if name == "MLP" else "Linear, T = 128, long"]
        epochs = {"epochs": papers[name].train.epochs, "n_evals": papers[name].train.n_evals, "eval_start": 0}
        assert replace(long, train=replace(long.train, **epochs)) == papers[name]
    textbook = run_cost(papers["Self-Attention"], data.info("tiny_shakespeare")).flops_textbook
    assert cost(claims()["MLP, long"]) == pytest.approx(textbook, rel=0.05)


def test_no_context_may_reach_beyond_where_scoring_begins():
    for name in ("context_lengths", "sister_context_lengths"):
        with pytest.raises(StudyError, match="none may exceed context_length=128, where scoring begins"):
            study.claims(**{name: [16, 256]})


def test_self_attention_at_the_full_context_is_the_papers_own_run_and_not_planned_again():
    runs = study.claims(context_lengths=[16, 64, 128], seeds=[0])
    assert [run.spec.model.context_length for run in study.select(runs, role="context")] == [16, 64]
    assert [run.spec.model.context_length for run in study.select(runs, role="long", architecture="Linear")] == [16, 64, 128]


def test_every_run_is_scored_from_the_longest_context_on_whatever_it_reads():
    runs = section_plan("claims", "full")
    assert {(run.spec.train.eval_start, run.spec.train.eval_tokens) for run in runs} == {(128, 10_000)}
    assert {run.role for run in runs} == {"long", "context", "sister"}
