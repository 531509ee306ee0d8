from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from records import made
from specs import MLP, spec

from tinylm import data, study
from tinylm.config import LSTMConfig, NgramConfig, RunSpec, TrainConfig, TransformerConfig
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


def test_a_model_of_an_own_text_keeps_the_name_of_its_file_wherever_it_goes(home, tmp_path):
    (home / "german.txt").write_text("der Hund, die Katze\n" * 99, encoding="utf-8")
    name = data.corpus_name("german.txt" if Path("german.txt").exists() else home / "german.txt")
    path, own = tmp_path / "w.safetensors", replace(SPEC, corpus=name)
    checkpoint.save(path, build(SPEC.model, data.vocab_size(name)).state_dict(), weights.facts(own, data.load(name)))
    (home / "out" / "texts" / name / "about.json").unlink()
    opened = weights.open_file(path, {})
    assert opened.vocabulary.corpus == f"german.txt ({name})" and f"german.txt ({name})" in repr(opened)


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


FACTS = weights.facts(SPEC, data.load(SPEC.corpus))
ALL = {"loss_at": "all"}
ODD = {  # what a file may say of itself, and what is said of it
    "a billion layers": ({"model": {"n_layer": 10**9}}, "n_layer must be at least 1 and at most 1,000"),
    "a hundred thousand channels": ({"model": {"d_model": 10**5}}, "needs .*e.* numbers, and the file holds"),
    "a table of a terabyte": ({"model": {"position": "rope", "context_length": 10**11}, "train": ALL}, "needs .*e.12 numbers"),
    "a spec that is a text": ({"spec": "transformer"}, "its spec cannot be read: spec must have fields"),
    "a model that is a list": ({"spec": {"model": []}}, "its spec cannot be read: model must have fields"),
    "an unknown architecture": ({"spec": {"model": {"kind": "mamba"}}}, "unknown model kind 'mamba'"),
    "no lead": ({"train": ALL, "lead": None}, "lead must be a list of 1 or more of the ids from 0 to 34"),
    "a lead of texts": ({"lead": ["a"]}, "lead must be"),
    "a foreign lead": ({"lead": [35]}, "lead must be"),
    "a lead below zero": ({"lead": [-1]}, "lead must be"),
    "too short a lead": ({"lead": [1]}, "lead must be a list of 8 or more"),
    "a vocabulary that is a text": ({"vocab": "abc"}, "vocab must be a list of"),
    "one token twice": ({"vocab": ["a", "a"]}, "vocab must be a list of"),
    "numbers for tokens": ({"vocab": [1, 2]}, "vocab must be a list of"),
    "no token": ({"vocab": []}, "vocab must be a list of"),
    "another level": ({"level": "sentence"}, "unknown level 'sentence'"),
    "a level that is a list": ({"level": []}, "unknown level"),
}


@pytest.mark.parametrize(("odd", "message"), ODD.values(), ids=ODD)
def test_a_file_that_says_odd_things_of_itself_is_refused_before_anything_is_built(tmp_path, monkeypatch, odd, message):
    spec = FACTS["spec"] | {part: FACTS["spec"][part] | odd[part] for part in ("model", "train") if part in odd}
    said = FACTS | {"spec": spec} | {name: value for name, value in odd.items() if name not in ("model", "train")}
    path = written(tmp_path / "w.safetensors", said)
    monkeypatch.setattr(weights, "build", lambda *_: pytest.fail("a network was built"))
    with pytest.raises(WeightsError, match=f"w.safetensors is damaged, .*{message}.*train again"):
        weights.open_file(path, {})


def test_a_file_that_says_nothing_is_refused(tmp_path):
    with pytest.raises(WeightsError, match="is damaged, it says neither its spec nor its key"):
        weights.open_file(written(tmp_path / "w.safetensors", {}), {})
    for said in ([1], "text", None):
        with pytest.raises(checkpoint.CheckpointError, match="its facts are not names and values"):
            weights.open_file(written(tmp_path / "w.safetensors", said), {})


COUNTS = RunSpec(corpus="grammar-char", model=NgramConfig(order=1, cache=4), train=TrainConfig(epochs=1))
HELD = {"tokens": torch.tensor([0, 1, 2], dtype=torch.uint8), "weights": torch.full((4, 2), 0.5, dtype=torch.float64)}


@pytest.mark.parametrize(
    ("odd", "message"),
    [
        ({"tokens": None}, "tokens"),
        ({"tokens": torch.tensor([0, 99], dtype=torch.uint8)}, "token id 99 is outside the vocabulary of 35"),
        ({"tokens": torch.tensor([0.5])}, "a flat array of integer ids"),
        ({"tokens": torch.zeros(0, dtype=torch.uint8)}, "the training text is empty"),
        ({"weights": torch.zeros(3, 2)}, r"finite numbers of the shape \(4, 2\)"),
        ({"weights": torch.full((4, 2), torch.nan)}, r"finite numbers of the shape \(4, 2\)"),
        ({"weights": torch.zeros(4, 2, dtype=torch.bfloat16)}, "does not hold the counts KN-1|does not hold the counts Unigram"),
    ],
)
def test_counts_that_do_not_fit_their_spec_are_refused(tmp_path, odd, message):
    path, said = tmp_path / "w.safetensors", weights.facts(COUNTS, data.load(COUNTS.corpus))
    checkpoint.save(path, HELD, said)
    assert len(weights.open_file(path, {}).distribution("a")) == 35
    checkpoint.save(path, {name: value for name, value in (HELD | odd).items() if value is not None}, said)
    with pytest.raises(WeightsError, match=message):
        weights.open_file(path, {})
