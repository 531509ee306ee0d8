"""Context at test time: what is recorded, chosen on valid and shown."""

import itertools
import json
import math

import pytest
import torch
from specs import TRANSFORMER
from synthetic import planned

from tinylm import data, files, ledger, study
from tinylm.config import RunSpec, TrainConfig, TransformerConfig
from tinylm.evaluation.probes import TEST_TIME, trials
from tinylm.models import checkpoint
from tinylm.models.networks import build
from tinylm.report import tables

ROTARY = TransformerConfig(context_length=8, n_layer=1, n_head=2, d_model=16, d_ff=32, position="rope")
SPEC = RunSpec(corpus="grammar-char", model=ROTARY, train=TrainConfig(flops=10**9, loss_at="all", eval_stride=2, eval_tokens=120))
RUN = planned("toy", SPEC)


@pytest.fixture
def facts(tmp_path, monkeypatch):
    """What is recorded of an untrained model, with few settings tried on few tokens."""
    monkeypatch.setattr(trials, "CHOOSING_TOKENS", 60)
    monkeypatch.setattr(trials, "SQUARED_SEGMENTS", 4)
    torch.manual_seed(0)
    monkeypatch.setattr(files, "WEIGHTS", tmp_path)
    checkpoint.save(tmp_path / f"{SPEC.key}.safetensors", build(ROTARY, data.vocab_size(SPEC.corpus)).state_dict(), {})
    return TEST_TIME.record(RUN, tmp_path)


def test_every_method_is_recorded_with_its_gain_over_the_same_tokens(facts, tmp_path):
    assert TEST_TIME.read(RUN, [tmp_path / "none", tmp_path]) == ledger.rounded(json.loads(json.dumps(facts)))
    methods = {found["method"]: found for found in facts["methods"]}
    assert list(methods) == ["static", "longer windows", "neural cache", "dynamic evaluation"]
    static = methods["static"]
    assert facts["n_tokens"] == 120 and static["gain"] == 0 and static["flops_chosen"] == 0
    for found in methods.values():
        assert found["nll"] == pytest.approx(static["nll"] - found["gain"], abs=1e-6)
        assert math.isfinite(found["gain_se"]) and found["flops_per_token"] >= static["flops_per_token"] * 0.5
    assert methods["neural cache"]["flops_per_token"] > static["flops_per_token"] > 0
    assert methods["longer windows"]["settings"]["context_length"] in {8 * times for times in trials.CONTEXTS}


def test_the_largest_run_of_each_corpus_is_tried_where_its_weights_are(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "WEIGHTS", tmp_path)
    runs = [
        planned(f"{flops} {seed}", RunSpec(corpus=corpus, model=model, train=TrainConfig(flops=flops, loss_at="all"), seed=seed))
        for corpus, model, flops, seed in itertools.product(("grammar-word", "grammar-char"), (ROTARY, TRANSFORMER), (10, 20, 30), (0, 1))
    ]
    tried = TEST_TIME.subjects(runs)
    assert {(run.spec.model, run.spec.seed) for run in tried} == {(ROTARY, 0)} and len(tried) == 6
    for run in tried:
        (tmp_path / f"{run.spec.key}.safetensors").write_text("w" * (run.spec.train.flops < 30))
    (tmp_path / f"{tried[2].spec.key}.safetensors").unlink()  # of the first corpus with 30 FLOPs
    missing = TEST_TIME.missing(tried, [tmp_path], None)
    assert [(run.spec.corpus, run.spec.train.flops) for run in missing] == [("grammar-word", 20), ("grammar-char", 30)]
    assert TEST_TIME.subjects(study.section_plan("words", "full")), "the study can try at least one run on words"


def test_the_table_shows_methods_and_stands_without_any(facts, tmp_path, monkeypatch):
    runs = [RUN]
    monkeypatch.setattr(files, "LEDGER", tmp_path)
    shown = tables.at_test_time(runs)
    assert list(shown["method"]) == [found["method"] for found in facts["methods"]] and "perplexity" not in shown
    assert shown["gain"][0] == "–" and "±" in shown["gain"][1]
    monkeypatch.setattr(files, "LEDGER", tmp_path / "empty")
    monkeypatch.setattr(files, "LOCAL_LEDGER", tmp_path / "empty")
    assert "none" in tables.at_test_time(runs)["run"][0]
