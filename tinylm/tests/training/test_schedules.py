import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinylm.config import TrainConfig
from tinylm.training.schedules import learning_rate, weight_decay


def rates(num_steps, **settings):
    train = TrainConfig(steps=num_steps, lr=2.0, **settings)
    return [learning_rate(train, step, num_steps, train.lr) for step in range(num_steps)]


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


def test_wsd_is_constant_until_the_last_share_of_the_run():
    assert rates(10, warmup=0.2, schedule="wsd", decay=0.4) == pytest.approx([1.0] + [2.0] * 6 + [1.5, 1.0, 0.5])
    assert rates(5, schedule="wsd", decay=1) == pytest.approx(rates(5, schedule="linear"))


def test_a_floor_is_where_a_schedule_ends_and_no_floor_changes_no_bit():
    floored = rates(8, schedule="cosine", lr_floor=0.1)
    assert floored == pytest.approx([0.2 + 0.9 * rate for rate in rates(8, schedule="cosine")])
    assert rates(1000, schedule="cosine", lr_floor=0.1)[-1] == pytest.approx(0.2, rel=1e-4)
    assert rates(4, warmup=0.5, schedule="linear", lr_floor=0.5) == pytest.approx([1.0, 2.0, 2.0, 1.5])


def test_a_decay_stays_or_falls_to_one_step_short_of_zero():
    falling = TrainConfig(steps=4, optimizer="adamw", weight_decay=2.0, weight_decay_schedule="linear")
    assert [weight_decay(falling, step, 4, 2.0) for step in range(4)] == [2.0, 1.5, 1.0, 0.5]
    assert weight_decay(TrainConfig(steps=4, optimizer="adamw", weight_decay=2.0), 3, 4, 2.0) == 2.0


@given(
    num_steps=st.integers(1, 200),
    warmup=st.floats(0, 1),
    schedule=st.sampled_from(["constant", "cosine", "linear", "wsd"]),
)
def test_a_rate_rises_then_falls_and_stays_above_zero(num_steps, warmup, schedule):
    decay = {"decay": min(0.2, 1 - warmup)} if schedule == "wsd" and warmup < 1 else {}
    values = rates(num_steps, warmup=warmup if decay or schedule != "wsd" else 0.5, schedule=schedule, **decay)
    peak = values.index(max(values))
    assert values[:peak] == sorted(values[:peak])
    assert values[peak:] == sorted(values[peak:], reverse=True)
    assert min(values) > 0
    assert max(values) == 2.0
