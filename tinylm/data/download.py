"""Download the published corpora: resumed, checked and renamed into place only when whole."""

import functools
import hashlib
import http.client
import json
import ssl
import time
import urllib.error
import urllib.request
from pathlib import Path

from tqdm import tqdm

from tinylm import files
from tinylm.config.errors import instead
from tinylm.data.base import DataError

CHUNK = 1 << 16
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

    A connection silent for `timeout` seconds is dropped; each file is asked for `attempts` times, after pauses of `pause`, 2 `pause`,
    4 `pause` ... seconds, and resumes where it stopped, also in a later call. Progress goes to stderr. Raises DataError when the name
    has no files to download, a file there is not the published one, the server does not deliver, or the disk cannot be written.
    """
    entry = manifest()["corpora"].get(name)
    if entry is None:
        raise DataError(f"there is nothing to download for {name!r}; {instead(name, manifest()['corpora'], 'there are:')}")
    folder = Path(target_dir or files.DATASETS).expanduser() / entry["folder"]
    about = manifest()["folders"][entry["folder"]]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        missing = [split for split in about["splits"].values() if not _is_whole(folder / split["file"], split["sha256"])]
        fetch = functools.partial(_fetch, timeout=timeout, attempts=attempts, pause=pause)
        if missing and "source" in about:
            _cut(folder, fetch(folder / "source.txt", about["source"]), missing)
        else:
            for split in missing:
                fetch(folder / split["file"], split)
    except OSError as error:
        raise DataError(f"cannot write {error.filename or folder} ({error.strerror}); free some space or choose another folder") from error
    return folder


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


def _receive(url: str, part: Path, size: int, timeout: float) -> None:
    """Append what is missing of `size` bytes to `part`, or start anew where the server ignores the range asked for."""
    have = part.stat().st_size if part.exists() else 0
    if have == size:
        return
    headers = {"User-Agent": "tinylm"} | ({"Range": f"bytes={have}-"} if 0 < have < size else {})
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=timeout) as response:
        resumed = response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        start, mode = (have, "ab") if resumed else (0, "wb")
        with part.open(mode) as file, tqdm(total=size, initial=start, unit="B", unit_scale=True, desc=part.stem, disable=None) as bar:
            while file.tell() <= size and (chunk := response.read1(CHUNK)):
                file.write(chunk)
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
