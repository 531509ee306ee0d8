"""What can be referred to, and what a reference means in the chapter that makes it.

`@fig:name`, `@tbl:name` and `@eq:name` hold for the whole document. `@sec:name` is a notebook (its file name without the number);
`@sec:name/appendix` is what of it stands in the appendix, `@sec:name/heading` a heading inside it, for which the same notebook may say
`@sec:heading`, and so may others as long as only one has it.
"""

import difflib
import re
from collections.abc import Iterable
from pathlib import Path

from tinylm.typesetting.errors import Place, ReportError


def slug(text: str) -> str:
    """The heading's words in lower case, joined by hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "section"


def to_label(key: str) -> str:
    """The key as a Typst label that is also an address inside the HTML page: `sec:data/method` -> `sec-data--method`."""
    return key.replace(":", "-").replace("/", "--")


class Labels:
    """Every label of the document and every citation key of its bibliography."""

    def __init__(self, citations: Iterable[str] = ()) -> None:
        self.citations = frozenset(citations)
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
        self.chapters[file] = f"sec:{name}"

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
    """Resolves references, citations and links made in one chapter."""

    def __init__(self, labels: Labels, chapter: str) -> None:
        self.labels, self.chapter = labels, chapter

    def reference(self, key: str) -> str:
        """The label that a key means here; raises ReportError where none or several fit."""
        known = self.labels.places
        kind, _, name = key.partition(":")
        for candidate in (f"{kind}:{self.chapter}/{name}", key):
            if candidate in known:
                return to_label(candidate)
        elsewhere = [k for k in known if kind == "sec" and k.endswith(f"/{name}")]
        if len(elsewhere) > 1:
            raise ReportError(f"@{key} could mean {' or '.join('@' + k for k in elsewhere)}; write one of them")
        if elsewhere:
            return to_label(elsewhere[0])
        raise ReportError(f"nothing is labelled @{key}{_nearest(key, known)}")

    def citation(self, key: str) -> str:
        """The key itself; raises ReportError where the bibliography lacks it."""
        if key not in self.labels.citations:
            raise ReportError(f"no work [@{key}] in the bibliography{_nearest(key, self.labels.citations)}; add it to references.bib")
        return key

    def link(self, url: str) -> str | None:
        """The label of the notebook a relative address leads to, or None."""
        key = self.labels.chapters.get(Path(url.partition("#")[0]).name)
        return None if key is None or ":" in url else to_label(key)


def _nearest(key: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(key, list(known), n=3, cutoff=0.5)
    return f"; near it: {', '.join(near)}" if near else ""
