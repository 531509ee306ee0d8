import dataclasses
import json
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from specs import feedforward_configs, lstm_configs, transformer_configs

from tinylm.config import (
    ConfigError,
    FieldError,
    LinearConfig,
    LSTMConfig,
    MLPConfig,
    ModelConfig,
    NgramConfig,
    RunSpec,
    TrainConfig,
    TransformerConfig,
)
from tinylm.config.serialise import model_kinds, spec_from_dict, to_dict

SPEC = RunSpec(corpus="tiny_shakespeare", model=TransformerConfig(), train=TrainConfig(epochs=4))
# A published record is found by its key: where one of these changes, a field's name, type or default did, and old records are lost.
GOLDEN_KEYS = {
    "5d9a14a91f0bd5c3": SPEC,
    "bf26c9d87fb07a2e": RunSpec(
        corpus="tiny_shakespeare", model=LinearConfig(context_length=32), train=TrainConfig(steps=100, lr=1e-2), seed=3
    ),
    "8580671d1bf2777b": RunSpec(corpus="ptb", model=MLPConfig(dropout=0.2), train=TrainConfig(flops=10**15)),
    "0d84415086f80634": RunSpec(corpus="ptb", model=LinearConfig(d_model=9999, embedding_init="identity"), train=TrainConfig(steps=1)),
    "37c7163cd2bfd5dd": RunSpec(corpus="ptb", model=MLPConfig(activation="gelu", hidden_widths=(8, 16)), train=TrainConfig(steps=1)),
    "58dcb1669c94cfed": RunSpec(corpus="ptb", model=NgramConfig(order=3), train=TrainConfig(epochs=1, train_tokens=80_000)),
}

KINDS = (LinearConfig, MLPConfig, TransformerConfig, LSTMConfig, NgramConfig)

trains = st.builds(
    TrainConfig,
    flops=st.integers(1, 10**18),
    lr=st.floats(1e-12, 1e3),
    beta2=st.floats(0, 0.999999),
    weight_decay=st.floats(0, 1e6),
    loss_at=st.sampled_from(["last", "all"]),
    sampling=st.sampled_from(["random", "shuffled"]),
    optimizer=st.just("adamw"),
    schedule=st.sampled_from(["constant", "cosine", "linear"]),
    keep=st.sampled_from(["best", "last"]),
)
models = st.one_of(transformer_configs(), feedforward_configs(), lstm_configs(), st.builds(NgramConfig, order=st.integers(0, 8)))


@st.composite
def run_specs(draw) -> RunSpec:
    model, train = draw(models), draw(trains)
    train = train if model.predicts_every_position else dataclasses.replace(train, loss_at="last")
    return RunSpec(corpus=draw(st.text(max_size=9)), model=model, train=train, seed=draw(st.integers(0, 2**40)))


specs = run_specs()


@pytest.mark.parametrize("key", GOLDEN_KEYS)
def test_keys_are_pinned(key):
    assert GOLDEN_KEYS[key].key == key, "a published key moved: give a new field a default that keeps the old meaning, and rename none"


@given(spec=specs)
def test_round_trip_through_json_text(spec):
    again = spec_from_dict(json.loads(json.dumps(to_dict(spec))))
    assert again == spec
    assert again.key == spec.key


@given(spec=specs)
def test_the_key_ignores_fields_at_their_defaults(spec):
    written = to_dict(spec)
    for part, defaults in (("train", TrainConfig(flops=spec.train.flops)), ("model", type(spec.model)())):
        written[part] = {
            name: value for name, value in written[part].items() if name in ("kind", "flops") or value != getattr(defaults, name)
        }
    assert spec_from_dict(written).key == spec.key


@given(spec=specs, seed=st.integers(0, 2**40))
def test_any_other_setting_has_another_key(spec, seed):
    other = dataclasses.replace(spec, seed=seed)
    assert (other.key == spec.key) == (other == spec)


@pytest.mark.parametrize("value", [10**15, 1e15, np.int64(10**15), np.float64(1e15)])
def test_equal_numbers_are_one_spec(value):
    train = TrainConfig(flops=value)
    assert type(train.flops) is int
    assert dataclasses.replace(SPEC, train=train).key == dataclasses.replace(SPEC, train=TrainConfig(flops=10**15)).key


