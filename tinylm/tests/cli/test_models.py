"""What the commands that use trained models share."""

import argparse

import pytest

from tinylm.cli import models
from tinylm.config import TinylmError

MISTAKES = {f"{command} --data-dir nowhere": "argument --data-dir: nowhere is not a folder" for command in ("generate", "chat", "evaluate")}


@pytest.mark.parametrize("line", MISTAKES)
def test_a_mistake_is_one_clear_message(refused, line):
    assert MISTAKES[line] in refused(line)


def test_a_temperature_is_a_finite_number_from_0_up():
    assert models.temperature("0") == 0 and models.temperature("1e-1") == 0.1
    for text in ("-1e3", "inf", "nan", "hot"):
        with pytest.raises(argparse.ArgumentTypeError, match="is not a temperature from 0 up"):
            models.temperature(text)


def test_the_trained_models_are_listed(keys):
    listing = models.listing()
    assert all(key in listing for key in keys.values())


def test_without_a_trained_model_the_list_says_how_to_train_one():
    assert models.listing().endswith("train one with: python -m tinylm train --run Transformer@0")


def test_a_request_opens_its_model(keys):
    request = models.SamplingRequest(model=keys["last"], data_dir=None, length=5, temperature=0.0, top_k=0, seed=3)
    trained = request.open()
    assert trained.spec.key == keys["last"] and models.lead_note(trained).startswith("note: the model was trained on full windows of 16")
    assert request.sampling().seed == 3
    assert len("".join(next(models.pieces(trained, "a", request.sampling())))) == 1


def test_a_word_that_the_vocabulary_lacks_is_named(keys):
    request = models.SamplingRequest(model=keys["words"], data_dir=None, length=1, temperature=1.0, top_k=0, seed=0)
    with pytest.raises(TinylmError, match="grammar-word has no 'qqq'"):
        models.pieces(request.open(), "qqq qqq", request.sampling())
