"""Corpora: find, verify, tokenise, cache. A corpus is a name; its sizes are known before any file is opened."""

import contextlib
import hashlib
import json
import os
import shutil
import sys
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from tinylm import files
from tinylm.config import ModelConfig, shown
from tinylm.config.calls import public
from tinylm.config.errors import Spelt, instead, no_file, unknown
from tinylm.data import download, grammar, own_texts, plays, subwords
from tinylm.data.base import SPLITS, DataError, DataWarning
from tinylm.data.vocabulary import UNK, Vocabulary, collected, tokenise

MOST_SHOWN = {"character": 200, "subword": 40, "word": 20}  # distinct tokens
LONGEST_PATH = 250  # characters; a longer line is a text
SHORT = f"; a text in memory has several lines, or more than {LONGEST_PATH} characters"
FIRST_TOKENS = {"character": 500, "subword": 200, "word": 100}
MOST_LINES = 10
CONTENT = "content.json"  # of a cache


@dataclass(frozen=True, kw_only=True)
class CorpusInfo:
    """What is known of a corpus without opening it; `n_tokens` per split, `sha256` of the three splits' digests.

    Corpora with the same `held_out` are scored on the same tokens, whatever they train on.
    """

    name: str
    level: str
    vocab_size: int
    n_tokens: dict[str, int]
    sha256: str
    held_out: str = ""


@dataclass(frozen=True, kw_only=True)
class Corpus(Spelt):
    """A tokenised corpus: `train`, `valid`, `test` are (n_tokens,) uint16 ids into `vocab`, read-only."""

    info: CorpusInfo
    vocab: tuple[str, ...]
    train: np.ndarray
    valid: np.ndarray
    test: np.ndarray

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The tokens with the means to encode and decode."""
        return Vocabulary(corpus=own_texts.called(self.info.name), level=self.info.level, tokens=self.vocab)

    def __repr__(self) -> str:
        about = self.info
        sizes = ", ".join(f"{split} {about.n_tokens[split]:,}" for split in SPLITS)
        own = own_texts.called(about.name)
        title = "" if own == about.name else f" of {own.removesuffix(f' ({about.name})')}"
        return f"Corpus({about.name!r}{title}: {about.vocab_size:,} distinct {about.level}s; {sizes})"

    def _repr_html_(self) -> str:
        about = self.info
        facts = {f"{split} tokens": f"{about.n_tokens[split]:,}" for split in SPLITS}
        most = MOST_SHOWN[about.level]
        tokens = " ".join(map(shown.signs, self.vocab[:most]))
        facts |= {f"distinct {about.level}s": f"{about.vocab_size:,}: {tokens}{' …' if about.vocab_size > most else ''}"}
        return shown.card(f"Corpus {own_texts.called(about.name)}", facts, shown.text(self._first_lines()))

    def _first_lines(self) -> str:
        """The first lines of train that are whole, or what it begins with where its first line is long."""
        *lines, cut = self.decode(self.train[: FIRST_TOKENS[self.info.level]]).split("\n")
        return "\n".join([line.strip() for line in lines[:MOST_LINES] or [cut]] + ["…"])

    def split(self, name: str) -> np.ndarray:
        """The ids of one split, `train`, `valid` or `test`; another name raises DataError."""
        if name not in SPLITS:
            raise DataError(unknown("split", name, SPLITS))
        return getattr(self, name)

    def encode(self, text: str) -> np.ndarray:
        """The ids (n,) uint16 of a text; an unknown word becomes <unk> where the vocabulary has it, else DataError names the token."""
        return self.vocabulary.encode(text)

    def decode(self, ids: np.ndarray) -> str:
        """The text of ids (n,): characters joined, words separated by one blank, <eos> as a new line."""
        return self.vocabulary.decode(ids)


@public()
def corpus(text: "str | Path | Corpus", level: str | None = None, data_dir: str | Path | None = None) -> Corpus:
    """A corpus by its name, or made of a text of one's own: a UTF-8 file, or a text in memory that has several lines or is long.

    `level` says what the tokens of a text of one's own are: each `character`, or each `word`. Its last twentieth is test, the one before
    that valid. `data_dir` is searched first for a published corpus. DataError for an unknown name, and for a text that is too short.

    >>> corpus("grammar-char")
    Corpus('grammar-char': 35 distinct characters; train 200,000, valid 20,000, test 20,000)
    """
    if not isinstance(text, Corpus):
        return load(corpus_name(text, level), data_dir)
    _check_level(text.info, level)
    return text


def _check_level(about: CorpusInfo, level: str | None) -> None:
    """Raise DataError where another level is asked for than a corpus has."""
    if level not in (None, about.level):
        raise DataError(f"{about.name} is a corpus of {about.level}s; a level is for a text of your own")


def corpus_name(text: str | Path, level: str | None = None) -> str:
    """The name of the corpus that is meant; a text of one's own becomes one. `level` is for such a text alone (character)."""
    _check_source(text)
    if isinstance(text, str) and ("\n" in text.strip() or len(text) > LONGEST_PATH):
        return _told(own_texts.add_text(text, level or "character", "the text"))
    if str(text) in names() or own_texts.NAME.fullmatch(str(text)):
        _check_level(info(str(text)), level)
        return str(text)
    path = Path(text).expanduser()
    if not path.exists():
        others = instead(str(text), names(), "name a file, or one of:") + (SHORT if " " in str(text) else "")
        if own_texts.is_file_name(text):
            raise DataError(no_file(path, others))
        raise DataError(f"{text!r} is neither a text file nor a corpus; {others}")
    return _told(own_texts.add(path, level or "character"))


