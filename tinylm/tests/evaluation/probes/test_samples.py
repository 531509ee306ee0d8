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


def test_seed_0_of_the_baselines_on_characters_is_sampled():
    found = SAMPLES.subjects(study.plan("full"))
    assert [run.architecture for run in found] == ["Linear", "MLP", "Self-Attention", "Transformer"]
    assert {(run.section, run.spec.seed) for run in found} == {("architectures", 0)}
