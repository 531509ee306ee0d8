"""Texts of one's own: a file becomes a corpus of three splits in out/texts, named after what it holds and not after its path."""

import contextlib
import hashlib
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

from tinylm import files
from tinylm.config import memory
from tinylm.config.errors import no_file, unknown
from tinylm.data.base import SPLITS, DataError
from tinylm.data.vocabulary import EOS, UNK, collected, tokenise

ABOUT = "about.json"
NAME = re.compile(r"text-(words-)?[0-9a-f]{12}")
PREFIXES = {"character": "text-", "word": "text-words-"}  # a new way to cut or to replace words needs new ones
HELD_OUT_PART, HELD_OUT_MOST = 20, 100_000  # valid and test: a twentieth of the characters each; more than that many only cost time
NO_TEXT = re.compile(r"[\0\ud800-\udfff]")  # NUL, and halves of characters, which UTF-8 cannot write
FILE = re.compile(r"\S*[^\s.]\.\w+")
LONGEST_WORD = 100  # characters within which a cut looks for the end of the word it falls in
MEMORY = {"character": 15, "word": 25}  # bytes for each of a file, from reading it to training on it; measured: 3 and 14 to read it
MOST_TOKENS = 65_535  # distinct ones: ids are uint16
MANY_UNKNOWN = 0.2  # of the held-out words
LEAST_COUNT = 2  # a word that train has once says what an unknown one is like


def names() -> list[str]:
    """The corpora made of own texts so far."""
    return sorted(path.parent.name for path in files.TEXTS.glob(f"*/{ABOUT}") if NAME.fullmatch(path.parent.name))


def about(name: str) -> dict[str, Any] | None:
    """What the manifest says of a published corpus, for an own text; None for any other name, DataError for a text that is not here.

    `title` is the name of the file it came from, `splits` have file, bytes and sha256.
    """
    if not NAME.fullmatch(name):
        return None
    try:
        return json.loads((files.TEXTS / name / ABOUT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise DataError(f"the text of {name} is not in {files.TEXTS}; {remedy(name)}") from None


def caution(name: str) -> str:
    """What to say of an own text whose words say little of it; empty for any other corpus."""
    entry = about(name) or {}
    held_out = sum(entry.get("n_tokens", {}).get(split, 0) for split in SPLITS[1:])
    if entry.get("unknown", 0) <= MANY_UNKNOWN * held_out:
        return ""
    return (
        f"{entry['title']}: {entry['unknown'] / held_out:.0%} of the words in valid and test are {UNK}, since train has them less than "
        "twice; that is easy to predict, and a loss says little. Read its characters instead (level character), or take a longer text"
    )


def called(name: str) -> str:
    """What people call a corpus: an own text that is here by its file's name, with its own name, any other as it is."""
    with contextlib.suppress(DataError):
        if entry := about(name):
            return f"{entry['title']} ({name})"
    return name


def remedy(name: str) -> str:
    """How an own text that is missing or damaged comes back."""
    level = next(level for level, prefix in reversed(PREFIXES.items()) if name.startswith(prefix))
    return f"remove {files.TEXTS / name} if it is there, and give the file of that text again, at the level {level}"


def is_file_name(text: str | Path) -> bool:
    """Whether it is a path, or a text that looks like a file's name: without blanks, and with a suffix."""
    return isinstance(text, Path) or FILE.fullmatch(text) is not None


def read(path: Path) -> str:
    """The text of a UTF-8 file, without byte order mark and with line ends as one newline; DataError for anything else."""
    if files.is_special(path):
        raise DataError(f"{path} is a pipe or a device, which may have no end; name a text file, or save it as one")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise DataError(no_file(path, "name a text file")) from None
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}; name a text file") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 (byte {error.start:,}); name a text file, or save it as UTF-8") from error
    if "\0" in text:
        raise DataError(f"{path} is not a text, it has NUL characters; name a text file, or save it as UTF-8")
    return text


def add(path: Path, level: str) -> str:
    """Make a corpus of a text file, as `add_text`; DataError for a file that is no text, and for one that memory would not hold."""
    with contextlib.suppress(OSError):  # which `read` explains
        if lacking := memory.lacking(MEMORY.get(level, 0) * path.stat().st_size):
            raise DataError(f"{path} {lacking}; take a part of it")
    return add_text(read(path), level, path.name)