def _told(name: str) -> str:
    """The name of an own text; a warning where its words say little of it."""
    if caution := own_texts.caution(name):
        warnings.warn(caution, stacklevel=3)
    return name


def _check_source(text: Any) -> None:
    """Raise DataError for what is neither a name, a path nor a text."""
    if isinstance(text, ModelConfig) or callable(text):
        raise DataError(f"{shown.brief(text)} is a model; give a text in this place")
    if not isinstance(text, str | Path):
        lines = "; '\\n'.join(...) makes one text of several lines" if isinstance(text, Iterable) and not isinstance(text, bytes) else ""
        raise DataError(f"give a corpus's name, a file or a text, got {shown.brief(text)}{lines}")
    if not str(text).strip():
        raise DataError("the text is empty; give a corpus's name, a file or a text with words in it")


def names() -> list[str]:
    """Every corpus that `load` knows: published, generated, derived, and made of texts of one's own."""
    return [*download.manifest()["corpora"], *grammar.SOURCES, *_derived(), *own_texts.names()]


def source(name: str) -> str:
    """The corpus whose files a corpus is made from: another one for a derived corpus, else itself."""
    return _derived().get(name, {"source": name})["source"]


def licence(name: str) -> str:
    """The terms of the text that a corpus is made from; an unknown name raises DataError."""
    text = source(info(name).name)
    if text in grammar.SOURCES:
        return "generated by tinylm/data/grammar.py, under this repository's licence"
    published = download.manifest()["corpora"].get(text)
    return download.manifest()["folders"][published["folder"]]["licence"] if published else "a text of your own"


def info(name: str) -> CorpusInfo:
    """Level, sizes and digest of a corpus, from manifest, own text or the grammar's constants; an unknown name raises DataError."""
    if name in grammar.SOURCES:
        made = grammar.SOURCES[name]
        shape = {"level": made.level, "vocab_size": made.vocab_size, "n_tokens": dict(made.n_tokens)}
        return CorpusInfo(name=name, sha256=made.sha256, held_out=made.sha256, **shape)
    about = _about(source(name))
    if about is None:
        raise DataError(unknown("corpus", name, names()))
    entry = _derived().get(name, about)
    digests = entry.get("sha256") or {split: about["splits"][split]["sha256"] for split in SPLITS}
    level = entry.get("level", about["level"])
    shape = {"level": level, "vocab_size": entry["vocab_size"], "n_tokens": dict(entry["n_tokens"])}
    cut = [f"{level} {entry['vocab_size']}"] if level == "subword" else []
    sha256 = _digest(*(digests[split] for split in SPLITS), *cut)
    # The tokens depend on the vocabulary and on how lines end, and so on the source; subwords on all that they are learnt from.
    held_out = sha256 if cut else _digest(source(name), digests["valid"], digests["test"])
    return CorpusInfo(name=name, sha256=sha256, held_out=held_out, **shape)


def _about(name: str) -> dict[str, Any] | None:
    """What is known of a corpus with files of its own: level, sizes, and file, bytes and sha256 of its `splits`; None for another name."""
    entry = download.manifest()["corpora"].get(name)
    return own_texts.about(name) if entry is None else entry | {"splits": download.manifest()["folders"][entry["folder"]]["splits"]}


def _digest(*parts: str) -> str:
    return hashlib.sha256("".join(parts).encode()).hexdigest()


def vocab_size(name: str) -> int:
    """The number of distinct tokens of a corpus; opens no corpus file."""
    return info(name).vocab_size


def available(name: str, data_dir: str | Path | None = None) -> bool:
    """Whether `load` would need no download: the files lie in a searched folder, or the corpus is generated."""
    info(name)
    return name in grammar.SOURCES or _find(source(name), data_dir) is not None


