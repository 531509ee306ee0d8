import copy
import dataclasses
import inspect
import pickle
import re
from typing import Literal

import numpy as np
import pytest

import tinylm
from tinylm.config import (
    Checked,
    ConfigError,
    FieldError,
    LSTMConfig,
    MLPConfig,
    NgramConfig,
    RunSpec,
    TinylmError,
    TrainConfig,
    TransformerConfig,
)
from tinylm.config.models import InductionConfig

SPEC = RunSpec(corpus="tiny_shakespeare", model=TransformerConfig(), train=TrainConfig(epochs=4))


@pytest.mark.parametrize("value", [10**15, 1e15, np.int64(10**15), np.float64(1e15)])
def test_equal_numbers_are_one_spec(value):
    train = TrainConfig(flops=value)
    assert type(train.flops) is int
    assert dataclasses.replace(SPEC, train=train).key == dataclasses.replace(SPEC, train=TrainConfig(flops=10**15)).key


def test_a_whole_number_becomes_the_declared_float():
    assert type(TrainConfig(steps=1, clip=1).clip) is float
    assert TrainConfig(steps=1, clip=1) == TrainConfig(steps=1, clip=1.0)


def test_a_worker_can_hand_on_what_is_wrong_with_a_field():
    with pytest.raises(FieldError) as wrong:
        TrainConfig(steps=0.5)
    assert str(wrong.value) == "TrainConfig.steps: needs a whole number, got 0.5"
    assert str(type(wrong.value)(*wrong.value.args)) == str(wrong.value)  # which is how it crosses processes


def test_a_config_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        SPEC.seed = 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class Toy(Checked):
    rate: float = 1.0
    form: Literal["a", "b"] = "a"
    sizes: tuple[int, ...] = ()

    def check(self):
        self.require(self.rate < 10 or not self.sizes, "sizes need a rate below 10")


def test_a_list_becomes_a_tuple_of_the_declared_type():
    toy = Toy(sizes=[2.0, np.int64(3)])
    assert toy == Toy(sizes=(2, 3)) and [type(size) for size in toy.sizes] == [int, int]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Needy(Checked):
    size: int
    rate: float = 1.0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Toy(rates=1.0), "Toy.rates: Toy has no such field; did you mean 'rate'? Its fields are rate, form, sizes"),
        (lambda: dataclasses.replace(Toy(), colour=1), "Toy.colour: Toy has no such field; its fields are rate, form, sizes"),
        (lambda: Toy(cls=1), "Toy.cls: Toy has no such field; its fields are rate, form, sizes"),
        (
            lambda: NgramConfig(context_length=3),
            "Counts.context_length: ngram has no such field; its fields are order, cache, discount_scale, weights_corpus",
        ),
        (lambda: Toy(2.0, 3), "Toy: write FIELD=VALUE instead of 2.0, 3; its fields are rate, form, sizes"),
        (lambda: Needy(rate=2.0), "Needy.size: must be given"),
        (lambda: Needy(), "Needy.size: must be given"),
    ],
)
def test_fields_are_given_by_the_names_they_have_and_those_without_a_default_always(make, message):
    with pytest.raises(FieldError) as wrong:
        make()
    assert str(wrong.value) == message


@pytest.mark.parametrize("config", [SPEC, Needy(size=3), NgramConfig(order=3)], ids=lambda config: type(config).__name__)
def test_a_config_is_copied_replaced_and_sent_to_a_worker(config):
    for again in (copy.copy(config), copy.deepcopy(config), pickle.loads(pickle.dumps(config)), dataclasses.replace(config)):
        assert again == config and vars(again) == vars(config)


def test_what_completes_a_call_sees_the_fields():
    assert list(inspect.signature(TransformerConfig).parameters) == [f.name for f in dataclasses.fields(TransformerConfig)]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"form": "c"}, "Toy.form: unknown value 'c'; there are: a, b"),
        ({"form": "A"}, "Toy.form: unknown value 'A'; did you mean 'a'? There are: a, b"),
        ({"sizes": 2}, "Toy.sizes: needs a list of numbers, got 2; write a single one as 2,"),
        ({"sizes": [2, "3"]}, "Toy.sizes: needs a whole number, got '3' (str; write it without quotes)"),
        ({"rate": float("nan")}, "Toy.rate: needs a finite number, got nan"),
        ({"rate": "10", "sizes": (1,)}, "Toy.rate: needs a number, got '10' (str; write it without quotes)"),
        ({"rate": 10, "sizes": [1]}, "Toy: sizes need a rate below 10"),
    ],
)
def test_a_wrong_field_is_named_with_its_class_and_fields_at_odds_with_the_class_alone(fields, message):
    with pytest.raises(FieldError) as wrong:
        Toy(**fields)
    assert str(wrong.value) == message


def test_every_mistake_in_a_setting_is_a_users_mistake():
    assert issubclass(FieldError, ConfigError) and issubclass(ConfigError, TinylmError)


@pytest.mark.parametrize("name", ["Transformer", "MLP", "Linear", "LSTM"])
def test_a_model_shows_itself_as_one_writes_it(name):
    model = getattr(tinylm, name)(d_model=48)
    assert repr(model) == f"{name}(d_model=48)" and eval(repr(model), {name: getattr(tinylm, name)}) == model


def test_large_round_numbers_are_shown_by_their_power_of_ten():
    assert repr(TrainConfig(flops=2_500_000_000)) == "TrainConfig(flops=2.5e9)"
    assert repr(TrainConfig(flops=2_500_000_001)) == "TrainConfig(flops=2500000001)"
    assert repr(NgramConfig(order=3)) == "Counts(order=3)"


def test_advice_on_quotes_is_for_what_has_some():
    with pytest.raises(FieldError, match="needs a whole number, got '2' .str; write it without quotes"):
        NgramConfig(order="2")
    with pytest.raises(FieldError, match=r"needs a whole number, got None \(NoneType\)$"):
        NgramConfig(order=None)


@pytest.mark.parametrize("cls", [TransformerConfig, MLPConfig, LSTMConfig, NgramConfig, TrainConfig])
def test_help_says_what_fields_are_those_of_bases_too(cls):
    told = re.findall(r"^- `(\w+)`: \S", cls.__doc__, re.MULTILINE)
    assert len(told) == len(set(told)) and set(told) <= {f.name for f in dataclasses.fields(cls)}
    assert cls is TrainConfig or "context_length" in told
    assert not issubclass(cls, InductionConfig) or {"induction", "induction_times"} <= set(told)
