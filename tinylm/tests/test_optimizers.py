import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from specs import LINEAR, TRANSFORMER, VOCAB_SIZE

from tinylm.config import TrainConfig
from tinylm.models import build
from tinylm.optimizers import learning_rate, make_optimizer


def rates(num_steps, **settings):
    train = TrainConfig(steps=num_steps, lr=2.0, **settings)
    return [learning_rate(train, step, num_steps) for step in range(num_steps)]


def test_a_constant_rate_is_the_rate():
    assert set(rates(7)) == {2.0}


def test_warm_up_climbs_in_equal_steps_to_the_full_rate():
    assert rates(10, warmup=0.4) == pytest.approx([0.5, 1.0, 1.5, 2.0] + [2.0] * 6)


def test_cosine_and_linear_end_one_step_short_of_zero():
    cosine, linear = rates(8, schedule="cosine"), rates(8, schedule="linear")
    assert cosine == pytest.approx([1 + math.cos(math.pi * i / 8) for i in range(8)])
    assert linear == pytest.approx([2 - 2 * i / 8 for i in range(8)])


def test_a_schedule_runs_from_the_end_of_the_warm_up_to_the_end():
    assert rates(6, warmup=1 / 3, schedule="linear") == pytest.approx([1.0, 2.0, 2.0, 1.5, 1.0, 0.5])


@given(
    num_steps=st.integers(1, 200),
    warmup=st.floats(0, 1),
    schedule=st.sampled_from(["constant", "cosine", "linear"]),
)
def test_a_rate_rises_then_falls_and_stays_above_zero(num_steps, warmup, schedule):
    values = rates(num_steps, warmup=warmup, schedule=schedule)
    peak = values.index(max(values))
    assert values[:peak] == sorted(values[:peak])
    assert values[peak:] == sorted(values[peak:], reverse=True)
    assert min(values) > 0
    assert max(values) == 2.0


@pytest.mark.parametrize("model", [LINEAR, TRANSFORMER])
def test_adamw_decays_matrices_and_embeddings_only(model):
    built = build(model, VOCAB_SIZE)
    optimizer = make_optimizer(built, TrainConfig(steps=1, optimizer="adamw", weight_decay=0.3))
    decay = {id(p): group["weight_decay"] for group in optimizer.param_groups for p in group["params"]}
    assert len(decay) == len(list(built.parameters()))
    for name, parameter in built.named_parameters():
        is_matrix = name.endswith("weight") and "norm" not in name
        assert decay[id(parameter)] == (0.3 if is_matrix else 0.0), name


@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_settings_reach_the_optimizer(name):
    train = TrainConfig(steps=1, optimizer=name, lr=0.01, beta1=0.8, beta2=0.95)
    optimizer = make_optimizer(build(LINEAR, VOCAB_SIZE), train)
    for group in optimizer.param_groups:
        assert (group["lr"], group["betas"]) == (0.01, (0.8, 0.95))
    if name == "adam":
        assert optimizer.param_groups[0]["weight_decay"] == 0


def test_one_update_of_adamw_by_hand():
    model = build(LINEAR, VOCAB_SIZE)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    optimizer = make_optimizer(model, TrainConfig(steps=1, optimizer="adamw", lr=0.1, weight_decay=0.5))
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    torch.testing.assert_close(model.head.weight.detach(), before["head.weight"] * (1 - 0.1 * 0.5) - 0.1)
    torch.testing.assert_close(model.head.bias.detach(), before["head.bias"] - 0.1)
