"""`chat` with tiny models."""

import io

import pytest

from tinylm.cli import sampling

MISTAKES = {
    "chat --model RoPE": "train it with: python -m tinylm train --run",
}


@pytest.mark.parametrize("line", MISTAKES)
def test_a_mistake_is_one_clear_message(refused, keys, line):
    assert MISTAKES[line] in refused(line.format(**keys))


def chat(call, monkeypatch, key, *lines, flags="--length 20 --temperature 0.9"):
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
    return call(f"chat --model {key} {flags}")


def test_a_chat_obeys_and_continues(call, keys, monkeypatch):
    code, out, err = chat(call, monkeypatch, keys["last"], "temp 0.3", "topk 40", "length 5", "seed 3", "help", "models", "a", "quit", "a")
    lines = out.splitlines()
    assert code == 0 and not err
    assert lines[3] == f"[grammar-char transformer {keys['last']}: temp 0.3, topk 40, length 5, seed 3]"
    assert "leave, as Ctrl-D does" in out and all(key in out for key in keys.values())
    flags = ["--temperature", "0.3", "--top-k", "40", "--length", "5", "--seed", "3"]
    alone = call(["generate", "--model", keys["last"], "--prompt", "a", *flags])[1]
    assert out.endswith(alone)


def test_a_chat_outlives_mistakes(call, keys, monkeypatch):
    code, out, err = chat(
        call, monkeypatch, keys["last"], "temp hot", "model nobody", "é", "length 0", "", " temp a", f"model {keys['all']}"
    )
    assert code == 0 and err.count("error: ") == 4 and "Traceback" not in err
    assert "\ntemp a" in f"\n{out}" and out.splitlines()[-1].startswith(f"[grammar-char transformer {keys['all']}: temp 0.9")


def test_each_continuation_has_its_own_seed(call, keys, monkeypatch):
    first = chat(call, monkeypatch, keys["all"], "length 60", "seed 1", "a", "seed 2", "a")[1]
    second = chat(call, monkeypatch, keys["all"], "length 60", "seed 1", "a", "a")[1]
    assert [line for line in first.splitlines() if line[0] != "["] == [line for line in second.splitlines() if line[0] != "["]


def test_ctrl_c_stops_the_continuation_and_not_the_chat(call, keys, monkeypatch):
    real = sampling.pieces

    def interrupted(trained, prompt, sampling, length):
        if prompt == "a":
            return real(trained, prompt, sampling, length)
        return (piece if i < 3 else _raise() for i, piece in enumerate(real(trained, prompt, sampling, length)))

    def _raise():
        raise KeyboardInterrupt

    monkeypatch.setattr(sampling, "pieces", interrupted)
    code, out, _ = chat(call, monkeypatch, keys["last"], "b", "length 4", "a")
    assert code == 0 and "length 4" in out and "\na" in out


def test_a_chat_says_that_it_is_no_assistant(call, keys, monkeypatch):
    assert "It is no assistant: it answers no question" in chat(call, monkeypatch, keys["all"], "help")[1]
    assert "as no assistant would" in call("chat --help")[1]
    monkeypatch.setattr("sys.stdin", type("Terminal", (io.StringIO,), {"isatty": lambda self: True})("quit\n"))
    monkeypatch.setattr("builtins.input", lambda prompt: "quit")
    assert "The model continues a text; it is no assistant." in call(f"chat --model {keys['all']}")[1]


def test_stops_and_shares_are_settings_too(call, keys, monkeypatch):
    code, out, err = chat(call, monkeypatch, keys["all"], "topp 0.5", "stop \\n", "stop", "topp 2")
    first, second, third = out.splitlines()
    assert code == 0 and first.endswith("topp 0.5]") and second.endswith("topp 0.5, stop '\\n']") and third == first
    assert "is not a share above 0" in err