def test_a_whole_number_becomes_the_declared_float():
    assert type(TrainConfig(steps=1, clip=1).clip) is float
    assert TrainConfig(steps=1, clip=1) == TrainConfig(steps=1, clip=1.0)


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("steps", "10", "whole number"),
        ("steps", True, "whole number"),
        ("steps", None, "whole number"),
        ("steps", 1.5, "whole number"),
        ("steps", -1, "negative"),
        ("steps", float("inf"), "finite"),
        ("lr", "1e-3", "without quotes"),
        ("lr", False, "number"),
        ("lr", float("nan"), "finite"),
        ("lr", -1e-3, "negative"),
        ("lr", 0, "above zero"),
        ("batch_size", 0, "at least 1"),
        ("n_evals", 0, "at least 1"),
        ("n_evals", 1e12, "at most 100,000"),
        ("eval_stride", 0, "at least 1"),
        ("warmup", 1.5, "fraction"),
        ("beta1", 1, "below 1"),
        ("beta2", 1.0, "below 1"),
        ("adam_lr", 1e-3, "optimizer='muon'"),
        ("decay", 0.3, "schedule='wsd'"),
        ("ema_decay", 0.99, "average='ema'"),
        ("ema_decay", 1, "below 1"),
        ("average", "swa", "none, ema"),
        ("optimizer", "sgd", "adam, adamw, muon"),
        ("loss_at", ["last"], "last, all"),
        ("schedule", 1, "constant, cosine, linear, wsd"),
    ],
)
def test_a_wrong_training_setting_is_named(name, value, reason):
    with pytest.raises(ConfigError, match=rf"(?s)TrainConfig.*\b{name}\b.*{reason}"):
        TrainConfig(**({"steps": 10} | {name: value}))


@pytest.mark.parametrize("bounds", [{}, {"steps": 0}, {"steps": 1, "epochs": 1}, {"steps": 1, "epochs": 1, "flops": 1}])
def test_a_run_has_exactly_one_bound(bounds):
    with pytest.raises(ConfigError, match="exactly one of steps, epochs and flops"):
        TrainConfig(**bounds)


@pytest.mark.parametrize(
    ("kind", "fields", "reason"),
    [
        (TransformerConfig, {"n_head": 3}, r"n_head=3 does not divide d_model=128"),
        (TransformerConfig, {"n_kv_head": 3}, r"n_kv_head=3 does not divide n_head=4"),
        (TransformerConfig, {"position": "rope", "d_model": 12, "n_head": 4}, r"head width d_model/n_head=3 is odd"),
        (TransformerConfig, {"n_layer": 0}, "n_layer must be at least 1"),
        (TransformerConfig, {"n_head": 0}, "n_head must be at least 1"),
        (TransformerConfig, {"d_model": 0}, "d_model must be at least 1"),
        (TransformerConfig, {"d_ff": 0}, "d_ff must be at least 1"),
        (TransformerConfig, {"context_length": 0}, "context_length must be at least 1"),
        (TransformerConfig, {"ffn_dropout": 1.0}, "ffn_dropout must be at most 0.999"),
        (TransformerConfig, {"position": "sinusoidal"}, "learned, rope, alibi, none"),
        (TransformerConfig, {"qk_norm": 1}, "needs a bool"),
        (TransformerConfig, {"softcap": -1}, "must not be negative"),
        (TransformerConfig, {"induction": (2, 1)}, "each above the one before"),
        (TransformerConfig, {"induction": (0, 1)}, "from 1 on"),
        (TransformerConfig, {"induction_times": 2}, "needs orders in induction"),
        (TransformerConfig, {"dropout_kind": "weight"}, "element, variational"),
        (TransformerConfig, {"init": "zero"}, "scaled, zero_out"),
        (LSTMConfig, {"n_layer": 0}, "n_layer must be at least 1"),
        (LSTMConfig, {"d_model": 0}, "d_model must be at least 1"),
        (LSTMConfig, {"d_embedding": 128}, "d_embedding=0 is the width of the layers; leave it out"),
        (LSTMConfig, {"tied": True, "d_embedding": 64}, "leave d_embedding out"),
        (LSTMConfig, {"output_dropout": 1}, "output_dropout must be at most 0.999"),
        (LinearConfig, {"d_model": 0}, "d_model must be at least 1"),
        (LinearConfig, {"context_length": 0}, "context_length must be at least 1"),
        (MLPConfig, {"d_hidden": 0}, "d_hidden must be at least 1"),
        (MLPConfig, {"n_hidden": 0}, "n_hidden must be at least 1"),
        (MLPConfig, {"dropout": 1}, "dropout must be at most 0.999"),
        (MLPConfig, {"activation": "silu"}, "relu, gelu"),
        (MLPConfig, {"hidden_widths": "128,256"}, "hidden_widths: needs a list of numbers, got '128,256'"),
        (MLPConfig, {"hidden_widths": (8, 1.5)}, "hidden_widths: needs a whole number, got 1.5"),
        (MLPConfig, {"hidden_widths": (8, 0)}, "hidden_widths must be at least 1"),
        (MLPConfig, {"hidden_widths": (8, 8)}, "hidden_widths is for widths that differ, in place of d_hidden and n_hidden"),
        (MLPConfig, {"hidden_widths": (8, 9), "n_hidden": 3}, "in place of d_hidden and n_hidden"),
        (LinearConfig, {"embedding_init": "zeros"}, "normal, identity"),
        (NgramConfig, {"order": 9}, "order must be 0 to 8"),
        (NgramConfig, {"order": -1}, "negative"),
    ],
)
def test_a_model_that_cannot_be_built_is_refused(kind, fields, reason):
    with pytest.raises(ConfigError, match=reason) as caught:
        kind(**fields)
    assert kind.__name__ in str(caught.value)


