import dataclasses

import numpy as np
import pytest

from tinylm.config import FieldError, RunSpec, TrainConfig, TransformerConfig

SPEC = RunSpec(corpus="tiny_shakespeare", model=TransformerConfig(), train=TrainConfig(epochs=4))


@pytest.mark.parametrize("value", [10**15, 1e15, np.int64(10**15), np.float64(1e15)])
def test_equal_numbers_are_one_spec(value):
    train = TrainConfig(flops=value)
    assert type(train.flops) is int
    assert dataclasses.replace(SPEC, train=train).key == dataclasses.replace(SPEC, train=TrainConfig(flops=10**15)).key


def test_a_whole_number_becomes_the_declared_float():
    assert type(TrainConfig(steps=1, clip=1).clip) is float
    assert TrainConfig(steps=1, clip=1) == TrainConfig(steps=1, clip=1.0)


def test_a_worker_can_hand_on_what_is_wrong_with_a_field():
    with pytest.raises(FieldError) as wrong:
        TrainConfig(steps=0.5)
    assert str(wrong.value) == "TrainConfig.steps: needs a whole number, got 0.5"
    assert str(type(wrong.value)(*wrong.value.args)) == str(wrong.value)  # which is how it crosses processes


def test_a_config_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        SPEC.seed = 1
