"""Corpora: find, verify, tokenise, cache. A corpus is a name; its sizes are known before any file is opened."""

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from tinylm import download, grammar, paths
from tinylm.download import DataError
from tinylm.grammar import SPLITS
from tinylm.vocabulary import UNK, Vocabulary, tokenise


@dataclass(frozen=True, kw_only=True)
class CorpusInfo:
    """What is known of a corpus without opening it; `n_tokens` per split, `sha256` of the three splits' digests."""

    name: str
    level: str
    vocab_size: int
    n_tokens: dict[str, int]
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """A tokenised corpus: `train`, `valid`, `test` are (n_tokens,) uint16 ids into `vocab`, read-only."""

    info: CorpusInfo
    vocab: tuple[str, ...]
    train: np.ndarray
    valid: np.ndarray
    test: np.ndarray

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The tokens with the means to encode and decode."""
        return Vocabulary(corpus=self.info.name, level=self.info.level, tokens=self.vocab)

    def split(self, name: str) -> np.ndarray:
        """The ids of one split, `train`, `valid` or `test`; another name raises DataError."""
        if name not in SPLITS:
            raise DataError(f"unknown split {name!r}; choose one of {', '.join(SPLITS)}")
        return getattr(self, name)

    def encode(self, text: str) -> np.ndarray:
        """The ids (n,) uint16 of a text; an unknown word becomes <unk> where the vocabulary has it, else DataError names the token."""
        return self.vocabulary.encode(text)

    def decode(self, ids: np.ndarray) -> str:
        """The text of ids (n,): characters joined, words separated by one blank, <eos> as a new line."""
        return self.vocabulary.decode(ids)


def names() -> list[str]:
    """Every corpus that `load` knows."""
    return [*download.manifest()["corpora"], *grammar.SOURCES]


def info(name: str) -> CorpusInfo:
    """Level, sizes and digest of a corpus, from the manifest or the grammar's constants; an unknown name raises DataError."""
    if name in grammar.SOURCES:
        source = grammar.SOURCES[name]
        return CorpusInfo(name=name, level=source.level, vocab_size=source.vocab_size, n_tokens=dict(source.n_tokens), sha256=source.sha256)
    entry = download.manifest()["corpora"].get(name)
    if entry is None:
        raise DataError(f"unknown corpus {name!r}; choose one of {', '.join(names())}")
    splits = download.manifest()["folders"][entry["folder"]]["splits"]
    digest = hashlib.sha256("".join(splits[s]["sha256"] for s in SPLITS).encode()).hexdigest()
    return CorpusInfo(name=name, level=entry["level"], vocab_size=entry["vocab_size"], n_tokens=dict(entry["n_tokens"]), sha256=digest)


def vocab_size(name: str) -> int:
    """The number of distinct tokens of a corpus; opens no corpus file."""
    return info(name).vocab_size


def available(name: str, data_dir: str | Path | None = None) -> bool:
    """Whether `load` would need no download: the files lie in a searched folder, or the corpus is generated."""
    info(name)
    return name in grammar.SOURCES or _find(name, data_dir) is not None


def load(name: str, data_dir: str | Path | None = None) -> Corpus:
    """The named corpus, from `data_dir`, else the folder TINYLM_DATA names, else datasets/, else downloaded into datasets/.

    Each folder is searched for <corpus folder>/train.txt, valid.txt and test.txt, whose sha256 must equal the manifest's. The ids
    are kept in out/cache and memory-mapped, or held in memory where out/ cannot be written. Raises DataError with the mend.
    """
    about = info(name)
    if name in grammar.SOURCES:
        vocab, arrays = grammar.generate(name)
        return Corpus(info=about, vocab=vocab, **arrays)
    folder = _find(name, data_dir) or _fetch(name, data_dir)
    texts = {split: _read(path, entry, name) for split, (path, entry) in _files(name, folder).items()}
    cache = paths.OUT / "cache" / f"{name}-{about.sha256[:12]}"
    cached = _read_cache(cache, about)
    if cached is not None:
        return cached
    vocab, arrays = _tokenise(texts, about.level, bool(download.manifest()["corpora"][name].get("line_end")))
    with contextlib.suppress(OSError):  # out/ cannot be written, or another process was faster
        _write_cache(cache, about, vocab, arrays)
    for array in arrays.values():
        array.setflags(write=False)
    return _read_cache(cache, about) or Corpus(info=about, vocab=vocab, **arrays)


def _folder_name(name: str) -> str:
    return download.manifest()["corpora"][name]["folder"]


def _search_path(data_dir: str | Path | None) -> list[Path]:
    """The folders that are searched, first to last."""
    given = [data_dir, os.environ.get("TINYLM_DATA")]
    return [*(Path(g).expanduser() for g in given if g), download.DATASETS]


