import dataclasses
import json
import re

import pytest
from hypothesis import given
from specs import run_specs

from tinylm.config import (
    ConfigError,
    GatedCountsConfig,
    LinearConfig,
    LSTMConfig,
    MLPConfig,
    ModelConfig,
    ModuleConfig,
    NgramConfig,
    RunSpec,
    TrainConfig,
    TransformerConfig,
)
from tinylm.config.serialise import model_kinds, spec_from_dict, to_dict

SPEC = RunSpec(corpus="tiny_shakespeare", model=TransformerConfig(), train=TrainConfig(epochs=4))
KINDS = (LinearConfig, MLPConfig, TransformerConfig, LSTMConfig, GatedCountsConfig, ModuleConfig, NgramConfig)


@given(spec=run_specs())
def test_round_trip_through_json_text(spec):
    again = spec_from_dict(json.loads(json.dumps(to_dict(spec))))
    assert again == spec
    assert again.key == spec.key


@pytest.mark.parametrize(("part", "owner"), [("model", "Transformer"), ("train", "TrainConfig")])
def test_an_unknown_field_is_named_with_the_known_ones(part, owner):
    written = to_dict(SPEC)
    written[part]["zzz"] = 1
    with pytest.raises(ConfigError, match=rf"{owner}.zzz: \w+ has no such field; its fields are .*"):
        spec_from_dict(written)
    with pytest.raises(ConfigError, match="RunSpec.colour: RunSpec has no such field"):
        spec_from_dict(to_dict(SPEC) | {"colour": "red"})


@pytest.mark.parametrize("model", [{}, {"kind": "mamba"}, {"kind": ""}])
def test_an_unknown_kind_lists_the_known_ones(model):
    with pytest.raises(ConfigError, match=re.escape("there are: " + ", ".join(model_kinds()))):
        spec_from_dict(to_dict(SPEC) | {"model": model})


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("a text", r"spec must have fields and their values, got 'a text' \(str\)"),
        ([["model", 1]], "spec must have fields"),
        (None, "spec must have fields"),
        ({"model": "mlp"}, "model must have fields"),
        ({"model": {"kind": ["mlp"]}}, "model kind must be a name, got"),
        ({"model": {"kind": "mlp"}, "train": [1]}, "train must have fields"),
    ],
)
def test_what_is_no_spec_is_refused(written, message):
    with pytest.raises(ConfigError, match=message):
        spec_from_dict(written)


def test_every_kind_is_known_by_its_tag():
    kinds = model_kinds()
    assert {kinds[tag] for tag in ("linear", "mlp", "transformer", "lstm", "gated-counts", "module", "ngram")} == set(KINDS)
    assert all(issubclass(kind, ModelConfig) and kind.kind == tag for tag, kind in kinds.items())


def test_a_spec_is_written_whole_with_the_kind_of_its_model_and_without_what_follows_from_the_order():
    written = to_dict(RunSpec(corpus="ptb", model=NgramConfig(order=3), train=TrainConfig(epochs=1)))
    assert written["model"] == {"kind": "ngram", "order": 3, "cache": 0, "discount_scale": 1.0, "weights_corpus": ""}
    assert written["train"].keys() == {field.name for field in dataclasses.fields(TrainConfig)}


def test_what_is_not_written_takes_its_default():
    read = spec_from_dict({"corpus": "ptb", "model": {"kind": "mlp", "hidden_widths": [8, 16]}, "train": {"steps": 7}})
    assert read == RunSpec(corpus="ptb", model=MLPConfig(hidden_widths=(8, 16)), train=TrainConfig(steps=7))
