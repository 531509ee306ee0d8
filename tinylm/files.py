"""Where things are, whatever the working directory; and files and folders that are whole or not there.

In a clone everything lies below its root. An installed package reads what is published from its own data, and what it writes goes to a
folder of the user's.
"""

import contextlib
import itertools
import os
import platform
import re
import secrets
import shutil
import stat
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import platformdirs

PACKAGE = Path(__file__).resolve().parent
DATA = PACKAGE / "_data"  # made when a wheel is built (pyproject.toml); a clone has no such folder
IS_CLONE = not DATA.is_dir()


def user_folder() -> Path:
    """Where results go: the folder that TINYLM_HOME names, else out/ of a clone, else the system's place for a user's data."""
    if named := os.environ.get("TINYLM_HOME"):
        return Path(named).expanduser().absolute()
    return PACKAGE.parent / "out" if IS_CLONE else platformdirs.user_data_path("tinylm", appauthor=False)


PRETRAINED = PACKAGE / "evaluation" / "pretrained"
# Of a clone alone.
ROOT = PACKAGE.parent
NOTEBOOKS = ROOT / "notebooks"
FIGURES = ROOT / "figures"
DOCS = ROOT / "docs"
FIGURE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")  # of a figure or a table, which becomes a file's
# What is published.
LEDGER = (DOCS if IS_CLONE else DATA) / "ledger"
MANIFEST = (ROOT / "datasets" if IS_CLONE else DATA) / "manifest.json"
# The user's. Set when the module is loaded: TINYLM_HOME counts if it is set before.
OUT = user_folder()
DATASETS = (ROOT if IS_CLONE else OUT) / "datasets"
LOCAL_LEDGER = OUT / "ledger"
CHECKPOINTS = OUT / "checkpoints"
WEIGHTS = OUT / "weights"
TEXTS = OUT / "texts"
ARCHITECTURES = OUT / "architectures"


def ledgers() -> tuple[Path, Path]:
    """The folders that records are looked up in: the published ledger, then the user's."""
    return LEDGER, LOCAL_LEDGER


def study_ledger() -> Path:
    """The folder that takes new records of the published study: its own ledger in a clone, else the user's."""
    return LEDGER if IS_CLONE else LOCAL_LEDGER


MACHINE, PROCESS, _count = f"{zlib.crc32(platform.node().encode()):08x}", secrets.token_hex(4), itertools.count()
UNFINISHED = re.compile(r"\..*\.([0-9a-f]{8})-([0-9]+)-([0-9a-f]{8})-[0-9]+\.tmp")


def _unfinished(target: Path) -> Path:
    """A name beside `target` that no other process or thread takes, and that says whose it is."""
    return target.with_name(f".{target.name}.{MACHINE}-{os.getpid()}-{PROCESS}-{next(_count)}.tmp")


def is_special(path: Path) -> bool:
    """Whether it is a pipe, a device or a socket: reading one may never end."""
    try:
        kind = stat.S_IFMT(path.stat().st_mode)
    except (OSError, ValueError):
        return False
    return kind not in (stat.S_IFREG, stat.S_IFDIR)


@contextlib.contextmanager
def written(target: Path) -> Iterator[Path]:
    """A path beside `target` to write a file to, renamed to it at the end: a reader sees the old file or the new one, whole.

    Both are on the disk by then. It is removed where that fails. OSError where it cannot be renamed, as where there is no such folder.
    """
    temporary = _unfinished(target)
    try:
        yield temporary
        _flush(temporary)
        temporary.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    with contextlib.suppress(OSError):  # the file is in its place, and not every system opens a folder
        _flush(target.parent)


def _flush(path: Path) -> None:
    """Have a file or folder on the disk before anything that counts on it: a power cut must not leave a name without its content."""
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() or os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def fresh(target: Path) -> Iterator[Path]:
    """A new folder to fill, renamed to `target` at the end, so that a reader or a second writer sees all of it or nothing.

    OSError where it cannot be written, or where `target` holds something by then.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    remove_unfinished(target.parent)
    folder = _unfinished(target)
    folder.mkdir()
    try:
        yield folder
        folder.rename(target)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_unfinished(folder: Path) -> None:
    """Remove, in a folder and below, what processes of this machine were writing when they were killed."""
    _remove_left(folder.glob("**/.*.tmp"))


@contextlib.contextmanager
def scratch(purpose: str) -> Iterator[Path]:
    """A private folder among the system's temporary ones, removed at the end; those that killed processes left are removed first."""
    place = Path(tempfile.gettempdir())
    _remove_left(place.glob(f".tinylm-{purpose}.*.tmp"))
    folder = _unfinished(place / f"tinylm-{purpose}")
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _remove_left(paths: Iterable[Path]) -> None:
    for path in paths:
        found = UNFINISHED.fullmatch(path.name)
        if not found or found[1] != MACHINE or _is_running(int(found[2]), found[3]):
            continue
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                path.unlink()


def _is_running(number: int, process: str) -> bool:
    """Whether the process that took a name may still be there: its number may be another's by now, this one's among them."""
    if number == os.getpid():
        return process == PROCESS
    if os.name == "nt":  # where this question would end the process
        return True
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except OSError:  # somebody else's
        return True
    return True


def set_aside(path: Path) -> Path:
    """Rename a file or folder that cannot be used, so that another can take its place, and return its new name."""
    names = (path.with_name(f"{path.name}.bad{number or ''}") for number in itertools.count())
    return path.rename(next(name for name in names if not name.exists()))
