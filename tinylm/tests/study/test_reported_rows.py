import dataclasses

import pytest
import torch

from tinylm import data, study
from tinylm.flops import n_params, run_cost
from tinylm.models.networks import build
from tinylm.models.networks import n_params as built_params
from tinylm.study.reported_rows import ROWS, SISTER_ROWS

PLAN = study.select(study.plan("full"), seed=0)
REPORTED = {run.name: (run, row) for fields, row in ROWS for run in study.select(PLAN, **fields)}
SPECS = {name: run.spec for name, (run, _) in REPORTED.items()}
# Costs of the paper's runs in true FLOPs: what its code spends, every position in every block, and what this code spends.
TEXTBOOK = {
    "Linear": 9.58e11,
    "MLP": 3.85e12,
    "Self-Attention": 3.52e13,
    "Transformer": 7.55e13,
    "PTB Transformer": 1.14e14,
    "WikiText-2 Transformer": 1.25e14,
}
EXECUTED = {"Linear": 9.58e11, "MLP": 3.85e12, "Self-Attention": 5.28e12, "Transformer": 5.55e13}


def cost(name):
    return run_cost(SPECS[name], data.info(SPECS[name].corpus))


@pytest.mark.parametrize(("fields", "row"), [*ROWS, *SISTER_ROWS])
def test_every_row_is_planned_with_its_curve(fields, row):
    found = study.select(PLAN, **fields)
    assert len(found) == (4 if fields.get("architecture") == "Attention without FFN" else 1)
    assert len(getattr(row, "valid_curve", ())) in (0, found[0].spec.train.n_evals)


@pytest.mark.parametrize("name", REPORTED)
def test_parameter_counts_are_the_published_ones(name):
    vocab_size = data.vocab_size(SPECS[name].corpus)
    with torch.device("meta"):
        model = build(SPECS[name].model, vocab_size)
    assert n_params(SPECS[name].model, vocab_size) == built_params(model) == REPORTED[name][1].n_params


@pytest.mark.parametrize("name", REPORTED)
def test_stated_costs_are_the_published_ones(name):
    # The study's two costs of the RoPE pair are for T = 64, half of what it trained on.
    share = 0.5 if REPORTED[name][0].section == "rope" else 1
    assert f"{share * cost(name).flops_2nd:.2e}" == f"{REPORTED[name][1].flops_2nd:.2e}"


@pytest.mark.parametrize("name", TEXTBOOK)
def test_true_costs_of_the_study(name):
    assert cost(name).flops_textbook == pytest.approx(TEXTBOOK[name], rel=0.005)
    assert name not in EXECUTED or cost(name).flops == pytest.approx(EXECUTED[name], rel=0.005)


def test_a_published_epoch_is_782_steps_whose_last_holds_16_windows():
    train = dataclasses.replace(SPECS["Linear"].train, epochs=1)
    cost = run_cost(dataclasses.replace(SPECS["Linear"], train=train), data.info("tiny_shakespeare"))
    assert (cost.steps, cost.windows) == (782, 50_000)
    assert 50_000 - 781 * 64 == 16
