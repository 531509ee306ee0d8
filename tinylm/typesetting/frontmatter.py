"""Who wrote the report, when, and under which title: a small TOML file."""

import datetime
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path

from tinylm.config.errors import unknown
from tinylm.typesetting.errors import ReportError


@dataclass(frozen=True, kw_only=True)
class FrontMatter:
    """The lines above the abstract; the date is also the PDF's time stamp, so that the same notebooks give the same bytes."""

    title: str
    authors: tuple[str, ...]
    date: datetime.date
    keywords: tuple[str, ...] = ()

    @property
    def written_date(self) -> str:
        """The date as readers write it: 5 January 2026."""
        return f"{self.date.day} {self.date:%B %Y}"

    @property
    def timestamp(self) -> int:
        """Midnight of the date, UTC, in seconds since 1970."""
        return int(datetime.datetime.combine(self.date, datetime.time(), datetime.UTC).timestamp())


def read_front_matter(path: Path) -> FrontMatter:
    """The front matter in a TOML file; raises ReportError naming the line that is absent or unfit."""
    if not path.is_file():
        raise ReportError(f"{path} not found; it holds title, authors, date and keywords of the report")
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ReportError(f"{path}: {error}") from None
    known = [f.name for f in fields(FrontMatter)]
    for name in entries:
        if name not in known:
            raise ReportError(f"{path}: {unknown('entry', name, known)}")
    for name, fits, form in (
        ("title", lambda v: isinstance(v, str) and v.strip(), 'title = "..."'),
        ("authors", lambda v: _texts(v) and v, 'authors = ["..."]'),
        ("date", lambda v: type(v) is datetime.date, "date = 2026-01-31"),
        ("keywords", lambda v: v is None or _texts(v), 'keywords = ["..."]'),
    ):
        if not fits(entries.get(name)):
            raise ReportError(f"{path}: write {form}")
    return FrontMatter(**{name: tuple(value) if isinstance(value, list) else value for name, value in entries.items()})


def _texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
