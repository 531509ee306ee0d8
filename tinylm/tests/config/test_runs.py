import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from specs import run_specs

from tinylm.config import (
    ConfigError,
    GatedCountsConfig,
    LinearConfig,
    LSTMConfig,
    MLPConfig,
    NgramConfig,
    RunSpec,
    TeacherConfig,
    TrainConfig,
    TransformerConfig,
)
from tinylm.config.serialise import spec_from_dict, to_dict

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
    "7ae6be37bca2e933": RunSpec(
        corpus="ptb",
        model=MLPConfig(),
        train=TrainConfig(flops=10**15),
        teacher=TeacherConfig(model=NgramConfig(order=3), weight=0.8),
    ),
    "58dcb1669c94cfed": RunSpec(corpus="ptb", model=NgramConfig(order=3), train=TrainConfig(epochs=1, train_tokens=80_000)),
}


@pytest.mark.parametrize("key", GOLDEN_KEYS)
def test_keys_are_pinned(key):
    assert GOLDEN_KEYS[key].key == key, "a published key moved: give a new field a default that keeps the old meaning, and rename none"


@given(spec=run_specs())
def test_the_key_ignores_fields_at_their_defaults(spec):
    written = to_dict(spec)
    for part in ("train", "model"):
        defaults = {field.name: field.default for field in dataclasses.fields(getattr(spec, part))}
        written[part] = {name: value for name, value in written[part].items() if name == "kind" or value != defaults[name]}
    assert spec_from_dict(written).key == spec.key


@given(spec=run_specs(), seed=st.integers(0, 2**40))
def test_any_other_setting_has_another_key(spec, seed):
    other = dataclasses.replace(spec, seed=seed)
    assert (other.key == spec.key) == (other == spec)


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
        ("lr_floor", 0.1, "schedule=.cosine."),
        ("lr_floor", 1.5, "share"),
        ("ema_decay", 0.99, "average='ema'"),
        ("ema_decay", 1, "below 1"),
        ("average", "mean", "none, ema, swa"),
        ("swa_share", 1.5, "a fraction of the run"),
        ("token_noise", 1, "a share of the tokens below 1"),
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


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TrainConfig(steps=1, optimizer="adam", weight_decay=0.1), "adam has no weight_decay; set optimizer='adamw'"),
        (lambda: TrainConfig(steps=1, weight_decay_schedule="linear"), "weight_decay_schedule needs a weight_decay above zero"),
        (lambda: LSTMConfig(d_model=8, pointer=9), "pointer=9 is wider than the states, d_model=8; lower it"),
        (lambda: TrainConfig(steps=1, schedule="wsd", warmup=0.9), "decay=0.2 must be above zero and fit beside warmup=0.9"),
        (lambda: TrainConfig(steps=1, schedule="wsd", decay=0), "decay=0.0 must be above zero"),
        (lambda: TrainConfig(steps=1, n_targets=2), "n_targets needs loss_at='all'"),
        (
            lambda: dataclasses.replace(SPEC, train=TrainConfig(steps=1, loss_at="all", n_targets=128)),
            "n_targets=128 must be below context",
        ),
        (
            lambda: dataclasses.replace(SPEC, model=TransformerConfig(n_future=2)),
            "n_future=2 needs the loss at as many positions; set loss_at='all'",
        ),
        (lambda: TrainConfig(steps=1, lr=10**400), "lr: must be below 1e308"),
        (lambda: TransformerConfig(ffn_dropout=0.99999), "ffn_dropout must be at most 0.999"),
        (lambda: dataclasses.replace(SPEC, seed=2**64), r"RunSpec.seed: must be below 2\*\*63"),
        (lambda: TrainConfig(steps=10**5000), r"TrainConfig.steps: must be below 2\*\*63"),
        (lambda: TransformerConfig(n_layer=10**9), "n_layer must be at least 1 and at most 1,000"),
        (lambda: MLPConfig(n_hidden=10**9), "n_hidden must be at least 1 and at most 1,000"),
        (lambda: LSTMConfig(n_layer=10**9), "n_layer must be at least 1 and at most 1,000"),
        (lambda: TransformerConfig(induction=(2**62,)).check_vocab_size(2), "induction of order .* is too high for 2 tokens"),
        (lambda: dataclasses.replace(SPEC, model=LinearConfig(), train=TrainConfig(steps=1, loss_at="all")), "set loss_at='last'"),
        (lambda: spec_from_dict({"model": {"kind": "linear"}, "train": {"steps": 1}}), "RunSpec.corpus: must be given"),
    ],
)
def test_what_cannot_be_run_says_so(make, message):
    with pytest.raises(ConfigError, match=message):
        make()


