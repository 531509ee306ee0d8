"""Where things are, from the repository's root, whatever the working directory; and files and folders that are whole or not there."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PRETRAINED = ROOT / "tinylm" / "evaluation" / "pretrained"
DATASETS = ROOT / "datasets"
NOTEBOOKS = ROOT / "notebooks"
FIGURES = ROOT / "figures"
DOCS = ROOT / "docs"
LEDGER = DOCS / "ledger"
OUT = ROOT / "out"
LOCAL_LEDGER = OUT / "ledger"
CHECKPOINTS = OUT / "checkpoints"
WEIGHTS = OUT / "weights"
TEXTS = OUT / "texts"


def ledgers() -> tuple[Path, Path]:
    """The folders that records are looked up in: the published ledger, then that of this machine."""
    return LEDGER, LOCAL_LEDGER


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
