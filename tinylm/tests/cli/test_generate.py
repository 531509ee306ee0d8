"""`generate` with tiny models."""

import json

import pytest
from small_runs import SPECS

from tinylm import data

MISTAKES = {
    "generate": "are not here; train it with: python -m tinylm train --run",
    "generate --model RoPE@7": "no run is called 'RoPE@7'",
    "generate --model no.safetensors": "there is no file no.safetensors",
    "generate --model {last} --prompt é": "grammar-char has no 'é'; leave it out",
    "generate --model {last} --length 0": "'0' is not a whole number from 1 up",
    "generate --model {last} --temperature -1": "'-1' is not a temperature from 0 up",
    "generate --model {last} --temperature nan": "'nan' is not a temperature",
    "generate --model {last} --top-k x": "'x' is not a whole number from 0 up",
}


@pytest.mark.parametrize("line", MISTAKES)
def test_a_mistake_is_one_clear_message(refused, keys, line):
    assert MISTAKES[line] in refused(line.format(**keys))


@pytest.mark.parametrize("name", SPECS)
def test_a_prompt_is_continued_the_same_way_each_time(call, keys, name):
    prompt = "a " if name != "words" else data.load("grammar-word").vocab[5]
    line = ["generate", "--model", keys[name], "--prompt", prompt, "--length", "40"]
    code, out, err = call(line)
    assert code == 0 and out.startswith(prompt) and out == call(line)[1] != call([*line, "--seed", "1"])[1]
    assert ("fills the window" in err) == (name != "all")
    found = json.loads(call([*line, "--json"])[1])
    assert prompt + found["text"] + "\n" == out and found["model"] == keys[name] and found["tokens"] == 40
    assert name == "words" or len(found["text"]) == 40


def test_no_temperature_needs_no_seed(call, keys):
    line = f"generate --model {keys['all'][:9]} --temperature 0 --length 50"
    assert call(line)[1] == call(f"{line} --seed 9")[1]


def test_a_text_ends_before_a_stop_and_keeps_its_length_without_one(call, keys):
    line = ["generate", "--model", keys["all"], "--prompt", "a ", "--length", "60"]
    whole = call(line)[1]
    stop = whole[20:22]
    assert call([*line, "--stop", stop.replace("\n", "\\n")])[1] == whole[: whole.index(stop, 2)] + "\n"
    assert call([*line, "--stop", "QQ", whole[-3:-1] + "Q"])[1] == whole
    assert call([*line, "--top-p", "1e-9"])[1] == call([*line, "--temperature", "0"])[1]
    assert json.loads(call([*line, "--stop", "QQ", "--json"])[1])["stop"] == ["QQ"]
