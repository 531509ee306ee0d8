"""Download the published corpora: resumed, checked and renamed into place only when whole."""

import contextlib
import functools
import hashlib
import http.client
import json
import ssl
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import filelock
from tqdm import tqdm

from tinylm import files
from tinylm.config.errors import instead
from tinylm.data.base import DataError

CHUNK = 1 << 16
LEAST_RATE = 2_000  # bytes a second, on average: below it a server is given up
LOCK = ".download.lock"
NETWORK_ERRORS = (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError, ssl.SSLError)
WORTH_RETRYING = (408, 416, 425, 429, 500, 502, 503, 504)


def manifest() -> dict:
    """What is published of the corpora: `folders` (files, addresses, licences) and `corpora` (level and sizes by name)."""
    return _read_manifest(files.MANIFEST)


@functools.cache
def _read_manifest(path: Path) -> dict:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}); restore it from the repository, or install tinylm again") from None


def download(name: str, target_dir: str | Path | None = None, *, timeout: float = 30.0, attempts: int = 4, pause: float = 0.5) -> Path:
    """Fetch the files of a corpus that `target_dir` (datasets/ unless given) lacks, and return the corpus's folder.

    A connection that gives nothing for `timeout` seconds, or less than LEAST_RATE from then on, is dropped; each file is asked for
    `attempts` times, after pauses of `pause`, 2 `pause`, 4 `pause` ... seconds, and resumes where it stopped, also in a later call.
    Progress goes to stderr. Raises DataError when the name has no files to download, a file there is not the published one, the server
    does not deliver, or the disk cannot be written.
    """
    entry = manifest()["corpora"].get(name)
    if entry is None:
        raise DataError(f"there is nothing to download for {name!r}; {instead(name, manifest()['corpora'], 'there are:')}")
    folder = Path(target_dir or files.DATASETS).expanduser() / entry["folder"]
    about = manifest()["folders"][entry["folder"]]
    try:
        if _missing(folder, about):
            with _alone_in(folder):
                _complete(folder, about, functools.partial(_fetch, timeout=timeout, attempts=attempts, pause=pause))
    except OSError as error:
        raise DataError(f"cannot write {error.filename or folder} ({error.strerror}); free some space or choose another folder") from error
    return folder


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """One process at a time downloads into a folder, which is made; others wait, and then find what is there."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = folder / LOCK
    with filelock.FileLock(lock):
        yield
        lock.unlink(missing_ok=True)  # all is there by now, so that who still waits for this one has nothing to do


def _complete(folder: Path, about: dict, fetch: Callable[[Path, dict], Path]) -> None:
    """Fetch what a folder lacks of a corpus."""
    missing = _missing(folder, about)
    if missing and "source" in about:
        _cut(folder, fetch(folder / "source.txt", about["source"]), missing)
    else:
        for split in missing:
            fetch(folder / split["file"], split)


def _missing(folder: Path, about: dict) -> list[dict]:
    """The splits of a corpus whose files are not in a folder."""
    return [split for split in about["splits"].values() if not _is_whole(folder / split["file"], split["sha256"])]


def _is_whole(path: Path, sha256: str) -> bool:
    """Whether the published file is there; another file in its place raises DataError, since it may be somebody's only copy."""
    if not path.exists():
        return False
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != sha256:
        raise DataError(
            f"{path} is not the published file: expected sha256 {sha256}, found {found}; delete it or move it away, then repeat"
        )
    return True


def _cut(folder: Path, source: Path, splits: list[dict]) -> None:
    """Write the splits of a corpus that is published as one text, then remove that text."""
    text = source.read_text(encoding="utf-8")
    for split in splits:
        start, stop = split["cut"]
        with files.written(folder / split["file"]) as new:
            new.write_bytes(text[start:stop].encode())
            _check(new, split["sha256"], str(source))
    source.unlink()


