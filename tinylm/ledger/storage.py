"""How a ledger's files are written and read: whole, of a sane size, and the published ones with their sums in `SHA256SUMS`.

`sha256sum --check SHA256SUMS` in the ledger's folder says the same as `differences`. A user's own ledger has no sums: nothing is published
from it, and its files may be deleted at will.
"""

import contextlib
import hashlib
import os
import re
import stat
from collections import defaultdict
from collections.abc import Collection, Iterator
from pathlib import Path

import filelock

from tinylm import files
from tinylm.config import TinylmError

SUMS = "SHA256SUMS"
LOCK = ".SHA256SUMS.lock"  # ignored by git
PATIENCE = 60.0  # seconds that a writer waits for another one, which needs a hundredth of one
MAX_BYTES = 32 << 20  # what a record of the most validations that a run may have stays below
LINE = re.compile("([0-9a-f]{64}) [ *](.+)")
NAME = 66  # where the name begins in a line


class LedgerError(TinylmError):
    """A record that cannot be read or written."""


def text_of(path: Path) -> str:
    """A file's text; LedgerError where it is no regular file or too large for a ledger, OSError and UnicodeDecodeError as for any file."""
    about = path.stat()
    if not stat.S_ISREG(about.st_mode):
        raise LedgerError("not a regular file")
    if about.st_size > MAX_BYTES:
        raise LedgerError(f"too large for a ledger: {about.st_size:,} bytes")
    return path.read_text(encoding="utf-8")


def write_text(path: Path, text: str) -> None:
    """Write a file, which is never half there, and its folder; LedgerError when it cannot be written."""
    with _named_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with files.written(path) as new:
            new.write_text(text, encoding="utf-8", newline="\n")  # the same bytes on every system, as their sum needs


@contextlib.contextmanager
def _named_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise LedgerError(f"cannot write {path}: {error.strerror}; make the folder writable or free some space") from error


def store(path: Path, text: str) -> None:
    """Write a file of a ledger, a published one with its line in SHA256SUMS; LedgerError when one of them cannot be written.

    The line comes first: a process killed between the two leaves a run that counts as missing, so that it is trained again and its line
    written anew. The other way round the file would stay without its line for good.
    """
    place = Path(os.path.abspath(path))
    if not place.is_relative_to(files.LEDGER):
        return write_text(path, text)
    name = place.relative_to(files.LEDGER).as_posix()
    with _locked(files.LEDGER):
        before = _lines(files.LEDGER)
        _write_lines(files.LEDGER, _replaced(before, {name: hashlib.sha256(text.encode()).hexdigest()}))
        try:
            write_text(path, text)
        except BaseException:
            _write_lines(files.LEDGER, before)
            raise


def differences(folder: Path) -> dict[str, str]:
    """What is wrong with the files of a ledger by its sums, by their names: changed, missing or unlisted.

    Empty for a ledger without sums, which only the published one must have.
    """
    found = listed(folder)
    sums: dict[str, set[str]] = defaultdict(set)
    problems = {}
    if not (folder / SUMS).is_file():
        if not found or folder.absolute() != files.LEDGER:
            return {}
        problems[SUMS] = "missing: the published ledger needs it"
    for number, line in enumerate(_lines(folder), start=1):
        if match := LINE.fullmatch(line):
            sums[match[2]].add(match[1])
        else:
            problems[SUMS] = f"changed: its line {number} is no sum and name of a file"
    for name in sorted(found.keys() | sums.keys()):
        if name not in found:
            problems[name] = f"missing: {SUMS} names it"
        elif name not in sums:
            problems[name] = f"unlisted: {SUMS} does not name it"
        elif {_digest(found[name])} != sums[name]:
            problems[name] = f"changed: its sum is not the one in {SUMS}"
    return problems


def accept(folder: Path, names: Collection[str]) -> None:
    """Take the named files of a ledger as they are now: their lines in SHA256SUMS are written anew, those of missing files go."""
    with _locked(folder):
        found = listed(folder)
        lines = [line for line in _lines(folder) if LINE.fullmatch(line)]
        _write_lines(folder, _replaced(lines, {name: _digest(found[name]) if name in found else "" for name in names if name != SUMS}))


def listed(folder: Path) -> dict[str, Path]:
    """The files of a ledger that its sums are of, by the names that they have there: all but the sums and what writers leave behind."""
    paths = (path for path in sorted(folder.rglob("*")) if not path.is_dir())
    names = {path.relative_to(folder).as_posix(): path for path in paths if not path.name.endswith((".lock", ".tmp"))}
    return {name: path for name, path in names.items() if name != SUMS}


def _digest(path: Path) -> str:
    """The sha256 of a file, "" for one that cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
    except OSError:
        return ""


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Let no other process write the sums of a ledger; LedgerError where one keeps them too long, or the folder cannot be written."""
    lock = filelock.FileLock(folder / LOCK, timeout=PATIENCE)
    with _named_errors(folder / SUMS):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire()
        except filelock.Timeout as error:
            raise LedgerError(f"another process has been writing into {folder} for {PATIENCE:.0f} s; end it and repeat") from error
    try:
        yield
    finally:
        lock.release()


def _lines(folder: Path) -> list[str]:
    try:
        text = (folder / SUMS).read_text(encoding="utf-8", errors="surrogateescape")
    except FileNotFoundError:
        return []
    return list(filter(None, text.split("\n")))


def _replaced(lines: list[str], sums: dict[str, str]) -> list[str]:
    """The lines with those of some files replaced, in the order of names; a file without a sum has no line."""
    new = [f"{digest}  {name}" for name, digest in sums.items() if digest]
    return sorted([line for line in lines if line[NAME:] not in sums] + new, key=lambda line: line[NAME:])


def _write_lines(folder: Path, lines: list[str]) -> None:
    with _named_errors(folder / SUMS), files.written(folder / SUMS) as new:
        new.write_bytes("".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape"))
