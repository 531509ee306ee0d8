"""Continuations of baselines: recorded once, read without weights."""

import json

from synthetic import planned

from tinylm import data, files, study
from tinylm.config import LinearConfig, RunSpec, TrainConfig
from tinylm.evaluation.probes import SAMPLES, samples
from tinylm.models import checkpoint
from tinylm.models.networks import build

RUN = planned("toy", RunSpec(corpus="grammar-char", model=LinearConfig(context_length=4, d_model=4), train=TrainConfig(steps=1)))


def test_samples_are_recorded_once_and_read_without_weights(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "WEIGHTS", tmp_path)
    folders = (tmp_path / "published", tmp_path / "local")
    assert SAMPLES.missing([RUN], folders, None) == [], "without weights nothing can be sampled"
    built = build(RUN.spec.model, data.vocab_size("grammar-char"))
    checkpoint.save(tmp_path / f"{RUN.spec.key}.safetensors", built.state_dict(), {})
    assert SAMPLES.missing([RUN], folders, None) == [RUN] and SAMPLES.read(RUN, folders) is None
    found = SAMPLES.record(RUN, folders[1])
    assert SAMPLES.read(RUN, folders) == found == json.loads(json.dumps(found)) and SAMPLES.missing([RUN], folders, None) == []
    assert {(s["start"], s["temperature"]) for s in found["samples"]} == {(s, t) for s in (0, 19_996) for t in samples.TEMPERATURES}
    assert all(len(s["text"]) == samples.N_TOKENS and len(s["prompt"]) == 4 for s in found["samples"])


def test_seed_0_of_the_baselines_on_characters_and_of_the_purchases_is_sampled():
    found = SAMPLES.subjects(study.plan("full"))
    assert [run.architecture for run in found if run.role == "baseline"] == ["Linear", "MLP", "Self-Attention", "Transformer"]
    assert {(run.section, run.role, run.spec.seed) for run in found} == {
        ("architectures", "baseline", 0),
        ("budget", "purchase", 0),
        ("words", "purchase", 0),
    }


def test_a_longer_window_ends_where_that_of_a_baseline_does(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "WEIGHTS", tmp_path)
    monkeypatch.setattr(samples, "STARTS", (5_000,))
    long = planned("long", RunSpec(corpus="grammar-char", model=LinearConfig(context_length=300, d_model=2), train=TrainConfig(steps=1)))
    checkpoint.save(tmp_path / f"{long.spec.key}.safetensors", build(long.spec.model, data.vocab_size("grammar-char")).state_dict(), {})
    corpus = data.load("grammar-char")
    prompt = SAMPLES.measure(long, None)["samples"][0]["prompt"]
    assert prompt == corpus.decode(corpus.valid[5_128 - 300 : 5_128])
