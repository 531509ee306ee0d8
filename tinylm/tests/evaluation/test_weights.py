from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from records import made
from specs import MLP, spec

from tinylm import data, study
from tinylm.config import LSTMConfig, RunSpec, TrainConfig, TransformerConfig
from tinylm.evaluation import generate, weights
from tinylm.evaluation.weights import WeightsError
from tinylm.models import checkpoint
from tinylm.models.networks import build
from tinylm.training.loop import Hooks, train

SPEC = RunSpec(corpus="grammar-char", model=TransformerConfig(context_length=8, d_model=8, d_ff=8), train=TrainConfig(steps=1))


def written(path, said):
    """A weights file of an untrained model of SPEC."""
    built = build(SPEC.model, data.vocab_size(SPEC.corpus))
    checkpoint.save(path, built.state_dict(), said)
    return path


def test_a_trained_file_needs_neither_ledger_nor_corpus(corpus, tmp_path, monkeypatch):
    planned, path = spec(MLP), tmp_path / "w.safetensors"
    train(planned, corpus, hooks=Hooks(weights=path))
    monkeypatch.setattr(data, "load", lambda *_: pytest.fail("the corpus was opened"))
    opened = weights.open_file(path, {})
    assert opened.spec == planned and opened.vocabulary == corpus.vocabulary
    np.testing.assert_array_equal(opened.lead_ids, corpus.valid[: MLP.context_length])
    assert not opened.network.training


def test_an_older_file_takes_spec_and_vocabulary_from_record_and_corpus(tmp_path):
    path = written(tmp_path / "w.safetensors", {"key": SPEC.key})
    opened = weights.open_file(path, {SPEC.key: made(spec=SPEC)})
    assert opened.spec == SPEC and opened.vocabulary.tokens == data.load("grammar-char").vocab
    with pytest.raises(WeightsError, match=f"its key {SPEC.key} has no record"):
        weights.open_file(path, {})
    with pytest.raises(WeightsError, match=f"^there is no file {tmp_path}/ww.safetensors; did you mean '{path}'"):
        weights.open_file(tmp_path / "ww.safetensors", {})


def test_a_lead_ends_a_line():
    text = data.load("grammar-char")
    lead = text.decode(generate.lead_ids(text, 50))
    assert len(lead) == 50 and lead.endswith("\n")


@pytest.mark.parametrize("content", [b"", b"text"])
def test_a_file_that_holds_no_weights(tmp_path, content):
    path = tmp_path / "w.safetensors"
    with pytest.raises(WeightsError, match="there is no file .*; name a weights file, a run's key or a run's name"):
        weights.open_file(path, {})
    path.write_bytes(content)
    with pytest.raises(checkpoint.CheckpointError, match="not a readable checkpoint"):
        weights.open_file(path, {})


def test_weights_of_another_shape_are_named(tmp_path):
    path = tmp_path / "w.safetensors"
    checkpoint.save(path, build(MLP, 5).state_dict(), weights.facts(SPEC, data.load("grammar-char")))
    with pytest.raises(WeightsError, match="does not hold the weights of transformer"):
        weights.open_file(path, {})


def test_damaged_weights_are_refused(tmp_path):
    path, built = tmp_path / "w.safetensors", build(SPEC.model, data.vocab_size(SPEC.corpus))
    next(built.parameters()).data[0] = float("nan")
    checkpoint.save(path, built.state_dict(), weights.facts(SPEC, data.load(SPEC.corpus)))
    with pytest.raises(WeightsError, match="is damaged, .* restore it with git checkout if it came with the package"):
        weights.open_file(path, {})


def planned(section, name, seed=0):
    return next(run.spec for run in study.section_plan(section, "full") if (run.name, run.spec.seed) == (name, seed))


def test_names_and_keys_find_files(tmp_path):
    kept = [planned("architectures", "Transformer", 1), planned("rope", "RoPE"), planned("control", "Transformer")]
    files = {one.key: tmp_path / f"{one.key}.safetensors" for one in kept}
    real, rope, control = files.values()
    control.touch()
    for asked, path in {
        "Transformer": real,
        "transformer@1": real,
        "Transformer@0": control,
        "control/Transformer": control,
        "RoPE": rope,
        kept[1].key[:8]: rope,
        str(control): control,
        "elsewhere.safetensors": "elsewhere.safetensors",
    }.items():
        assert str(weights.find(asked, files, {})) == str(path)
    assert [key for key, _, _ in weights.listing({"0123456789abcdef": control} | files, {})] == [*files, "0123456789abcdef"]


def test_what_cannot_be_found_says_what_to_do():
    key = planned("rope", "RoPE").key
    with pytest.raises(WeightsError, match=f"train it with: python -m tinylm train --run {key}"):
        weights.find("RoPE", {}, {})
    with pytest.raises(WeightsError, match="no run is called 'Rope 2'"):
        weights.find("Rope 2", {}, {})
    with pytest.raises(WeightsError, match="2 keys begin with abcdef"):
        weights.find("abcdef", {f"abcdef012345678{last}": Path("absent") for last in "01"}, {})
    for counts in ("KN-6", planned("control", "KN-6").key):
        with pytest.raises(WeightsError, match=f"{counts} counts n-grams, .* use it: python -m tinylm generate --model '{counts}'"):
            weights.trainable(counts, {}, {})
    assert weights.trainable("RoPE", {}, {}).spec.key == key
    assert weights.trainable(SPEC.key, {}, {SPEC.key: made(spec=SPEC)}).spec == SPEC


@pytest.mark.parametrize("model", [replace(SPEC.model, tied=True), LSTMConfig(context_length=8, n_layer=1, d_model=8, tied=True)])
def test_a_tied_matrix_may_be_held_once_and_in_16_bits(tmp_path, model):
    spec, built = replace(SPEC, model=model), build(model, data.vocab_size(SPEC.corpus))
    held = {name: value.half() for name, value in built.named_parameters()}
    assert len(held) == len(built.state_dict()) - 1
    checkpoint.save(tmp_path / "w.safetensors", held, weights.facts(spec, data.load(SPEC.corpus)))
    opened = weights.open_file(tmp_path / "w.safetensors", {}).network
    for name, value in opened.state_dict().items():
        assert value.dtype == torch.float32
        torch.testing.assert_close(value, built.state_dict()[name].half().float(), rtol=0, atol=0)
    assert opened.head.weight is opened.embedding.weight


def test_a_missing_tensor_is_named(tmp_path):
    held = dict(build(SPEC.model, data.vocab_size(SPEC.corpus)).named_parameters())
    del held["head.weight"]
    checkpoint.save(tmp_path / "w.safetensors", held, weights.facts(SPEC, data.load(SPEC.corpus)))
    with pytest.raises(WeightsError, match="head.weight"):
        weights.open_file(tmp_path / "w.safetensors", {})