def load(name: str, data_dir: str | Path | None = None) -> Corpus:
    """The named corpus, from `data_dir`, else the folder TINYLM_DATA names, else datasets/, else downloaded into datasets/.

    Each folder is searched for <corpus folder>/train.txt, valid.txt and test.txt, whose sha256 must equal the manifest's. A derived
    corpus is built from its source's files, an own text lies in out/texts. The ids are kept in out/cache and memory-mapped, or held
    in memory where out/ cannot be written; where they are no longer what was kept, the files are read again. Raises a DataError that says
    what to do.
    """
    about = info(name)
    if name in grammar.SOURCES:
        vocab, arrays = grammar.generate(name)
        return Corpus(info=about, vocab=vocab, **arrays)
    published = source(name)
    folder = _find(published, data_dir) or _fetch(published, data_dir)
    contents = {split: _read(path, entry, published) for split, (path, entry) in _files(published, folder).items()}
    cache = files.OUT / "cache" / f"{name}-{about.sha256[:12]}"
    cached = _read_cache(cache, about)
    if cached is not None:
        return cached
    eos = bool(_about(published).get("line_end"))
    vocab, texts = collected(contents, about.level, eos), _derive(name, contents)
    if about.level == "subword":
        vocab = subwords.learnt(texts["train"], vocab, about.vocab_size)
    arrays = _encode(texts, vocab, about.level, eos)
    with contextlib.suppress(OSError):  # out/ cannot be written, or another process was faster
        _write_cache(cache, about, vocab, arrays)
    for array in arrays.values():
        array.setflags(write=False)
    return _read_cache(cache, about) or Corpus(info=about, vocab=vocab, **arrays)


def folder_name(name: str) -> str:
    """The folder of the files that a corpus is made from, in the folders that are searched; its own name for a generated one."""
    return (_about(source(name)) or {}).get("folder", source(name))


def _search_path(name: str, data_dir: str | Path | None) -> list[Path]:
    """The folders that are searched for a corpus, first to last."""
    if name not in download.manifest()["corpora"]:
        return [files.TEXTS]
    given = [data_dir, os.environ.get("TINYLM_DATA")]
    return [*(Path(g).expanduser() for g in given if g), files.DATASETS]


def _find(name: str, data_dir: str | Path | None) -> Path | None:
    """The first searched folder of the corpus that holds a split file; where it is datasets/, all three, so a download can go on."""
    for base in _search_path(name, data_dir):
        present = [os.path.exists(path) for path, _ in _files(name, base / folder_name(name)).values()]
        if all(present) or (any(present) and base != files.DATASETS):
            return base / folder_name(name)
    return None


def _files(name: str, folder: Path) -> dict[str, tuple[Path, dict]]:
    splits = _about(name)["splits"]
    return {split: (folder / splits[split]["file"], splits[split]) for split in SPLITS}


def _fetch(name: str, data_dir: str | Path | None) -> Path:
    """Download the corpus into datasets/; a failure says where the corpus was looked for and what to do."""
    try:
        return download.download(name)
    except DataError as error:
        above = folder_name(name)
        looked = ", ".join(str(base / above) for base in _search_path(name, data_dir))
        remedy = f"Run `python -m tinylm download {name}` where there is a network, or set TINYLM_DATA to the folder that holds {above}/."
        raise DataError(f"corpus {name} is not in {looked}, and the download failed: {error}.\n{remedy}") from error


def _remedy(path: Path, name: str) -> str:
    """What to do about a split file that is not what it should be."""
    if name not in download.manifest()["corpora"]:
        return own_texts.remedy(name)
    first = "delete it" if path.is_relative_to(files.DATASETS) else f"put the published file there, or move {path.parent} away"
    return f"{first} and run `python -m tinylm download {name}`"


def _read(path: Path, entry: dict, name: str) -> str:
    """The text of a split file after checking that it is there, complete, unchanged and UTF-8."""
    remedy = _remedy(path, name)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"{path} is missing; {remedy}") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}); check its permissions, or {remedy}") from None
    if not content:
        raise DataError(f"{path} is empty, expected {entry['bytes']:,} bytes; {remedy}")
    text, damage = _decode(content)
    found = hashlib.sha256(content).hexdigest()
    if found != entry["sha256"]:
        damage = damage or ("is truncated" if len(content) < entry["bytes"] else "is another text")
        expected = f"expected {entry['bytes']:,} bytes, sha256 {entry['sha256']}"
        raise DataError(f"{path} {damage}: {expected}; found {len(content):,} bytes, sha256 {found}; {remedy}")
    return text


def _decode(content: bytes) -> tuple[str, str]:
    """The text, and what is wrong with its encoding."""
    try:
        return content.decode(), ""
    except UnicodeDecodeError as error:
        return "", f"is not UTF-8 (byte {error.start:,})"


