"""The works that notebooks may cite by a link to their address: what a BibTeX file says of each."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinylm.typesetting import pandoc
from tinylm.typesetting.errors import ReportError


@dataclass(frozen=True, kw_only=True)
class Work:
    """A work: its key in the file, what a reader of a notebook sees of it (`Merity et al. 2018`), and where it is."""

    key: str
    name: str
    address: str

    @property
    def citation(self) -> str:
        """The Markdown that cites it; the report shows its number instead."""
        return f"[({self.name})]({self.address})"


def read_works(path: Path) -> list[Work]:
    """The works of a BibTeX file; ReportError where it is not there, or where one has no address or that of another."""
    if not path.is_file():
        raise ReportError(f"bibliography {path} not found")
    works = [_work(entry) for entry in json.loads(pandoc.convert(path.read_text(encoding="utf-8"), "bibtex", "csljson"))]
    known: dict[str, str] = {}
    for work in works:
        if not work.address:
            raise ReportError(f"{path.name}: {work.key} has no address; give it url = {{https://...}}, which notebooks cite it by")
        if work.address in known:
            raise ReportError(f"{path.name}: {known[work.address]} and {work.key} have one address, {work.address}; correct one")
        known[work.address] = work.key
    return works


def _work(entry: dict[str, Any]) -> Work:
    names = [author.get("family") or author["literal"] for author in entry["author"]]  # a team has no family name, `and others` is literal
    several = f"{names[0]} et al." if len(names) > 2 or "others" in names else " and ".join(names)
    year = entry["issued"]["date-parts"][0][0]
    return Work(key=entry["id"], name=f"{several} {year}", address=entry.get("URL", ""))
