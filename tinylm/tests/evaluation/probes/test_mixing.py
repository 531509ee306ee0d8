import json

import numpy as np
import pytest
import torch
from specs import TRANSFORMER
from synthetic import planned

from tinylm import data, files, ledger, study
from tinylm.config import NgramConfig, RunSpec, TrainConfig
from tinylm.data import SPLITS
from tinylm.evaluation import counts
from tinylm.evaluation.probes import MIXING, mixing
from tinylm.models import checkpoint
from tinylm.models.networks import build

SCORED = {"eval_start": 20, "eval_tokens": 300}


@pytest.fixture
def run(monkeypatch, tmp_path):
    """A network of random weights, which stands in for a recipe, beside counts of pairs."""
    model = NgramConfig(order=2)
    monkeypatch.setattr(mixing.recipes, "tuned_counts", lambda corpus: model)
    monkeypatch.setattr(files, "WEIGHTS", tmp_path)
    network = RunSpec(corpus="grammar-char", model=TRANSFORMER, train=TrainConfig(flops=10**9, loss_at="all", **SCORED))
    torch.manual_seed(0)
    weights = build(TRANSFORMER, data.vocab_size("grammar-char")).state_dict()
    checkpoint.save(tmp_path / f"{network.key}.safetensors", weights, {})
    return planned("A network", network, role="frontier")


def tuned():
    return planned("KN-2", RunSpec(corpus="grammar-char", model=NgramConfig(order=2), train=TrainConfig(epochs=1, **SCORED)), role="tuned")


def test_a_mixture_is_recorded_with_its_weight_and_its_scores(run, tmp_path):
    facts = MIXING.record(run, tmp_path)
    assert MIXING.read(run, [tmp_path]) == ledger.rounded(json.loads(json.dumps(facts)))
    found = MIXING.scores(run, [tmp_path])
    assert {score.split for score in found.values()} == set(SPLITS) - {"train"}
    assert all((score.start, score.n_tokens) == (20, 300) for score in found.values())
    corpus = data.load("grammar-char")
    counted = counts.token_nlls(tuned().spec, corpus, "valid").mean()
    assert 0 < facts["weight"] < 0.2, "a network that has learnt nothing has next to no part"
    assert found["valid"].nll == pytest.approx(counted, abs=0.02) and facts["network"]["valid"] > counted + 1
    assert np.mean(found["test"].blocks) > 0 and MIXING.scores(run, [tmp_path / "none"]) is None


def test_what_is_scored_on_the_tokens_of_tuned_counts_is_mixed(run):
    elsewhere = planned("Elsewhere", RunSpec(corpus="grammar-char", model=TRANSFORMER, train=TrainConfig(steps=1)), role="frontier")
    swept = planned("Swept", run.spec, role="sweep")
    assert MIXING.subjects([run, elsewhere, swept, tuned()]) == [run] and MIXING.subjects([run]) == []


def test_of_the_published_study_recipes_and_the_factorial_are_mixed():
    found = MIXING.subjects(study.plan("full"))
    assert {run.role for run in found} == {"frontier", "purchase", "factorial"} and not any(run.spec.is_counts for run in found)