def _encode(contents: dict[str, str], vocab: tuple[str, ...], level: str, eos: bool) -> dict[str, np.ndarray]:
    """Ids per split, words outside the vocabulary as <unk>."""
    if level == "character":
        return {split: _character_ids(text, vocab) for split, text in contents.items()}
    if level == "subword":
        return {split: np.array(subwords.encoded(text, vocab), np.uint16) for split, text in contents.items()}
    index = {token: i for i, token in enumerate(vocab)}
    unk_id = index.get(UNK)
    tokens = {split: tokenise(text, level, eos) for split, text in contents.items()}
    return {s: np.fromiter((index.get(t, unk_id) for t in words), np.uint16, len(words)) for s, words in tokens.items()}


def _character_ids(text: str, vocab: tuple[str, ...]) -> np.ndarray:
    """The ids of characters, all of which are in the vocabulary: looked up by their code points at once, since a text has millions."""
    ids = np.full(sys.maxunicode + 1, -1, np.int32)
    ids[[ord(character) for character in vocab]] = range(len(vocab))
    found = ids[np.frombuffer(text.encode("utf-32-le"), np.uint32)]
    if (found < 0).any():
        raise DataError("a text has a character that its vocabulary lacks")
    return found.astype(np.uint16)


def _derived() -> dict[str, dict]:
    """The derived corpora of the manifest by name: `source`, `steps` (of `plays`) from its texts, sizes and sha256 of what they give.

    With a `level` of subwords its tokens are learnt from its train.
    """
    return download.manifest().get("derived", {})


def _derive(name: str, contents: dict[str, str]) -> dict[str, str]:
    """The texts of a corpus from its source's, which are its own unless it is derived; DataError unless they are what the manifest says."""
    entry = _derived().get(name, {"steps": [], "sha256": {}})
    for step in entry["steps"]:
        contents = plays.STEPS[step](contents)
    for split, expected in entry["sha256"].items():
        found = hashlib.sha256(contents[split].encode()).hexdigest()
        if found != expected:
            raise DataError(
                f"{split} of {name} came out with sha256 {found}, not {expected}: tinylm/data/plays.py or datasets/manifest.json was "
                f"changed; undo that, or give the corpus a new name"
            )
    return contents


def _read_cache(cache: Path, about: CorpusInfo) -> Corpus | None:
    """The corpus as cached, memory-mapped, or None where there is no cache; a damaged one is set aside, with a warning."""
    if not (cache / CONTENT).exists():
        return None
    try:
        content = json.loads((cache / CONTENT).read_text(encoding="utf-8"))
        vocab = tuple(json.loads((cache / "vocab.json").read_text(encoding="utf-8")))
        arrays = {split: np.load(cache / f"{split}.npy", mmap_mode="r", allow_pickle=False) for split in SPLITS}
        if content == _content(about, vocab, arrays):
            return Corpus(info=about, vocab=vocab, **arrays)
    except (OSError, ValueError, EOFError, TypeError):
        pass
    with contextlib.suppress(OSError):  # it cannot be renamed, or another process was faster
        aside = files.set_aside(cache)
        warnings.warn(f"{cache} was damaged; it is set aside as {aside.name}, and the corpus read anew", DataWarning, stacklevel=3)
    return None


def _content(about: CorpusInfo, vocab: tuple[str, ...], arrays: dict[str, np.ndarray]) -> dict[str, str]:
    """What a cache must hold: the corpus that it is made of, and the sha256 of its vocabulary and ids."""
    digests = {split: hashlib.sha256(f"{array.dtype} {array.shape}".encode()) for split, array in arrays.items()}
    for split, digest in digests.items():
        digest.update(np.ascontiguousarray(arrays[split]))
    return {"corpus": about.sha256, "vocab": _digest(json.dumps(vocab))} | {split: d.hexdigest() for split, d in digests.items()}


def _write_cache(cache: Path, about: CorpusInfo, vocab: tuple[str, ...], arrays: dict[str, np.ndarray]) -> None:
    """Write vocabulary and ids into a new folder and rename it, so that a reader or a second writer sees a whole cache or none."""
    if cache.exists() and not (cache / CONTENT).exists():  # of a time when caches did not say what they hold
        shutil.rmtree(cache)
    with files.fresh(cache) as fresh:
        for split, array in arrays.items():
            np.save(fresh / f"{split}.npy", array, allow_pickle=False)
        (fresh / "vocab.json").write_text(json.dumps(vocab), encoding="utf-8")
        (fresh / CONTENT).write_text(json.dumps(_content(about, vocab, arrays)), encoding="utf-8")