def test_the_widths_of_hidden_layers():
    assert MLPConfig(d_hidden=7, n_hidden=3).widths == (7, 7, 7)
    assert MLPConfig(hidden_widths=[8.0, 16]) == MLPConfig(hidden_widths=(8, 16))
    assert MLPConfig(hidden_widths=[8, 16]).widths == (8, 16)


def test_one_hot_codes_need_a_width_of_the_vocabulary():
    LinearConfig(d_model=65, embedding_init="identity").check_vocab_size(65)
    LinearConfig(d_model=65).check_vocab_size(11)
    with pytest.raises(ConfigError, match="embedding_init='identity' needs d_model=11, the size of the vocabulary; got 65"):
        LinearConfig(d_model=65, embedding_init="identity").check_vocab_size(11)


def test_an_attention_only_block_needs_no_ffn_width():
    assert TransformerConfig(ffn="none", d_ff=0).d_ff == 0


def test_an_odd_head_width_is_fine_without_rotation():
    assert TransformerConfig(d_model=12, n_head=4).d_head == 3


@pytest.mark.parametrize("order", range(9))
def test_an_ngram_reads_one_token_less_than_its_order(order):
    assert NgramConfig(order=order).context_length == max(order - 1, 0)


@pytest.mark.parametrize(("part", "owner"), [("model", "TransformerConfig"), ("train", "TrainConfig")])
def test_an_unknown_field_is_named_with_the_known_ones(part, owner):
    written = to_dict(SPEC)
    written[part]["learning_rate"] = 1
    with pytest.raises(ConfigError, match=rf"{owner}.learning_rate: \w+ has no such field; its fields are .*"):
        spec_from_dict(written)
    with pytest.raises(ConfigError, match="RunSpec.colour: RunSpec has no such field"):
        spec_from_dict(to_dict(SPEC) | {"colour": "red"})


def test_a_worker_can_hand_on_what_is_wrong_with_a_field():
    with pytest.raises(FieldError) as wrong:
        TrainConfig(steps=0.5)
    assert str(wrong.value) == "TrainConfig.steps: needs a whole number, got 0.5"
    assert str(type(wrong.value)(*wrong.value.args)) == str(wrong.value)  # which is how it crosses processes


@pytest.mark.parametrize("model", [{}, {"kind": "mamba"}, {"kind": ""}])
def test_an_unknown_kind_lists_the_known_ones(model):
    with pytest.raises(ConfigError, match=re.escape("known: " + ", ".join(model_kinds()))):
        spec_from_dict(to_dict(SPEC) | {"model": model})


def test_every_kind_is_known_by_its_tag():
    kinds = model_kinds()
    assert {kinds[tag] for tag in ("linear", "mlp", "transformer", "lstm", "ngram")} == set(KINDS)
    assert all(issubclass(kind, ModelConfig) and kind.kind == tag for tag, kind in kinds.items())


def test_a_spec_takes_configs_not_dictionaries():
    with pytest.raises(ConfigError, match=r"RunSpec\.model: needs a ModelConfig"):
        RunSpec(corpus="ptb", model={"kind": "linear"}, train=TrainConfig(steps=1))
    with pytest.raises(ConfigError, match=r"RunSpec\.seed: must not be negative"):
        dataclasses.replace(SPEC, seed=-1)


@pytest.mark.parametrize("model", [LinearConfig(), MLPConfig()])
@pytest.mark.parametrize("settings", [{"loss_at": "all"}, {"eval_stride": 2}])
def test_linear_and_mlp_predict_one_token_a_window(model, settings):
    with pytest.raises(ConfigError, match=f"{model.kind} predicts one token per window; set loss_at='last' and eval_stride=1"):
        RunSpec(corpus="ptb", model=model, train=TrainConfig(steps=1, **settings))


def test_a_config_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        SPEC.seed = 1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TrainConfig(steps=1, optimizer="adam", weight_decay=0.1), "adam has no weight_decay; set optimizer='adamw'"),
        (lambda: TrainConfig(steps=1, schedule="wsd", warmup=0.9), "decay=0.2 must be above zero and fit beside warmup=0.9"),
        (lambda: TrainConfig(steps=1, schedule="wsd", decay=0), "decay=0.0 must be above zero"),
        (lambda: TrainConfig(steps=1, lr=10**400), "lr: 1000000000.* is too large"),
        (lambda: TransformerConfig(ffn_dropout=0.99999), "ffn_dropout must be at most 0.999"),
        (lambda: dataclasses.replace(SPEC, seed=2**64), "seed must be below"),
        (lambda: dataclasses.replace(SPEC, model=LinearConfig(), train=TrainConfig(steps=1, loss_at="all")), "set loss_at='last'"),
        (lambda: spec_from_dict({"model": {"kind": "linear"}, "train": {"steps": 1}}), "RunSpec: missing .* 'corpus'"),
    ],
)
def test_what_cannot_be_run_says_so(make, message):
    with pytest.raises(ConfigError, match=message):
        make()
