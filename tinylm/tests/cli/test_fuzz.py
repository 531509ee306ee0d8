"""Any arguments, in any order: an outcome or one clear error, and neither a traceback nor a hang.

What would train, measure or fetch is replaced. 100 cases; TINYLM_FUZZ=2000 asks for more.
"""

import argparse
import contextlib
import io
import os
import sys

import pytest
from fuzz import fuzzed
from hypothesis import given
from hypothesis import strategies as st

from tinylm import data
from tinylm.__main__ import build_parser, main
from tinylm.config import shown
from tinylm.data import DataError, download, grammar
from tinylm.training import bench, forecast, pool

NEVER = {"export", "--cluster", "--certificates"}  # it writes into the package; a network
WORDS = """x 0 1 2 3 8 -1 0.5 1e3 1e12 1e18 1e300 nan inf ² é . .. / /dev/null /dev/zero fifo my.txt a.tar absent.txt no/where
grammar-char grammar-word transformer lstm mlp linear counts character word test valid auto cpu full smoke rope words model.norm=rms
model.d_ff=0 train.schedule=cosine train.flops=-1 model.induction=2,3 model.kind=mlp a=b = model. {key} {short} RoPE@1 shakespear --json
--"""
VALUES = [*WORDS.split(), "", "a" * 300, "To be", "\x1b[2J"]


KEPT = (*grammar.SOURCES, "text-")  # corpora that are made in no time; all of the study's take a minute


def commands(parser, words=()):
    """The words of each command, and its flags."""
    groups = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not groups:
        return {words: sorted({flag for flag in parser._option_string_actions if flag not in NEVER})}
    return {key: flags for group in groups for name, sub in group.choices.items() for key, flags in commands(sub, (*words, name)).items()}


COMMANDS = {words: flags for words, flags in commands(build_parser()).items() if not NEVER & {*words}}


@st.composite
def lines(draw):
    """A command with some of its flags, each with some values; sometimes only words."""
    words = draw(st.sampled_from(sorted(COMMANDS)))
    found = list(words[: draw(st.sampled_from([len(words)] * 9 + [0]))])
    for _ in range(draw(st.integers(0, 5))):
        if draw(st.integers(0, 9)):
            found.append(draw(st.sampled_from(COMMANDS[words])))
        found += draw(st.lists(st.sampled_from(VALUES) | st.text(st.characters(exclude_characters="\0"), max_size=5), max_size=2))
    return found


@pytest.fixture
def harmless(home, keys, monkeypatch):
    """Files to name, and nothing that takes long."""
    (home / "my.txt").write_text("the cat sat on the mat\n" * 200)
    os.mkfifo(home / "fifo")
    monkeypatch.setattr(pool, "train_all", lambda planned, *_: list(planned))
    monkeypatch.setattr(forecast, "expected_speed", lambda *_: 1e9)
    monkeypatch.setattr(bench, "run", lambda *_: {"machine": {}, "rows": []})
    monkeypatch.setattr(bench, "run_seconds", lambda *_: {"machine": {}, "runs": {}})
    monkeypatch.setattr("tinylm.report.timings.cells", lambda facts: [["work"]])

    def refuse(name, *_):
        raise DataError(f"{name} is not fetched here")

    load = data.load
    monkeypatch.setattr(data, "load", lambda name, *given: load(name, *given) if name.startswith(KEPT) else refuse(name))
    monkeypatch.setattr(download, "download", refuse)
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    return keys["all"]


@fuzzed
@given(line=lines())
def test_fuzz_the_command_line(harmless, line):
    named, out, err = {"{key}": harmless, "{short}": harmless[:6]}, io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([named.get(word, word) for word in line])
    said = err.getvalue()
    assert code in (0, 1, 2, 130) and "Traceback" not in said, said
    assert code != 2 or "error: " in said, said
    assert not shown.CONTROLS.search(said.replace("\r", "")), said  # of a bar
