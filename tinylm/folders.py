"""A folder that is whole or not there."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path


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
