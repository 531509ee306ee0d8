import dataclasses

import pytest
import torch
from pooled import LINEAR, PLANNED, TRAIN
from specs import TRANSFORMER
from synthetic import planned

from tinylm.config import shown
from tinylm.training import forecast, machine, pool, states


def test_the_expected_speed_is_a_rate_and_leaves_the_threads():
    threads = torch.get_num_threads()
    assert 1e8 < forecast.expected_speed(machine.Settings(workers=1), 0.05) < 1e13
    assert torch.get_num_threads() == threads


def test_expected_seconds_count_scoring_and_share_the_cores(speed, settings):
    assert forecast.expected_seconds(PLANNED[2:], settings) == 0.0
    assert forecast.expected_seconds(PLANNED, dataclasses.replace(settings, device="cuda")) is None
    n_scored = TRAIN.n_evals * 50 + 50  # a window each; two thirds of a training window's FLOPs go to its gradients
    windows = 3 * TRAIN.steps * TRAIN.batch_size
    one = PLANNED[0].cost.flops * (windows + n_scored) / windows / 1e6
    seeds = [planned("Linear", dataclasses.replace(LINEAR, seed=seed)) for seed in range(8)]
    assert forecast.expected_seconds(seeds[:1], settings) == pytest.approx(one)
    assert forecast.expected_seconds(seeds, settings) == pytest.approx(4 * one)
    assert forecast.expected_seconds(seeds, dataclasses.replace(settings, workers=100)) == pytest.approx(2 * one)


def test_what_a_checkpoint_holds_is_left_out(speed, settings):
    run = PLANNED[0]
    whole, call = forecast.expected_seconds([run], settings), "minutes={minutes}"
    path = settings.checkpoint(run.spec)
    states.save(path, run.spec, {"weight": torch.zeros(1)}, {"step": run.cost.steps // 4}, {})
    share = forecast.share_done(run, settings)
    assert share == run.cost.steps // 4 / run.cost.steps > 0
    assert forecast.expected_seconds([run], settings) == pytest.approx((1 - share) * whole)
    assert f"1 run to train, {shown.short((1 - share) * run.cost.flops)} FLOPs left" in pool.require_allowed([run], settings, call)
    path.write_bytes(b"half of it")
    assert forecast.share_done(run, settings) == 0, "it cannot be used: training begins anew"
    assert "left" not in pool.require_allowed([run], settings, call)


def test_a_step_takes_time_for_each_block_besides_its_flops(speed, settings, monkeypatch):
    runs = [
        PLANNED[0],
        PLANNED[1],
        planned("deeper", dataclasses.replace(PLANNED[1].spec, model=dataclasses.replace(TRANSFORMER, n_layer=5))),
    ]
    alone = [forecast.expected_seconds([run], settings) for run in runs]
    monkeypatch.setattr(forecast, "step_seconds", lambda optimizer, precision: {("adam", "fp32"): 0.5}[optimizer, precision])
    slower = [forecast.expected_seconds([run], settings) for run in runs]
    blocks = [1, TRANSFORMER.n_layer, 5]
    assert [after - before for before, after in zip(alone, slower, strict=True)] == pytest.approx([n * 0.5 * TRAIN.steps for n in blocks])
    assert forecast.expected_seconds(PLANNED[2:], settings) == 0.0, "counts take no steps"


def test_the_budget_of_a_time_takes_that_time(speed, settings, monkeypatch):
    monkeypatch.setattr(forecast, "step_seconds", lambda optimizer, precision: 0.01)

    def plan(flops):
        return planned("Linear", dataclasses.replace(LINEAR, train=dataclasses.replace(TRAIN, steps=0, flops=flops)))

    flops = forecast.affordable_flops(plan, 60, settings)
    assert forecast.expected_seconds([plan(flops)], settings) == pytest.approx(60, rel=0.02)
    assert flops < 0.9 * 60 * 1e6


def test_the_time_of_a_step_is_measured_once():
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    first = forecast.step_seconds("muon", "bf16")
    assert 1e-5 < first < 1 and forecast.step_seconds("muon", "bf16") == first
    assert torch.get_num_threads() == threads and torch.equal(torch.get_rng_state(), state)
