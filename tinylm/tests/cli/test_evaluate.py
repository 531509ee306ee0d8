"""`evaluate` with tiny models, on a split and on a text file."""

import json
import math

import pytest
from small_runs import SPECS

import tinylm as tl
from tinylm import data
from tinylm.cli import evaluate

MISTAKES = {
    "evaluate --model {last} --split tset": "unknown value 'tset'; did you mean 'test'? There are: train, valid, test",
    "evaluate --model {last} --split valid --file a.txt": "not allowed with argument",
    "evaluate --model {last} --file absent.txt": "there is no file absent.txt; name a text file",
    "evaluate --model {last} --file foreign.txt": "foreign.txt has 3 characters ('é' 2 times, '€' once) outside grammar-char's",
    "evaluate --model {last} --file latin.txt": "latin.txt is not UTF-8 (byte 1)",
    "evaluate --model {last} --file short.txt": "short.txt has 3 tokens, and the first 16 are context only",
    "evaluate --model {last} --context 17": "context must be a whole number from 1 to 16, got 17",
    "evaluate --model {linear} --context 4": "linear reads exactly 8 tokens",
    "evaluate --model {linear} --stride 2": "predicts one token per window",
}

FOUND = {"model": "m", "text": "t", "nll": 1.0, "se": 0.1, "perplexity": 2.7, "bits_per_character": 1.0, "tokens": 100, "start": 8}
FOUND |= {"unknown": 0, "context": 8, "stride": 1, "min_context": 8, "record_nll": None, "vocabulary": 9, "sum_error": 0.0}


@pytest.mark.parametrize("line", MISTAKES)
def test_a_mistake_is_one_clear_message(refused, keys, line, home):
    (home / "foreign.txt").write_text("aé€é", encoding="utf-8")
    (home / "latin.txt").write_bytes(b"a\xe9")
    (home / "short.txt").write_text("abc", encoding="utf-8")
    assert MISTAKES[line] in refused(line.format(**keys))


@pytest.mark.parametrize("name", SPECS)
def test_a_record_is_reproduced(call, keys, small_runs, name):
    for split in ("valid", "test"):
        found = json.loads(call(f"evaluate --model {keys[name]} --split {split} --json")[1])
        score = getattr(small_runs[0][name], split)
        assert math.isclose(found["nll"], score.nll, rel_tol=1e-6) and math.isclose(found["se"], score.se, rel_tol=1e-4)
        assert found["tokens"] == score.n_tokens == 300 and math.isclose(found["record_nll"], score.nll, rel_tol=1e-6)


def test_bits_are_counted_per_character(call, keys):
    for name in ("last", "words"):
        found = json.loads(call(f"evaluate --model {keys[name]} --json")[1])
        ids = data.load(SPECS[name].corpus).test[16:316]
        text = data.load(SPECS[name].corpus).decode(ids).replace(" \n ", " \n")
        assert found["characters"] == (300 if name == "last" else len(text) + 1)
        assert math.isclose(found["bits_per_character"], found["nll"] * 300 / found["characters"] / math.log(2))
        assert math.isclose(found["perplexity"], math.exp(found["nll"]))


def test_a_text_of_ones_own_is_scored_to_its_end(call, keys, home):
    text = data.load("grammar-char")
    (home / "my.txt").write_text(text.decode(text.test[:316]), encoding="utf-8")
    own = json.loads(call(["evaluate", "--model", keys["last"], "--file", str(home / "my.txt"), "--json"])[1])
    split = json.loads(call(f"evaluate --model {keys['last']} --json")[1])
    assert (own["nll"], own["tokens"], own["record_nll"]) == (split["nll"], 300, None)
    code, out, _ = call(["evaluate", "--model", keys["all"], "--file", str(home / "my.txt"), "--stride", "2", "--context", "8"])
    assert code == 0 and "308 tokens from token 8 on; windows of 8 tokens score their last 2, so each token sees 7 or more" in out


def test_a_mixture_has_no_record_of_its_own_and_shows_none_of_its_models(call, keys):
    mixed = tl.mix(*(tl.load(keys[name]) for name in ("last", "all")))
    mixed.save()
    found = json.loads(call(f"evaluate --model {mixed.key} --json")[1])
    assert found["model"] == mixed.key and found["record_nll"] is None


def test_other_windows_score_the_records_tokens(call, keys):
    found = json.loads(call(f"evaluate --model {keys['all']} --stride 2 --context 8 --json")[1])
    assert (found["start"], found["tokens"], found["min_context"], found["record_nll"]) == (16, 300, 7, None)


@pytest.mark.parametrize(("unknown", "warns"), [(20, False), (21, True)])
def test_a_text_mostly_outside_the_vocabulary_is_said_to_tell_little(unknown, warns):
    assert (evaluate.TOO_MANY_UNKNOWN in evaluate._text(FOUND | {"unknown": unknown}, True)) is warns


@pytest.mark.parametrize(("error", "said"), [(2e-7, "9 tokens sum to one within 2e-07"), (3.0, "within 3e+00" + evaluate.NO_DISTRIBUTION)])
def test_a_score_of_what_is_no_distribution_is_said_to_tell_nothing(error, said):
    assert evaluate._text(FOUND | {"sum_error": error}, True).endswith(said)


def test_a_mixture_whose_models_read_windows_of_their_own_says_nothing_of_windows():
    assert "windows of" in evaluate._text(FOUND | {"unknown": 0}, True) and "windows of" not in evaluate._text(
        FOUND | {"unknown": 0}, False
    )