TRANSFORMER = TransformerConfig()
COUNTS = NgramConfig(order=3)
BUDGET = TrainConfig(flops=10**9, loss_at="all", n_evals=3, eval_stride=8)


def taught(train=BUDGET, **teacher):
    return RunSpec(corpus="ptb", model=TRANSFORMER, train=train, seed=4, teacher=TeacherConfig(**{"model": TRANSFORMER} | teacher))


def test_teachers_are_trained_as_their_student_is_for_their_part_of_its_budget():
    spec = taught(number=2, share=0.3)
    assert [teacher.seed for teacher in spec.teachers] == [1004, 2004]
    for teacher in spec.teachers:
        assert teacher.train == dataclasses.replace(BUDGET, flops=15 * 10**7, n_evals=1, eval_tokens=8)
        assert (teacher.corpus, teacher.model, teacher.teacher) == ("ptb", TRANSFORMER, None)
    assert SPEC.teachers == ()


def test_of_a_chain_each_network_is_taught_by_the_one_before():
    (second,) = taught(generations=2, share=0.5).teachers
    (first,) = second.teachers
    assert (second.train.flops, first.train.flops) == (5 * 10**8, 25 * 10**7) and first.teachers == ()
    assert (second.seed, first.seed) == (1004, 2004) and second.teacher.generations == 1


def test_counts_teach_without_training():
    (counts,) = taught(dataclasses.replace(BUDGET, train_tokens=99), model=COUNTS).teachers
    assert counts.is_counts and counts.model == COUNTS and counts.train.train_tokens == 99


def test_what_teaches_is_part_of_the_key_and_nothing_else_is():
    alone = dataclasses.replace(taught(), teacher=None)
    assert len({alone.key, *(taught(**settings).key for settings in ({}, {"weight": 0.3}, {"model": COUNTS}, {"number": 3}))}) == 5
    assert taught().key == taught(share=0.5).key
    assert alone.key == RunSpec(corpus="ptb", model=TRANSFORMER, train=BUDGET, seed=4).key
    for spec in (alone, taught(generations=2)):
        assert spec_from_dict(json.loads(json.dumps(to_dict(spec)))) == spec
    assert "teacher" not in to_dict(alone)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: taught(number=0), "number and generations must be at least 1"),
        (lambda: taught(share=1), "share is the part of a budget that trains teachers, got 1"),
        (lambda: taught(weight=0), "weight must be above 0 and at most 1"),
        (lambda: taught(temperature=0), "temperature must be above zero"),
        (lambda: taught(model=COUNTS, share=0.3), "counts are one teacher, which is not trained; leave out share"),
        (lambda: taught(model=GatedCountsConfig()), "gated-counts cannot teach"),
        (lambda: taught(TrainConfig(steps=5)), "teachers get a share of a budget; set flops"),
        (lambda: taught(model=LinearConfig()), "teachers read the same windows; set their context_length=128"),
        (lambda: taught(model=TransformerConfig(context_length=64)), "set their context_length=128"),
        (lambda: dataclasses.replace(taught(), model=COUNTS), "ngram cannot learn from a teacher"),
        (lambda: dataclasses.replace(taught(), model=TransformerConfig(n_future=2)), "the next token only; leave n_future out"),
        (lambda: dataclasses.replace(SPEC, teacher=COUNTS), r"RunSpec.teacher: needs a TeacherConfig, got Counts\(order=3\)"),
        (lambda: TrainConfig(steps=1, swa_share=0.5), "swa_share needs average='swa'"),
    ],
)
def test_what_cannot_teach_or_be_taught_says_so(make, message):
    with pytest.raises(ConfigError, match=message):
        make()


@given(steps=st.integers(0, 10**30), n_evals=st.integers(1, 50))
def test_validations_are_spread_over_the_run_and_end_it(steps, n_evals):
    found = TrainConfig(steps=1, n_evals=n_evals).validations(steps)
    assert found == sorted({*found}) and len(found) <= n_evals and 0 not in found
    if steps and steps < 2**50:  # beyond, a division rounds
        assert found[-1] == steps
