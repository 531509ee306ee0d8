import hashlib
import json
import os

import numpy as np
import pytest

from tinylm import data, files
from tinylm.config import MLPConfig
from tinylm.data import SPLITS, DataError, corpora, download, plays
from tinylm.data.base import DataWarning

TEXTS = {"train": "b a <unk> a\n\na b\n", "valid": "a c\n", "test": "b\n"}
DERIVED = {
    "tiny_shakespeare-plays": (65, 756_373, 67_750, 67_992),
    "tiny_shakespeare-renamed": (65, 17_857_805, 111_669, 111_606),
    "tiny_shakespeare-plays-renamed": (65, 15_127_399, 67_750, 67_992),
    "tiny_shakespeare-recast": (65, 17_963_447, 111_669, 111_606),
    "tiny_shakespeare-plays-recast": (65, 15_254_431, 67_750, 67_992),
    "tiny_shakespeare-respelled": (65, 17_825_022, 111_669, 111_606),
    "tiny_shakespeare-plays-respelled": (65, 15_105_231, 67_750, 67_992),
}
PAPER = {
    "tiny_shakespeare": (65, 892_117, 111_669, 111_606),
    "ptb": (9_999, 887_521, 70_390, 78_669),
    "wikitext-2": (33_277, 2_051_910, 213_886, 241_211),
    "ptb-eos": (10_000, 929_589, 73_760, 82_430),
    "wikitext-2-eos": (33_278, 2_088_628, 217_646, 245_569),
    "wikitext-2-char": (283, 10_780_437, 1_120_192, 1_255_018),
}


def real(name):
    """The published corpus, or a skip where it is not on this machine."""
    if not data.available(name):
        pytest.skip(f"{name} is neither in TINYLM_DATA nor in datasets/")
    return data.load(name)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A little corpus `small` under three names, its publisher's folder, and an empty datasets/ and out/ for it."""
    published = tmp_path / "published"
    published.mkdir()
    splits = {}
    for split, text in TEXTS.items():
        path = published / f"{split}.txt"
        path.write_text(text)
        digest = hashlib.sha256(text.encode()).hexdigest()
        splits[split] = {"file": path.name, "bytes": len(text), "sha256": digest, "url": path.as_uri()}
    shared = {"folder": "small", "n_tokens": {"train": 6, "valid": 2, "test": 1}}
    corpora = {"small": shared | {"level": "word", "line_end": "", "vocab_size": 3}}
    corpora["small-eos"] = shared | {"level": "word", "line_end": "<eos>", "vocab_size": 4, "n_tokens": {"train": 9, "valid": 3, "test": 2}}
    corpora["letters"] = shared | {"level": "character", "vocab_size": 10, "n_tokens": {"train": 17, "valid": 4, "test": 2}}
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / "manifest.json").write_text(json.dumps({"folders": {"small": {"splits": splits}}, "corpora": corpora}))
    monkeypatch.setattr(files, "DATASETS", tmp_path / "datasets")
    monkeypatch.setattr(files, "MANIFEST", tmp_path / "datasets" / "manifest.json")
    monkeypatch.setattr(files, "OUT", tmp_path / "out")
    monkeypatch.setattr(download.time, "sleep", lambda seconds: None)
    monkeypatch.delenv("TINYLM_DATA", raising=False)
    return tmp_path


def install(folder, **changed):
    """The published files in <folder>/small, with some contents changed, or left out where they are None."""
    (folder / "small").mkdir(parents=True)
    for split, text in (TEXTS | changed).items():
        if text is not None:
            (folder / "small" / f"{split}.txt").write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


@pytest.mark.parametrize("name", PAPER)
def test_sizes_are_the_papers(name):
    about = data.info(name)
    assert (about.vocab_size, *(about.n_tokens[split] for split in SPLITS)) == PAPER[name]


