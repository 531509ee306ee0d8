from dataclasses import replace

import pytest

from tinylm import data
from tinylm.flops import run_cost
from tinylm.study import SECTIONS, section_plan


def claims(seed=0):
    return {run.name: run.spec for run in section_plan("claims", "full") if run.spec.seed == seed}


def cost(spec):
    return run_cost(spec, data.info(spec.corpus)).flops


def test_the_papers_rows_come_before_the_claims_and_the_dear_rows_last():
    order = list(claims())
    assert list(SECTIONS)[-2:] == ["claims", "speed"]
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
