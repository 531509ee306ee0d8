"""What the commands that generate text share."""

import argparse

import pytest

from tinylm.cli import sampling
from tinylm.config import TinylmError


def test_a_temperature_is_a_finite_number_from_0_up():
    assert sampling.temperature("0") == 0 and sampling.temperature("1e-1") == 0.1
    for text in ("-1e3", "inf", "nan", "hot"):
        with pytest.raises(argparse.ArgumentTypeError, match="is not a temperature from 0 up"):
            sampling.temperature(text)


def test_a_request_says_how_its_model_is_sampled(keys):
    request = sampling.SamplingRequest(model=keys["last"], data_dir=None, length=5, temperature=0.0, top_k=0, seed=3)
    trained = request.open()
    assert sampling.lead_note(trained).startswith("note: the model was trained on full windows of 16")
    assert request.sampling == {"temperature": 0.0, "top_k": 0, "seed": 3}
    assert len("".join(next(sampling.pieces(trained, "a", request.sampling)))) == 1


def test_a_word_that_the_vocabulary_lacks_is_named(keys):
    request = sampling.SamplingRequest(model=keys["words"], data_dir=None, length=1, temperature=1.0, top_k=0, seed=0)
    with pytest.raises(TinylmError, match="grammar-word has no 'qqq'"):
        sampling.pieces(request.open(), "qqq qqq", request.sampling)
