import json

import numpy as np
import pytest
import torch
from specs import TRANSFORMER
from synthetic import planned

from tinylm import data, files, ledger, study
from tinylm.config import GatedCountsConfig, NgramConfig, RunSpec, TrainConfig
from tinylm.data import SPLITS
from tinylm.evaluation import counts, weights
from tinylm.evaluation.probes import GATED_MIXING, MIXING, mixing
from tinylm.flops import run_cost
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
    tensors = build(TRANSFORMER, data.vocab_size("grammar-char")).state_dict()
    checkpoint.save(tmp_path / f"{network.key}.safetensors", tensors, {})
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


def test_gated_counts_of_the_same_seed_are_mixed_in_and_cost_what_their_training_does(run, monkeypatch, tmp_path):
    partner = RunSpec(
        corpus="grammar-char", model=GatedCountsConfig(order=3, d_hidden=4), train=TrainConfig(flops=10**7, loss_at="all", **SCORED)
    )
    torch.manual_seed(0)
    network = build(partner.model, data.vocab_size("grammar-char"))
    corpus = data.load("grammar-char")
    facts = weights.facts(partner, corpus)
    checkpoint.save(tmp_path / f"{partner.key}.safetensors", network.state_dict(), facts)
    monkeypatch.setattr(mixing, "_gated", lambda: {("grammar-char", run.spec.seed): partner})
    assert GATED_MIXING.subjects([run, tuned()]) == [run] and GATED_MIXING.is_possible(run, None)
    assert GATED_MIXING.flops(run) == run_cost(partner, corpus.info).flops > 0 == MIXING.flops(run)
    found = GATED_MIXING.record(run, tmp_path)
    assert found["counts"] == partner.key and 0 < found["weight"] < 1
    alone = found["network"]["valid"]
    assert GATED_MIXING.scores(run, [tmp_path])["valid"].nll < alone
    monkeypatch.setattr(mixing, "_gated", dict)
    assert GATED_MIXING.subjects([run, tuned()]) == []


def test_the_gated_counts_of_the_published_study_are_those_of_the_smallest_budget_and_of_the_runs_seed():
    found = GATED_MIXING.subjects(study.plan("full"))
    assert {run.role for run in found} == {"frontier", "purchase", "timed"}
    assert {data.source(run.spec.corpus) for run in found} == {"tiny_shakespeare", "ptb-eos", "wikitext-2-eos", "wikitext-2-char"}
    assert all(GATED_MIXING.partner(run).train.flops == 10**10 and GATED_MIXING.partner(run).seed == run.spec.seed for run in found)


def test_what_is_scored_on_the_tokens_of_tuned_counts_is_mixed(run):
    elsewhere = planned("Elsewhere", RunSpec(corpus="grammar-char", model=TRANSFORMER, train=TrainConfig(steps=1)), role="frontier")
    swept = planned("Swept", run.spec, role="sweep")
    assert MIXING.subjects([run, elsewhere, swept, tuned()]) == [run] and MIXING.subjects([run]) == []


def test_of_the_published_study_recipes_and_the_factorial_are_mixed():
    found = MIXING.subjects(study.plan("full"))
    assert {run.role for run in found} == {"frontier", "purchase", "taught", "factorial"} and not any(run.spec.is_counts for run in found)