@pytest.mark.parametrize("name", DERIVED)
def test_derived_corpora_are_known_without_a_text(name, monkeypatch):
    monkeypatch.setattr(corpora, "_find", None)  # any look for a file would fail
    about = data.info(name)
    assert (about.level, about.vocab_size, *(about.n_tokens[split] for split in SPLITS)) == ("character", *DERIVED[name])
    assert name in data.names() and data.source(name) == "tiny_shakespeare"
    assert len({data.info(other).sha256 for other in [*DERIVED, "tiny_shakespeare"]}) == len(DERIVED) + 1


@pytest.mark.parametrize("name", DERIVED)
def test_derived_corpora_come_out_as_stated(name, tmp_path, monkeypatch):
    source = real("tiny_shakespeare")
    monkeypatch.setattr(files, "OUT", tmp_path)  # no cache: the sha256 of what is built is checked
    corpus = data.load(name)
    assert corpus.vocab == source.vocab
    assert {split: len(corpus.split(split)) for split in SPLITS} == corpus.info.n_tokens
    unchanged = SPLITS[1:] if name == "tiny_shakespeare-renamed" else ()
    assert all(np.array_equal(corpus.split(split), source.split(split)) for split in unchanged)


@pytest.mark.parametrize("name", PAPER)
def test_the_real_corpora_have_the_stated_sizes(name):
    corpus = real(name)
    assert len(corpus.vocab) == corpus.info.vocab_size
    assert list(corpus.vocab) == sorted(corpus.vocab)
    for split in SPLITS:
        ids = corpus.split(split)
        assert ids.dtype == np.uint16 and len(ids) == corpus.info.n_tokens[split]
        np.testing.assert_array_equal(corpus.encode(corpus.decode(ids[:2000])), ids[:2000])


def test_words_of_train_make_the_vocabulary(place):
    corpus = data.load("small", install(place / "mine"))
    assert corpus.vocab == ("<unk>", "a", "b")
    assert corpus.decode(corpus.train) == "b a <unk> a a b"
    assert corpus.valid.tolist() == [1, 0]  # c is not in train


def test_every_line_ends_in_eos(place):
    corpus = data.load("small-eos", install(place / "mine"))
    assert corpus.vocab == ("<eos>", "<unk>", "a", "b")
    assert corpus.train.tolist() == [3, 2, 1, 2, 0, 0, 2, 3, 0]
    assert corpus.encode("a b").tolist() == [2, 3]


def test_characters_of_all_splits_make_the_alphabet(place):
    corpus = data.load("letters", install(place / "mine"))
    assert "".join(corpus.vocab) == "\n <>abcknu"
    assert corpus.decode(corpus.valid) == "a c\n"
    with pytest.raises(DataError, match="'x'"):
        corpus.encode("ax")


def test_search_order(place, monkeypatch):
    data_dir, environment = place / "mine", install(place / "theirs")
    data_dir.mkdir()
    monkeypatch.setenv("TINYLM_DATA", str(environment))
    assert corpora._find("small", data_dir) == environment / "small"  # data_dir lacks it
    install(data_dir)
    install(place / "datasets")
    assert corpora._find("small", data_dir) == data_dir / "small"
    monkeypatch.delenv("TINYLM_DATA")
    assert corpora._find("small", None) == place / "datasets" / "small"


def test_what_is_missing_is_downloaded(place):
    install(place / "datasets", valid=None)
    assert not data.available("small")
    assert data.load("small").info.name == "small"
    assert data.available("small")


def test_what_cannot_be_had_says_where_it_looked(place):
    for split in SPLITS:
        (place / "published" / f"{split}.txt").unlink()
    with pytest.raises(DataError, match=r"(?s)mine.small, .*datasets.small.*`python -m tinylm download small"):
        data.load("small", place / "mine")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, r"valid\.txt is missing"),
        ("", r"valid\.txt is empty, expected 4 bytes"),
        ("a ", r"valid\.txt is truncated: expected 4 bytes, sha256 .* found 2 bytes, sha256"),
        ("a d\n", r"valid\.txt is another text"),
        (b"a \xff\n", r"valid\.txt is not UTF-8"),
    ],
)
def test_a_damaged_file_is_named_with_the_mend(place, content, says):
    with pytest.raises(DataError, match=says + r".*`python -m tinylm download small`"):
        data.load("small", install(place / "mine", valid=content))


