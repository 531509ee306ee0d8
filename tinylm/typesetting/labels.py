"""What can be referred to and cited, both by links that Jupyter shows and follows, and that the report turns into numbers.

`../figures/NAME.svg` is the figure of that name, `../figures/NAME.csv` a table, `02_models.ipynb` a notebook's section,
`02_models.ipynb#The-method` a heading inside it, `#The-method` one of the same notebook. `#appendix` is what of it stands in the appendix.
The address of a work of the bibliography cites it.
"""

import difflib
import re
from collections.abc import Iterable
from pathlib import PurePosixPath
from urllib.parse import unquote

from tinylm.config.links import SCHEME
from tinylm.typesetting.bibliography import Work
from tinylm.typesetting.errors import Place, ReportError

PUBLISHED = re.compile(r"(?:.*/)?figures/([^/]+)\.(?:svg|png|csv)")


def slug(text: str) -> str:
    """The heading's words in lower case, joined by hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "section"


def to_label(key: str) -> str:
    """The key as a Typst label that is also an address inside the HTML page: `sec:data/method` -> `sec-data--method`."""
    return key.replace(":", "-").replace("/", "--")


class Labels:
    """Every label of the document and every work of its bibliography."""

    def __init__(self, works: Iterable[Work] = ()) -> None:
        self.works = {work.address: work for work in works}
        self.places: dict[str, Place] = {}
        self.chapters: dict[str, str] = {}

    def define(self, key: str, place: Place) -> None:
        """Reserve a key; raises ReportError naming both places when it is taken."""
        if not re.fullmatch(r"[a-z]+:[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)?", key):
            raise ReportError(f"label {key!r}: write kind:name with letters, digits, - and _")
        if key in self.places:
            raise ReportError(f"label {key} is used twice, first in {self.places[key]}; rename one")
        self.places[key] = place

    def define_chapter(self, name: str, file: str, place: Place) -> None:
        """Reserve a notebook's own key and let links to its file lead to its section."""
        self.define(f"sec:{name}", place)
        self.chapters[file] = name

    def define_heading(self, chapter: str, text: str, place: Place) -> str:
        """Reserve a heading's key; a second heading of the same words gets -2 behind it, a third -3. Returns the key."""
        base = f"sec:{chapter}/{slug(text)}"
        key, count = base, 1
        while key in self.places:
            count += 1
            key = f"{base}-{count}"
        self.define(key, place)
        return key

    def within(self, chapter: str) -> "Scope":
        """The labels as seen from one chapter."""
        return Scope(self, chapter)


class Scope:
    """Says what the links of one chapter lead to."""

    def __init__(self, labels: Labels, chapter: str) -> None:
        self.labels, self.chapter = labels, chapter

    def work(self, address: str) -> Work | None:
        """The work that is cited by a link to an address."""
        return self.labels.works.get(address)

    def label(self, address: str) -> str | None:
        """The label of what an address leads to in this document, None where that is elsewhere.

        Raises ReportError for a figure, a table or a heading that there is not.
        """
        if SCHEME.match(address):
            return None
        path, _, heading = unquote(address).partition("#")
        if found := PUBLISHED.fullmatch(path):
            return self._known(address, f"fig:{found[1]}", f"tbl:{found[1]}")
        chapter = self.labels.chapters.get(PurePosixPath(path).name) if path else self.chapter
        if chapter is None:
            return None
        return self._known(address, f"sec:{chapter}/{slug(heading)}" if heading else f"sec:{chapter}")

    def _known(self, address: str, *keys: str) -> str:
        found = [key for key in keys if key in self.labels.places]
        if not found:
            raise ReportError(f"nothing is at {address}{_nearest(keys[0], self.labels.places)}")
        return to_label(found[0])


def _nearest(key: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(key, list(known), n=3, cutoff=0.5)
    return f"; near it: {', '.join(near)}" if near else ""
