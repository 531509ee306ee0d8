import dataclasses

import pytest
from pooled import PLANNED
from synthetic import planned

from tinylm import data
from tinylm.config import GatedCountsConfig
from tinylm.training.bench import runs


def test_a_run_takes_as_long_as_its_steps(monkeypatch):
    monkeypatch.setattr(runs, "per_call", lambda call, device: call() is None or 0.25)
    assert runs.seconds(PLANNED[0], "cpu") == 0.25 * PLANNED[0].cost.steps
    assert runs.seconds(PLANNED[2], "cpu") == 0.25, "counts have no steps"


def test_a_step_has_one_thread_or_all_whichever_is_faster(monkeypatch):
    taken = iter([0.5, 0.25, 0.5, 1.0])
    monkeypatch.setattr(runs, "per_call", lambda call, device: next(taken))
    assert [runs.seconds(PLANNED[0], "cpu") / PLANNED[0].cost.steps for _ in range(2)] == [0.25, 0.5]


def test_every_row_is_timed_once_and_told(monkeypatch):
    told = []
    monkeypatch.setattr(runs, "seconds", lambda run, device: float(run.spec.is_counts))
    monkeypatch.setattr(data, "available", lambda name: name != "ptb")
    seeds = [planned("Linear", dataclasses.replace(PLANNED[0].spec, seed=seed)) for seed in (1, 2)]
    elsewhere = planned("KN-2", dataclasses.replace(PLANNED[2].spec, corpus="ptb"))
    found = runs.all_seconds([*seeds, PLANNED[2], elsewhere], "cpu", lambda run, took: told.append((run.name, took)))
    assert told == [("Linear", 0.0), ("KN-2", 1.0)]
    assert found == {PLANNED[0].spec.key: 0.0, PLANNED[2].spec.key: 1.0}


def test_gated_counts_take_their_steps_and_the_counting(monkeypatch):
    train = dataclasses.replace(PLANNED[0].spec.train, loss_at="all")
    spec = dataclasses.replace(PLANNED[0].spec, model=GatedCountsConfig(order=2, context_length=16), train=train)
    run = planned("Gated counts", spec)
    step = runs.step(run.spec, "cpu")
    before = [parameter.clone() for parameter in step.func.parameters]
    step()
    assert any((a != b).any() for a, b in zip(before, step.func.parameters, strict=True))
    monkeypatch.setattr(runs, "per_call", lambda call, device: 0.0 if call() is None else 0.25)
    assert runs.seconds(run, "cpu") == pytest.approx(0.25 * (run.cost.steps + 1))


@pytest.mark.parametrize("run", PLANNED[:2], ids=lambda run: run.name)
def test_a_step_moves_the_weights_of_a_new_network(run):
    step = runs.step(run.spec, "cpu")
    before = [parameter.clone() for parameter in step.func.parameters]
    step()
    assert any((a != b).any() for a, b in zip(before, step.func.parameters, strict=True))