def _fetch(path: Path, entry: dict, *, timeout: float, attempts: int, pause: float) -> Path:
    """Receive one file beside its place as .part, which a later call goes on with; check it, rename it.

    Failures of the network are retried, a 404 is final.
    """
    part = path.with_name(path.name + ".part")
    for attempt in range(attempts):
        try:
            _receive(entry["url"], part, entry["bytes"], timeout)
            _check(part, entry["sha256"], entry["url"])
            return part.replace(path)
        except NETWORK_ERRORS as error:
            reason = _reason(error, part, entry["url"])
            if attempt + 1 < attempts:
                time.sleep(pause * 2**attempt)
    raise DataError(f"{entry['url']} did not arrive in {attempts} attempts: {reason}; repeat the command to resume it")


def _reason(error: Exception, part: Path, url: str) -> str:
    """Why an attempt failed, in words; an answer that no repetition changes raises DataError."""
    if not isinstance(error, urllib.error.HTTPError):
        return str(getattr(error, "reason", error)) or type(error).__name__
    error.close()
    if error.code == 416:  # the .part is no beginning of the server's file
        part.unlink(missing_ok=True)
    if error.code not in WORTH_RETRYING:
        raise DataError(f"{url} answers {error.code} {error.reason}; fetch the text elsewhere, its sha256 is in {files.MANIFEST}") from None
    return f"HTTP {error.code} {error.reason}"


@dataclass
class _Reception:
    """How far a reception is, which runs in a thread of its own; `given_up` ends it."""

    received: int = 0
    given_up: bool = False
    error: BaseException | None = None


def _receive(url: str, part: Path, size: int, timeout: float) -> None:
    """Receive a file into `part`; TimeoutError for a server that gives less than LEAST_RATE, once `timeout` seconds are over.

    A timeout of the socket alone begins anew with every byte, and headers may come a byte at a time too.
    """
    reception, started = _Reception(), time.monotonic()
    thread = threading.Thread(target=_receive_all, args=(reception, url, part, size, timeout), daemon=True)
    thread.start()
    try:
        while thread.is_alive():
            thread.join(min(1.0, timeout / 4))
            seconds = time.monotonic() - started
            if seconds > timeout and reception.received < LEAST_RATE * seconds and thread.is_alive():
                raise TimeoutError(f"only {reception.received:,} bytes came in {seconds:.0f} s")
    finally:
        reception.given_up = True  # also after Ctrl-C
    if reception.error:
        raise reception.error


def _receive_all(reception: _Reception, *request: Any) -> None:
    try:
        _append(reception, *request)
    except BaseException as error:
        reception.error = error


def _append(reception: _Reception, url: str, part: Path, size: int, timeout: float) -> None:
    """Append what is missing of `size` bytes to `part`, or start anew where the server ignores the range asked for."""
    have = part.stat().st_size if part.exists() else 0
    if have == size:
        return
    headers = {"User-Agent": "tinylm"} | ({"Range": f"bytes={have}-"} if 0 < have < size else {})
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=timeout) as response:
        resumed = response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        start, mode = (have, "ab") if resumed else (0, "wb")
        if reception.given_up:
            return
        with part.open(mode) as file, tqdm(total=size, initial=start, unit="B", unit_scale=True, desc=part.stem, disable=None) as bar:
            while file.tell() <= size and (chunk := response.read1(CHUNK)) and not reception.given_up:
                file.write(chunk)
                reception.received += len(chunk)
                bar.update(len(chunk))
    if part.stat().st_size < size:
        raise ConnectionError(f"the connection closed after {part.stat().st_size:,} of {size:,} bytes")


def _check(part: Path, sha256: str, origin: str) -> None:
    """Remove a file that is not the published one, and raise DataError."""
    found = hashlib.sha256(part.read_bytes()).hexdigest()
    if found != sha256:
        part.unlink()
        raise DataError(
            f"{origin} gave another file than published: expected sha256 {sha256}, found {found}; what arrived was removed, repeat"
        )