def add_text(text: str, level: str, title: str) -> str:
    """Make a corpus of a text, read by `character` or `word`, unless it is one already, and return its name; `title` is for messages.

    The same text gives the same name wherever it lies. Raises DataError for one that is empty, too short or has too many characters.
    """
    if level not in PREFIXES:
        raise DataError(unknown("level", level, PREFIXES))
    if not text or text.isspace():
        raise DataError(f"{title} is empty; take a text with words in it")
    if odd := NO_TEXT.search(text):
        raise DataError(f"{title} has {odd[0]!r}, which is no character of a text; remove it")
    name = PREFIXES[level] + hashlib.sha256(text.encode()).hexdigest()[:12]
    if not (files.TEXTS / name / ABOUT).is_file():
        parts = cut(text) if level == "character" else _rare_replaced(cut(text))
        _write(files.TEXTS / name, parts, {"title": title} | _sizes(parts, level, title))
    return name


def cut(text: str) -> dict[str, str]:
    """The splits of a text by position: its end is test, what comes before that valid, the rest train.

    Valid and test have a twentieth of the characters each, 100,000 at most; a cut within a word moves to its end.
    """
    size = min(len(text) // HELD_OUT_PART, HELD_OUT_MOST)
    start, stop = (_word_end(text, len(text) - n * size) for n in (2, 1))
    return {"train": text[:start], "valid": text[start:stop], "test": text[stop:]}


def _word_end(text: str, at: int) -> int:
    found = re.compile(r"\s").search(text, at, at + LONGEST_WORD)
    return found.end() if found else at


def _rare_replaced(parts: dict[str, str]) -> dict[str, str]:
    """The splits with <unk> for each word that train has less than twice, or that is not among its commonest."""
    counts = Counter(parts["train"].split())
    commonest = sorted((word for word, n in counts.items() if n >= LEAST_COUNT), key=lambda word: (-counts[word], word))
    known = set(commonest[: MOST_TOKENS - 2])  # the two are <unk> and <eos>

    def replaced(line: str) -> str:
        return " ".join(word if word in known else UNK for word in line.split())

    return {split: "\n".join(map(replaced, part.split("\n"))) for split, part in parts.items()}


def _sizes(parts: dict[str, str], level: str, title: str) -> dict[str, Any]:
    """Level, line end, and the sizes of vocabulary and splits; DataError where they are too small or too large."""
    eos = level == "word"
    vocab = collected(parts, level, eos)
    n_tokens = {split: len(tokenise(parts[split], level, eos)) for split in SPLITS}
    if not all(n_tokens.values()):
        raise DataError(f"{title} is too short: valid and test, a twentieth of it each, would be empty; take a longer text")
    if level == "word" and not set(vocab) - {UNK, EOS}:
        raise DataError(f"{title} has no word twice; take a longer text, or read its characters: level character")
    unknown = sum(part.split().count(UNK) for part in (parts["valid"], parts["test"])) if level == "word" else 0
    if len(vocab) > MOST_TOKENS:
        raise DataError(f"{title} has {len(vocab):,} distinct characters, more than {MOST_TOKENS:,}; replace the rare ones")
    return {"level": level, "line_end": EOS if eos else "", "vocab_size": len(vocab), "n_tokens": n_tokens, "unknown": unknown}


def _write(folder: Path, parts: dict[str, str], facts: dict[str, Any]) -> None:
    try:
        with files.fresh(folder) as fresh:
            splits = {split: _written(fresh / f"{split}.txt", part.encode()) for split, part in parts.items()}
            (fresh / ABOUT).write_text(json.dumps(facts | {"splits": splits}, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        if not (folder / ABOUT).is_file():  # else another process was faster
            remedy = "free some space, make the folder writable, or set TINYLM_HOME to another"
            raise DataError(f"cannot write {folder}: {error.strerror}; {remedy}") from error


def _written(path: Path, content: bytes) -> dict[str, Any]:
    path.write_bytes(content)
    return {"file": path.name, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
