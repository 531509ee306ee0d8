import dataclasses

import pytest
import torch

from tinylm import data, study
from tinylm.flops import n_params, run_cost
from tinylm.models.networks import build
from tinylm.models.networks import n_params as built_params
from tinylm.study.reported_rows import ROWS

SPECS = {run.name: run.spec for run in study.plan("full") if run.name in ROWS and run.section != "control" and run.spec.seed == 0}
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


def test_every_row_is_planned_with_its_curve():
    assert set(SPECS) == set(ROWS)
    assert all(len(row.valid_curve) in (0, SPECS[name].train.n_evals) for name, row in ROWS.items())


@pytest.mark.parametrize("name", ROWS)
def test_parameter_counts_are_the_published_ones(name):
    vocab_size = data.vocab_size(SPECS[name].corpus)
    with torch.device("meta"):
        model = build(SPECS[name].model, vocab_size)
    assert n_params(SPECS[name].model, vocab_size) == built_params(model) == ROWS[name].n_params


@pytest.mark.parametrize("name", ROWS)
def test_stated_costs_are_the_published_ones(name):
    # The study's two costs of the RoPE pair are for T = 64, half of what it trained on.
    share = 0.5 if name in ("Learned positions", "RoPE") else 1
    assert f"{share * cost(name).flops_2nd:.2e}" == f"{ROWS[name].flops_2nd:.2e}"


@pytest.mark.parametrize("name", TEXTBOOK)
def test_true_costs_of_the_study(name):
    assert cost(name).flops_textbook == pytest.approx(TEXTBOOK[name], rel=0.005)
    assert name not in EXECUTED or cost(name).flops == pytest.approx(EXECUTED[name], rel=0.005)


def test_a_published_epoch_is_782_steps_whose_last_holds_16_windows():
    train = dataclasses.replace(SPECS["Linear"].train, epochs=1)
    cost = run_cost(dataclasses.replace(SPECS["Linear"], train=train), data.info("tiny_shakespeare"))
    assert (cost.steps, cost.windows) == (782, 50_000)
    assert 50_000 - 781 * 64 == 16
