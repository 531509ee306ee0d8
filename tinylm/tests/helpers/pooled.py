"""Runs small enough for a pool of processes in a test."""

import dataclasses

import pytest
from specs import TRANSFORMER
from synthetic import planned

from tinylm import ledger
from tinylm.config import LinearConfig, NgramConfig, RunSpec, TrainConfig
from tinylm.training import executors
from tinylm.training.loop import Interrupted

TRAIN = TrainConfig(steps=120, n_evals=3, batch_size=4, eval_tokens=50)
MODELS = {"Linear": LinearConfig(context_length=4, d_model=4), "Transformer": TRANSFORMER, "KN-2": NgramConfig(order=2)}
PLANNED = [planned(name, RunSpec(corpus="grammar-word", model=model, train=TRAIN)) for name, model in MODELS.items()]
LINEAR = PLANNED[0].spec


def interrupted(spec, settings):
    """Train to the first look at the clock, leaving a checkpoint."""
    with pytest.raises(Interrupted):
        executors.run_one(spec, settings, lambda now: None, lambda: True)
    return settings.checkpoints / f"{spec.key}.safetensors"


def outcome(record):
    """What a record says of the run, not of the machine."""
    return ledger.to_json(dataclasses.replace(record, seconds=0.0, curve_seconds=[], environment={}))


LONG = planned("Linear", dataclasses.replace(LINEAR, train=TrainConfig(steps=10**7, n_evals=1, batch_size=4, eval_tokens=50)))
