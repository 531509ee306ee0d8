"""The one error of the report, and how it learns where it happened."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tinylm.config import TinylmError


class ReportError(TinylmError):
    """A notebook that cannot become a section of the report; the message names the notebook, the cell and what to do."""


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Say what the system refuses within, such as a write into `folder`, as ReportError."""
    try:
        yield
    except OSError as error:
        problem = f"cannot write {error.filename or folder}: {error.strerror or error}"
        raise ReportError(f"{problem}; make it writable or free some space, then repeat the same command") from error


@dataclass(frozen=True)
class Place:
    """A cell of a notebook: its position counted from 1, text cells included, and how its source begins."""

    notebook: str
    cell: int
    beginning: str = ""

    def __str__(self) -> str:
        quoted = f" ({self.beginning!r})" if self.beginning else ""
        return f"{self.notebook}, cell {self.cell}{quoted}"

    @contextmanager
    def blamed(self) -> Iterator[None]:
        """Put this place before the message of any ReportError raised inside."""
        try:
            yield
        except ReportError as error:
            raise ReportError(f"{self}: {error}") from None
