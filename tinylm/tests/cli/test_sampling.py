"""What the commands that generate text share."""

import argparse
import io

import pytest
import torch

from tinylm.cli import sampling
from tinylm.config import NgramConfig, RunSpec, TinylmError, TrainConfig
from tinylm.config.serialise import to_dict
from tinylm.models import checkpoint


def test_a_temperature_is_a_finite_number_from_0_up():
    assert sampling.temperature("0") == 0 and sampling.temperature("1e-1") == 0.1
    for text in ("-1e3", "inf", "nan", "hot"):
        with pytest.raises(argparse.ArgumentTypeError, match="is not a temperature from 0 up"):
            sampling.temperature(text)


def test_a_request_says_how_its_model_is_sampled(keys):
    request = sampling.SamplingRequest(model=keys["last"], data_dir=None, length=5, temperature=0.0, top_k=0, seed=3)
    trained = request.open()
    assert sampling.lead_note(trained).startswith("note: the model was trained on full windows of 16")
    assert request.sampling == {"temperature": 0.0, "top_k": 0, "seed": 3, "top_p": 1.0, "stop": ()}
    assert len("".join(next(sampling.pieces(trained, "a", request.sampling)))) == 1


def test_a_word_that_the_vocabulary_lacks_is_named(keys):
    request = sampling.SamplingRequest(model=keys["words"], data_dir=None, length=1, temperature=1.0, top_k=0, seed=0)
    with pytest.raises(TinylmError, match="grammar-word has no 'qqq'"):
        sampling.pieces(request.open(), "qqq qqq", request.sampling)


EVIL = "\x1b]0;mine\x07"


@pytest.fixture
def evil(home):
    """A weights file of anybody's, whose vocabulary and corpus would give a terminal orders."""
    spec = RunSpec(corpus=EVIL, model=NgramConfig(order=1, cache=4), train=TrainConfig(epochs=1))
    said = {"key": spec.key, "spec": to_dict(spec), "level": "character", "vocab": [*EVIL]}
    held = {"tokens": torch.arange(len(EVIL)), "weights": torch.full((4, 2), 0.5, dtype=torch.float64)}
    checkpoint.save(home / "evil.safetensors", held, said)
    (home / "evil.txt").write_text(EVIL * 60, encoding="utf-8")
    return "--model evil.safetensors"


@pytest.mark.parametrize("line", ["generate --length 99", "generate --length 99 --json", "evaluate --file evil.txt", "generate --prompt é"])
def test_no_escape_sequence_of_a_vocabulary_or_a_text_reaches_the_terminal(call, evil, line):
    code, out, err = call(f"{line} {evil}")
    assert code == (2 if "é" in line else 0) and not {"\x1b", "\x07"} & {*out, *err}
    if line == "generate --length 99":
        assert "\\x1b" in out and "\\x07" in out


def test_a_chat_with_it_prints_none_either(call, evil, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO(f"temp 1\n{EVIL}\né\nmodel {EVIL}\n"))
    code, out, err = call(f"chat {evil}")
    assert code == 0 and not {"\x1b", "\x07"} & {*out, *err} and "\\x1b]0;mine\\x07" in out


def test_a_share_is_above_0_and_at_most_1_and_a_stop_has_a_character():
    assert sampling.share("1") == 1 and sampling.share("1e-9") == 1e-9
    for text in ("0", "1.01", "-1", "nan", "inf", "x"):
        with pytest.raises(argparse.ArgumentTypeError, match="is not a share above 0 and at most 1"):
            sampling.share(text)
    assert sampling.stop("a\\nb") == "a\nb"
    with pytest.raises(argparse.ArgumentTypeError, match="the text to stop at is empty"):
        sampling.stop("")
