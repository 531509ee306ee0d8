"""Run records in one tar file, to carry them between machines: the same records give the same bytes, and reading trusts nothing."""

import io
import os
import re
import tarfile
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tinylm import files, ledger
from tinylm.config import TinylmError, shown
from tinylm.ledger import LedgerError, RunRecord, verify
from tinylm.ledger.storage import MAX_BYTES

RECORD_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*-s[0-9]+-([0-9a-f]{16})\.json")
SECTION_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")
END = bytes(2 * tarfile.BLOCKSIZE)  # two blocks of zeros end a tar

# What tarfile raises on a bad header.
DAMAGED = (tarfile.TarError, ValueError, OSError, EOFError, OverflowError, MemoryError, RecursionError)


class BundleError(TinylmError):
    """A tar of records that cannot be read or written."""


@dataclass(frozen=True)
class Entry:
    """A member of a tar: its name, the section and record in it, or the problem that keeps it out."""

    name: str
    section: str = ""
    record: RunRecord | None = None
    problem: str = ""


@dataclass(frozen=True)
class Merged:
    """What became of an entry: `added`, `replaced` (what was there was stale or broken), `kept` (it was there), `differs` or `refused`."""

    name: str
    action: str
    reason: str = ""


def pack(records: Iterable[tuple[str, RunRecord]], file: Path) -> None:
    """Write (section, record) pairs as SECTION/FILE members, sorted, without times or owners.

    BundleError when the file cannot be written, and where something is there that is no such bundle: it is never replaced. Whatever
    happens, FILE is the old one or the new one, whole.
    """
    _require_replaceable(file)
    members = {f"{section}/{ledger.file_name(r.spec)}": ledger.to_json(ledger.kept(r, section)).encode() for section, r in records}
    try:
        with files.written(file) as new, new.open("wb") as stream:
            with tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as tar:
                for name, content in sorted(members.items()):
                    member = tarfile.TarInfo(name)  # its mtime, uid and gid are 0
                    member.size = len(content)
                    tar.addfile(member, io.BytesIO(content))
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        raise BundleError(f"cannot write {file}: {error.strerror}; choose a file in an existing, writable folder with space") from error


def _require_replaceable(file: Path) -> None:
    """BundleError unless nothing is there, or a plain file that holds nothing but records."""
    try:
        if not os.path.lexists(file):
            return
        if not file.is_file():
            raise BundleError(f"{file} is not a plain file; name a new one, such as runs.tar")
        with file.open("rb") as stream, tarfile.open(fileobj=stream, mode="r:") as tar:
            for member in tar:
                _place(member)
    except OSError as error:
        raise BundleError(f"cannot write {file}: {error.strerror}; choose a file in an existing, writable folder with space") from error
    except (*DAMAGED, LedgerError) as error:
        raise BundleError(f"{file} is there and is no bundle of run records ({error}); name another file, or move this one away") from error


def entries(file: Path) -> Iterator[Entry]:
    """The members of a tar that are files, each a valid record or a problem; a tar that is cut or damaged ends in a problem.

    BundleError when the file is none that can be opened as a tar. Nothing is extracted: a member's path only gives its section.
    """
    try:
        if file.exists() and not file.is_file():
            raise BundleError(f"{file} is not a regular file; give a tar of records")
        stream = file.open("rb")
    except OSError as error:
        raise BundleError(f"cannot read {file}: {error.strerror}") from error
    with stream:
        try:
            tar = tarfile.open(fileobj=stream, mode="r:")  # noqa: SIM115 (closing it would close nothing: the stream is ours)
        except DAMAGED as error:
            raise BundleError(f"{file} is not a plain tar file ({error}); unpack a compressed one first") from error
        try:
            yield from (_entry(tar, member) for member in _members(tar) if not member.isdir())
            stream.seek(tar.offset)
            whole = stream.read(len(END)) == END
        except DAMAGED:
            whole = False
        if not whole:
            yield Entry(file.name, problem="the file is cut or damaged here, members may be missing; copy it again")


def _members(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """The members of a tar; TarError where one does not lie behind the one before, which a false size can make last for ever."""
    last = -1
    for member in tar:
        if member.offset <= last or tar.offset <= member.offset:
            raise tarfile.TarError("a member lies before the one before it")
        last = member.offset
        yield member


def _entry(tar: tarfile.TarFile, member: tarfile.TarInfo) -> Entry:
    title = shown.one_line(member.name)
    try:
        section, name = _place(member)
        stream = tar.extractfile(member)
        record = ledger.from_json(stream.read().decode("utf-8") if stream else "")
        if ledger.file_name(record.spec) != name:
            raise LedgerError(f"the record's own name is {ledger.file_name(record.spec)}")
        ledger.check_scores(record, section)
        verify.check(record)
    except (LedgerError, UnicodeDecodeError) as error:
        return Entry(title, problem=str(error))
    return Entry(title, section, record)


def _place(member: tarfile.TarInfo) -> tuple[str, str]:
    """A member's section and file name; LedgerError unless it is a regular file named and sized like a record."""
    path = PurePosixPath(member.name)
    if not member.isreg() or member.issparse():
        raise LedgerError("not a regular file")
    if path.is_absolute() or ".." in path.parts:
        raise LedgerError("its path leaves the folder")
    section = path.parent.name
    if not RECORD_NAME.fullmatch(path.name) or (section and not SECTION_NAME.fullmatch(section)):
        raise LedgerError("not named like a record, SECTION/CORPUS-KIND-sSEED-KEY.json")
    if member.size > MAX_BYTES:
        raise LedgerError(f"too large for a record: {member.size:,} bytes")
    return section, path.name


def merge(file: Path, into: Path, apart: Path | None = None, keys: Container[str] = ()) -> list[Merged]:
    """Write the tar's records into `into/SECTION`, those with one of the `keys` into `apart/SECTION`; say what became of each member.

    A record that is in either folder stays, unless it is stale or broken; a stale one is never added.
    """
    paths = (path for folder in (into, apart) if folder for path in folder.glob("**/*.json"))
    present = {match[1]: path for path in paths if (match := RECORD_NAME.fullmatch(path.name))}
    return [_merge(entry, apart if apart and _key(entry) in keys else into, present) for entry in entries(file)]


def _key(entry: Entry) -> str:
    return entry.record.spec.key if entry.record else ""


def _merge(entry: Entry, into: Path, present: dict[str, Path]) -> Merged:
    if entry.record is None:
        return Merged(entry.name, "refused", entry.problem)
    if entry.record.is_stale:
        return Merged(entry.name, "refused", f"stale: made by {entry.record.version}; train it again")
    old = present.get(entry.record.spec.key)
    if old is None:
        present[entry.record.spec.key] = ledger.write(entry.record, into / entry.section)
        return Merged(entry.name, "added")
    try:
        there = ledger.read(old)
    except LedgerError:
        return _replace(entry.record, old, Merged(entry.name, "replaced", "what was there is broken"))
    if there.is_stale:
        return _replace(entry.record, old, Merged(entry.name, "replaced", f"what was there is stale, made by {there.version}"))
    if ledger.to_json(there) == ledger.to_json(entry.record):
        return Merged(entry.name, "kept")
    return Merged(entry.name, "differs", f"{old} holds another outcome of the same run and stays; delete it to take this one")


def _replace(record: RunRecord, old: Path, merged: Merged) -> Merged:
    ledger.write(record, old.parent)
    return merged
