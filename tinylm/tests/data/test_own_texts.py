"""Own texts as corpora: how they are cut, named, kept, and refused."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from tinylm import data, files
from tinylm.config import memory
from tinylm.data import SPLITS, DataError, own_texts
from tinylm.study import recipes
from tinylm.study.recipes import RecipeError

pytestmark = pytest.mark.usefixtures("home")
LINE = "the cat sat on the mat\n"
TEXT = LINE * 50


@pytest.fixture
def write(home):
    """Writes a text, or bytes, into a file and returns its path."""

    def written(content, name="my.txt"):
        path = home / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return written


@pytest.mark.parametrize("text", [TEXT, "x" * 1000, "word " * 7, "a", "\n" * 45, "雨" * 2000 + "\n"])
def test_the_splits_are_the_text_cut_in_order(text):
    parts = own_texts.cut(text)
    assert "".join(parts[split] for split in SPLITS) == text
    assert all(abs(len(parts[split]) - len(text) // 20) <= own_texts.LONGEST_WORD for split in SPLITS[1:])


def test_a_cut_moves_to_the_end_of_its_word():
    parts = own_texts.cut(TEXT)
    assert all(parts[split][-1].isspace() and not parts[split][0].isspace() for split in SPLITS)
    assert [len(parts[split]) for split in SPLITS] == [1039, 57, 54]  # of 1,150, a twentieth is 57


def test_a_long_text_is_mostly_train(monkeypatch):
    monkeypatch.setattr(own_texts, "HELD_OUT_MOST", 10)
    assert [len(own_texts.cut("x" * 1000)[split]) for split in SPLITS] == [980, 10, 10]


def test_a_corpus_is_named_after_what_the_file_holds(write):
    name = own_texts.add(write(TEXT), "character")
    assert own_texts.add(write(TEXT, "elsewhere/other.md"), "character") == name
    assert own_texts.add(write(b"\xef\xbb\xbf" + TEXT.replace("\n", "\r\n").encode()), "character") == name
    assert own_texts.add(write(TEXT + "x"), "character") != name
    assert own_texts.NAME.fullmatch(name) and name in data.names() and own_texts.about(name)["title"] == "my.txt"


def test_a_file_that_is_not_there_is_answered_with_the_nearest(write):
    path = write(TEXT, "story.txt")
    missing = path.with_name("stroy.txt")
    for ask in (own_texts.read, data.corpus, lambda one: data.corpus(str(one))):
        with pytest.raises(DataError, match=f"^there is no file {missing}; did you mean '{path}'\\?$"):
            ask(missing)
    with pytest.raises(DataError, match="; name a text file$"):
        own_texts.read(path.with_name("xyzzy.txt"))


@pytest.mark.parametrize("text", ["a.txt", "../a-b.md", "C:\\x.y", Path("a b")])
def test_what_looks_like_a_files_name(text):
    assert own_texts.is_file_name(text)


@pytest.mark.parametrize("text", ["To be.", "Hello...", "wait...what", "a b.txt", "grammar-char", "", ".txt"])
def test_what_is_a_text_or_a_corpus(text):
    assert not own_texts.is_file_name(text)


def test_characters_come_back_as_they_were(write):
    corpus = data.load(own_texts.add(write(TEXT), "character"))
    assert "".join(corpus.decode(corpus.split(split)) for split in SPLITS) == TEXT
    assert corpus.vocab == tuple(sorted(set(TEXT))) and isinstance(corpus.train, np.memmap)
    assert (corpus.info.level, corpus.info.vocab_size) == ("character", len(set(TEXT)))


def test_a_word_that_train_has_once_is_unknown(write):
    text = LINE * 20 + "hapax\n" + LINE * 29 + "stranger\n"
    name = own_texts.add(write(text), "word")
    corpus = data.load(name)
    assert name != own_texts.add(write(text), "character")
    assert corpus.vocab == ("<eos>", "<unk>", "cat", "mat", "on", "sat", "the")
    assert "mat \n <unk> \n the" in corpus.decode(corpus.train) and corpus.decode(corpus.test).endswith("<unk> \n")
    assert {split: len(corpus.split(split)) for split in SPLITS} == corpus.info.n_tokens
    assert corpus.encode("a cat").tolist() == [1, 2]


def test_words_without_a_rare_one_can_still_be_unknown(write):
    assert "<unk>" in data.load(own_texts.add(write(TEXT), "word")).vocab


def test_the_commonest_words_make_the_vocabulary(write, monkeypatch):
    monkeypatch.setattr(own_texts, "MOST_TOKENS", 4)
    assert data.load(own_texts.add(write(TEXT), "word")).vocab == ("<eos>", "<unk>", "cat", "the")


BAD = {
    "a table of bytes": (b"\x89PNG\r\n\x1a\n", "character", "is not UTF-8 (byte 0)"),
    "zeros": (b"\0" * 100, "character", "has NUL characters"),
    "utf-16": (TEXT.encode("utf-16-le"), "character", "has NUL characters"),
    "nothing": (b"", "character", "is empty"),
    "blanks": (b" \n" * 99, "character", "is empty"),
    "short": (b"a cat", "character", "is too short: valid and test, a twentieth of it each, would be empty"),
    "no word twice": (" ".join(map(str, range(300))).encode(), "word", "has no word twice"),
}


@pytest.mark.parametrize("content, level, says", BAD.values(), ids=BAD)
def test_what_is_no_text_to_train_on_is_refused(write, content, level, says):
    with pytest.raises(DataError) as refused:
        own_texts.add(write(content), level)
    assert says in str(refused.value) and "my.txt" in str(refused.value) and not own_texts.names()


@pytest.mark.parametrize("odd", ["\0", "\ud800"])
def test_what_no_file_can_hold_is_refused_in_memory_too(write, odd):
    with pytest.raises(DataError, match="^the text has .* no character of a text; remove it"):
        own_texts.add_text(f"a line{odd}\n" * 99, "character", "the text")
    assert not own_texts.names()


def test_a_pipe_or_a_device_is_refused_at_once(home):
    os.mkfifo(home / "fifo")
    for odd in (home / "fifo", Path("/dev/zero")):
        with pytest.raises(DataError, match="is a pipe or a device, which may have no end"):
            data.corpus(odd)


@pytest.mark.parametrize(("level", "gigabytes"), [("character", 30), ("word", 50)])
def test_a_text_that_memory_does_not_hold_is_refused_before_it_is_read(home, monkeypatch, level, gigabytes):
    with (home / "big.txt").open("wb") as file:
        file.truncate(2 * 10**9)  # holes, which take no space
    monkeypatch.setattr(memory, "total", lambda: 24 * 10**9)
    monkeypatch.setattr(own_texts, "read", lambda path: pytest.fail("it was read"))
    with pytest.raises(DataError, match=f"needs about {gigabytes} GB of memory, and this machine has 24 GB; take a part of it"):
        own_texts.add(home / "big.txt", level)


def test_words_that_are_mostly_unknown_are_warned_of_each_time(home, write):
    text = "".join(f"the cat {i} {'b' * (i % 7)}\n" for i in range(900))
    for _ in range(2):
        with pytest.warns(UserWarning, match=r"^my.txt: 2[0-9]% of the words in valid and test are <unk>, .*[(]level character[)]"):
            name = data.corpus_name(write(text), "word")
    corpus = data.load(name)
    held_out = np.concatenate([corpus.valid, corpus.test])
    assert own_texts.about(name)["unknown"] == (held_out == corpus.vocabulary.index["<unk>"]).sum()
    assert not own_texts.caution(own_texts.add(write(text), "character")) and not own_texts.caution("grammar-word")


def test_a_text_keeps_the_name_of_its_file(home, write):
    name = own_texts.add(write(TEXT, "german.txt"), "character")
    assert data.called(name) == f"german.txt ({name})" and data.called("ptb") == "ptb"
    corpus = data.load(name)
    assert corpus.vocabulary.corpus == f"german.txt ({name})" and repr(corpus).startswith(f"Corpus('{name}' of german.txt: ")
    assert f"Corpus german.txt ({name})" in corpus._repr_html_()
    with pytest.raises(DataError, match=r"^german.txt \(text-.*\) has no 'X'"):
        corpus.encode("X")
    assert data.called("text-0123456789ab") == "text-0123456789ab"  # which is not here


def test_another_level_is_refused(write):
    with pytest.raises(DataError, match=r"unknown level 'words'; did you mean 'word'\? There are: character, word"):
        own_texts.add(write(b"a cat"), "words")


def test_too_many_characters_are_refused(write, monkeypatch):
    monkeypatch.setattr(own_texts, "MOST_TOKENS", 5)
    with pytest.raises(DataError, match=r"my.txt has 11 distinct characters, more than 5"):
        own_texts.add(write(TEXT), "character")


def test_a_text_that_is_gone_or_changed_is_named_with_the_mend(write):
    name = own_texts.add(write(TEXT), "word")
    (files.TEXTS / name / "test.txt").write_text("the mat\n")
    with pytest.raises(DataError, match=r"test\.txt is truncated: .* again, at the level word"):
        data.load(name)
    (files.TEXTS / name / "about.json").unlink()
    assert not own_texts.names()
    with pytest.raises(DataError, match=f"the text of {name} is not in .*at the level word"):
        data.info(name)
    with pytest.raises(DataError, match="at the level character"):
        data.info("text-0123456789ab")


def test_two_writers_leave_one_text(write, monkeypatch):
    name = own_texts.add(write(TEXT), "character")
    about = files.TEXTS / name / "about.json"
    first = about.read_bytes()
    own_texts._write(files.TEXTS / name, own_texts.cut(TEXT), {"title": "late"})
    assert about.read_bytes() == first and [path.name for path in files.TEXTS.iterdir()] == [name]


def test_a_place_that_cannot_be_written(write):
    files.OUT.write_text("a file where the folder should be")
    with pytest.raises(DataError, match="cannot write .*out/texts"):
        own_texts.add(write(TEXT), "character")


def test_what_is_known_of_a_text_opens_none_of_its_files(write):
    name = own_texts.add(write(TEXT), "character")
    for split in SPLITS:
        (files.TEXTS / name / f"{split}.txt").unlink()
    assert data.info(name).n_tokens == json.loads((files.TEXTS / name / "about.json").read_text())["n_tokens"]
    assert data.source(name) == name and not data.available(name)


def test_a_recipe_needs_more_than_its_context(write):
    short, long = (own_texts.add(write(LINE * n), "character") for n in (50, 500))
    with pytest.raises(RecipeError, match="least split has 54 characters, and 256 are context only; take a longer text"):
        recipes.recipe("transformer", short, 1e10)
    assert recipes.recipe("transformer", long, 1e10).corpus == long
