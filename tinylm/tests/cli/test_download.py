"""`download`: which corpora are here, and fetching the others."""

import json

import pytest

from tinylm import data

MISTAKES = {
    "download shakespeare": "unknown corpus 'shakespeare'; did you mean 'tiny_shakespeare'? There are: tiny_shakespeare, ptb",
    "download --list shakespeare": "unknown corpus 'shakespeare'",
}


@pytest.mark.parametrize("line", MISTAKES)
def test_a_mistake_is_one_clear_message(refused, line):
    assert MISTAKES[line] in refused(line)


def test_download(call, monkeypatch, home):
    assert "grammar-char" in call("download --list")[1]
    (found,) = json.loads(call("download --list --json grammar-char")[1])
    assert (found["corpus"], found["vocab_size"], found["state"]) == ("grammar-char", 35, "generated")
    assert set(found["n_tokens"]) == set(data.SPLITS)
    assert call("download --json")[2] == "error: --json goes with --list\n"
    fetched = []
    monkeypatch.setattr("tinylm.data.download.download", lambda name: fetched.append(name) or home / "datasets" / name)
    assert call("download grammar-word ptb-eos") == (
        0,
        "grammar-word: generated on this machine, nothing to fetch\nptb-eos: datasets/ptb-eos\n",
        "",
    )
    monkeypatch.setattr("tinylm.data.available", lambda name: name == "tiny_shakespeare")
    assert call("download")[0] == 0 and fetched == ["ptb-eos", "ptb", "wikitext-2"]
    monkeypatch.setattr("tinylm.data.available", lambda name: True)
    assert call("download")[1] == "every corpus is here\n"

    def fail(name):
        raise data.DataError("no network")

    monkeypatch.setattr("tinylm.data.download.download", fail)
    assert call("download ptb")[:2] == (1, "ptb: failed: no network\n")