def cached(place):
    """A published corpus and the folder of its cache."""
    folder = install(place / "mine")
    assert isinstance(data.load("small", folder).train, np.memmap)
    (cache,) = (place / "out" / "cache").iterdir()
    assert cache.name == f"small-{data.info('small').sha256[:12]}"
    return folder, cache


def ones(cache):
    np.save(cache / "test.npy", np.ones_like(np.load(cache / "test.npy")))


def other_words(cache):
    (cache / "vocab.json").write_text('["<unk>", "b", "a"]')


DAMAGES = {
    "ones": ones,
    "words": other_words,
    "header": lambda cache: (cache / "train.npy").write_bytes(b"half a header"),
    "lost": lambda cache: (cache / "train.npy").unlink(),
    "digests": lambda cache: (cache / corpora.CONTENT).write_text("[]"),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_cache_that_is_not_what_was_written_is_set_aside_and_the_text_read_again(place, damage):
    folder, cache = cached(place)
    damage(cache)
    with pytest.warns(DataWarning, match=rf"small-\w+ was damaged; it is set aside as {cache.name}\.bad, and the corpus read anew"):
        corpus = data.load("small", folder)
    assert corpus.decode(corpus.train) == "b a <unk> a a b" and corpus.test.tolist() == [2]
    assert isinstance(data.load("small", folder).train, np.memmap)
    assert sorted(os.listdir(cache.parent)) == [cache.name, f"{cache.name}.bad"]


def test_a_cache_of_before_is_made_anew(place):
    folder, cache = cached(place)
    (cache / corpora.CONTENT).unlink()
    ones(cache)
    assert data.load("small", folder).test.tolist() == [2]
    assert (cache / corpora.CONTENT).exists() and os.listdir(cache.parent) == [cache.name]


def test_a_damaged_text_is_found_behind_a_whole_cache(place):
    folder = install(place / "mine")
    data.load("small", folder)
    (folder / "small" / "test.txt").write_text("a\n")
    with pytest.raises(DataError, match=r"test\.txt is another text"):
        data.load("small", folder)


def test_without_a_writable_out_the_corpus_is_in_memory(place):
    (place / "out").write_text("a file where the folder should be")
    corpus = data.load("small", install(place / "mine"))
    assert not isinstance(corpus.train, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        corpus.train[0] = 1


NO_SOURCES = {
    "nothing": (None, "None .NoneType."),
    "a number": (5, "5 .int."),
    "lines": (["a"] * 99, r"\.\.\. .list.; .*join.* makes one text of several lines"),
    "bytes": (b"text" * 99, r"\.\.\. .bytes."),
}


@pytest.mark.parametrize(("text", "ends"), NO_SOURCES.values(), ids=NO_SOURCES)
def test_what_is_no_source_of_a_corpus_is_said_in_one_line(text, ends):
    with pytest.raises(DataError, match=f"^give a corpus's name, a file or a text, got .*{ends}$") as wrong:
        data.corpus(text)
    assert len(str(wrong.value)) < 200


def test_a_short_line_is_told_from_a_text():
    with pytest.raises(DataError, match="'a line of mine' is neither .*; a text in memory has several lines, or more than 250 characters"):
        data.corpus("a line of mine")
    with pytest.raises(DataError) as wrong:
        data.corpus("grammar")
    assert "in memory" not in str(wrong.value)


def test_an_empty_text_and_a_model_in_its_place_are_said():
    for text in ("", " ", "\n\n"):
        with pytest.raises(DataError, match="^the text is empty; give a corpus's name"):
            data.corpus(text)
    for model in (MLPConfig(), MLPConfig):
        with pytest.raises(DataError, match="is a model; give a text in this place"):
            data.corpus(model)


def test_unknown_names_list_what_there_is():
    with pytest.raises(DataError, match="tiny_shakespeare, ptb, wikitext-2, .*, wikitext-2-char, grammar-char, grammar-word"):
        data.info("shakespeare")
    with pytest.raises(DataError, match="train, valid, test"):
        data.load("grammar-word").split("dev")


def test_a_derived_text_that_comes_out_otherwise_is_refused(place, monkeypatch):
    monkeypatch.setitem(plays.STEPS, "reversed", lambda texts: texts | {"train": texts["train"][::-1]})
    manifest = json.loads((place / "datasets" / "manifest.json").read_text())
    digests = {split: hashlib.sha256(text.encode()).hexdigest() for split, text in TEXTS.items()}
    digests["train"] = hashlib.sha256(TEXTS["train"][::-1].encode()).hexdigest()
    sizes = {"source": "letters", "steps": ["reversed"], "vocab_size": 10, "n_tokens": {"train": 17, "valid": 4, "test": 2}}
    manifest["derived"] = {"good": sizes | {"sha256": digests}, "bad": sizes | {"sha256": digests | {"test": "0" * 64}}}
    folder = install(place / "mine")
    (place / "datasets" / "manifest.json").write_text(json.dumps(manifest))
    corpus = data.load("good", folder)
    assert corpus.decode(corpus.train) == TEXTS["train"][::-1]
    assert isinstance(corpus.train, np.memmap) and data.available("good", folder) and not data.available("good")
    with pytest.raises(DataError, match=r"test of bad came out with sha256 .* undo that"):
        data.load("bad", folder)


@pytest.mark.parametrize("name", ["grammar-char", "grammar-word"])
def test_generated_corpora_need_no_file(place, name):
    assert data.available(name)
    corpus = data.load(name)
    assert {split: len(corpus.split(split)) for split in SPLITS} == corpus.info.n_tokens
    np.testing.assert_array_equal(corpus.encode(corpus.decode(corpus.test)), corpus.test)


def test_a_page_shows_the_alphabet_by_signs_and_whole_lines(place):
    page = data.load("letters")._repr_html_()
    assert "10: ↵ ␣ &lt; &gt; a b" in page
    assert "b a &lt;unk&gt; a\n\na b\n…" in page
    words = data.load("grammar-word")
    assert f"{words.vocab[corpora.MOST_SHOWN['word'] - 1]} …" in words._repr_html_()


def test_a_page_shows_the_beginning_of_one_long_line(place):
    letters = data.load("letters")
    long = corpora.Corpus(info=letters.info, vocab=letters.vocab, train=letters.encode("a" * 900), valid=letters.valid, test=letters.test)
    assert "a" * corpora.FIRST_TOKENS["character"] + "\n…" in long._repr_html_()


def test_a_level_beside_a_corpus_must_be_its_own():
    made = corpora.corpus("grammar-char")
    assert corpora.corpus(made, level="character") is made
    with pytest.raises(DataError, match="grammar-char is a corpus of characters; a level is for a text of your own"):
        corpora.corpus(made, level="word")


def test_the_licence_of_a_corpus_is_that_of_the_text_it_is_made_from():
    assert data.licence("tiny_shakespeare").startswith("public domain") and data.licence("ptb-eos").startswith("Penn Treebank")
    assert data.licence("tiny_shakespeare-respelled") == data.licence("tiny_shakespeare")
    assert data.licence("grammar-word") == "generated by tinylm/data/grammar.py, under this repository's licence"
    with pytest.raises(DataError, match="unknown corpus 'ptb-eoss'; did you mean 'ptb-eos'"):
        data.licence("ptb-eoss")


def test_subwords_are_other_tokens_of_the_same_text():
    characters, cut = data.info("tiny_shakespeare-plays"), data.info("tiny_shakespeare-plays-bpe512")
    assert (cut.level, cut.vocab_size) == ("subword", 512) and cut.n_tokens["test"] < characters.n_tokens["test"]
    others = [characters, data.info("tiny_shakespeare-bpe512"), data.info("tiny_shakespeare-plays-bpe256")]
    assert all(cut.held_out != other.held_out and cut.sha256 != other.sha256 for other in others), "scored on other tokens"
    assert data.source("tiny_shakespeare-plays-bpe512") == "tiny_shakespeare"