def _find(name: str, data_dir: str | Path | None) -> Path | None:
    """The first searched folder of the corpus that holds a split file; where it is datasets/, all three, so a download can go on."""
    for base in _search_path(data_dir):
        present = [os.path.exists(path) for path, _ in _files(name, base / _folder_name(name)).values()]
        if all(present) or (any(present) and base != download.DATASETS):
            return base / _folder_name(name)
    return None


def _files(name: str, folder: Path) -> dict[str, tuple[Path, dict]]:
    splits = download.manifest()["folders"][_folder_name(name)]["splits"]
    return {split: (folder / splits[split]["file"], splits[split]) for split in SPLITS}


def _fetch(name: str, data_dir: str | Path | None) -> Path:
    """Download the corpus into datasets/; a failure says where the corpus was looked for and what to do."""
    try:
        return download.download(name)
    except DataError as error:
        above = _folder_name(name)
        looked = ", ".join(str(base / above) for base in _search_path(data_dir))
        mend = f"Run `python -m tinylm download {name}` where there is a network, or set TINYLM_DATA to the folder that holds {above}/."
        raise DataError(f"corpus {name} is not in {looked}, and the download failed: {error}.\n{mend}") from error


def _read(path: Path, entry: dict, name: str) -> str:
    """The text of a split file after checking that it is there, complete, unchanged and UTF-8."""
    first = "delete it" if path.is_relative_to(download.DATASETS) else f"put the published file there, or move {path.parent} away"
    mend = f"{first} and run `python -m tinylm download {name}`"
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"{path} is missing; copy it there, or remove {path.parent} and run `python -m tinylm download {name}`") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}); check its permissions, or {mend}") from None
    if not content:
        raise DataError(f"{path} is empty, expected {entry['bytes']:,} bytes; {mend}")
    text, damage = _decode(content)
    found = hashlib.sha256(content).hexdigest()
    if found != entry["sha256"]:
        damage = damage or ("is truncated" if len(content) < entry["bytes"] else "is not the published file")
        expected = f"expected {entry['bytes']:,} bytes, sha256 {entry['sha256']}"
        raise DataError(f"{path} {damage}: {expected}; found {len(content):,} bytes, sha256 {found}; {mend}")
    return text


def _decode(content: bytes) -> tuple[str, str]:
    """The text, and what is wrong with its encoding."""
    try:
        return content.decode(), ""
    except UnicodeDecodeError as error:
        return "", f"is not UTF-8 (byte {error.start:,})"


def _tokenise(texts: dict[str, str], level: str, eos: bool) -> tuple[tuple[str, ...], dict[str, np.ndarray]]:
    """Vocabulary and ids per split: characters of all splits, or words of train with the others' unknown words as <unk>."""
    tokens = {split: tokenise(text, level, eos) for split, text in texts.items()}
    vocab = tuple(sorted(set().union(*tokens.values()) if level == "character" else set(tokens["train"])))
    index = {token: i for i, token in enumerate(vocab)}
    unknown = index.get(UNK)
    return vocab, {s: np.fromiter((index.get(t, unknown) for t in words), np.uint16, len(words)) for s, words in tokens.items()}


def _read_cache(cache: Path, about: CorpusInfo) -> Corpus | None:
    """The corpus as cached, memory-mapped, or None where the cache is absent or not whole."""
    try:
        vocab = tuple(json.loads((cache / "vocab.json").read_text(encoding="utf-8")))
        arrays = {split: np.load(cache / f"{split}.npy", mmap_mode="r", allow_pickle=False) for split in SPLITS}
    except (OSError, ValueError, EOFError):
        return None
    sizes = {split: array.size for split, array in arrays.items() if array.dtype == np.uint16}
    return Corpus(info=about, vocab=vocab, **arrays) if sizes == about.n_tokens and len(vocab) == about.vocab_size else None


def _write_cache(cache: Path, about: CorpusInfo, vocab: tuple[str, ...], arrays: dict[str, np.ndarray]) -> None:
    """Write vocabulary and ids into a new folder and rename it, so that a reader or a second writer sees a whole cache or none."""
    cache.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache.parent, prefix=".new-", ignore_cleanup_errors=True) as new:
        fresh = Path(new) / cache.name
        fresh.mkdir()
        for split, array in arrays.items():
            np.save(fresh / f"{split}.npy", array, allow_pickle=False)
        (fresh / "vocab.json").write_text(json.dumps(vocab), encoding="utf-8")
        if cache.exists() and _read_cache(cache, about) is None:
            shutil.rmtree(cache)
        fresh.rename(cache)
