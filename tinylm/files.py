"""Where things are, whatever the working directory; and files and folders that are whole or not there.

In a clone everything lies below its root. An installed package reads what is published from its own data, and what it writes goes to a
folder of the user's.
"""

import contextlib
import os
import tempfile
from collections.abc import Iterator
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


@contextlib.contextmanager
def written(target: Path) -> Iterator[Path]:
    """A path beside `target` to write a file to, renamed to it at the end: a reader sees the old file or the new one, whole.

    It is removed where that fails. OSError where it cannot be renamed, as where there is no such folder.
    """
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        temporary.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


@contextlib.contextmanager
def fresh(target: Path) -> Iterator[Path]:
    """A new folder to fill, renamed to `target` at the end, so that a reader or a second writer sees all of it or nothing.

    OSError where it cannot be written, or where `target` holds something by then.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".new-", ignore_cleanup_errors=True) as new:
        folder = Path(new) / target.name
        folder.mkdir()
        yield folder
        folder.rename(target)
