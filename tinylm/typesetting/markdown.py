"""Pandoc's tree of a piece of Markdown -> one that it writes as our Typst: formulas set, links resolved to references and citations."""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Protocol

from pandocfilters import Link, Space, Str, stringify, walk

from tinylm.config.links import SCHEME, is_safe
from tinylm.typesetting.bibliography import Work
from tinylm.typesetting.errors import ReportError
from tinylm.typesetting.pandoc import Node, corrected
from tinylm.typesetting.typstsyntax import literal, raw_inline

CITATION = re.compile(r"\(.+ \d{4}\)")
PUNCTUATION = re.compile(r"[.,;:)]*")
MINUS = re.compile(r"(?<![\w.)\]])-(?=[\d.])")


class Links(Protocol):
    """Where links lead; each method gives None where that is elsewhere."""

    def work(self, address: str) -> Work | None:
        """The work of the bibliography that has the address."""

    def label(self, address: str) -> str | None:
        """The Typst label of a section, a figure or a table; ReportError where there is none."""


def headings(blocks: list[Node]) -> list[Node]:
    """The headings among the blocks."""
    return [block for block in blocks if block["t"] == "Header"]


def set_label(heading: Node, label: str) -> None:
    """Give a heading the Typst label that references lead to."""
    heading["c"][1][0] = label


def words(heading: Node) -> str:
    """A heading's words without markup."""
    return stringify(heading["c"][2])


def formulas(tree: Any) -> list[str]:
    """The TeX of every formula in a tree."""
    return [node["c"][1] for nodes in _lists(tree) for node in nodes if _is(node, "Math")]


def tie(tree: list) -> None:
    """Move the punctuation behind an inline formula into its node, so that no line of the page begins with it."""
    for nodes in _lists(tree):
        for formula, text in pairwise(nodes):
            if _is(formula, "Math") and formula["c"][0]["t"] == "InlineMath" and _is(text, "Str"):
                mark = PUNCTUATION.match(text["c"])[0]
                formula["c"].append(mark)
                text["c"] = text["c"].removeprefix(mark)


def as_line(text: str) -> str:
    """Markdown whose beginning cannot make a heading, a list or a quotation; for captions and cells."""
    return f"x {text.strip()}"


def line(blocks: list[Node], links: Links) -> list[Node]:
    """The inlines of what `as_line` made, resolved; raises ReportError where it is more than a paragraph."""
    if [block["t"] for block in blocks] != ["Para"]:
        raise ReportError(f"{stringify(blocks)[2:]!r} is more than a line of text")
    return resolved(blocks[0]["c"][2:], links)


def resolved(tree: list[Node], links: Links) -> list[Node]:
    """The tree as Pandoc shall write it; raises ReportError for what the report cannot show."""
    return walk(tree, _Filter(links), "typst", {})


def _plain(inlines: list[Node]) -> str:
    return " ".join(stringify(inlines).split())


def _is(node: Any, kind: str) -> bool:
    return isinstance(node, dict) and node.get("t") == kind


def _lists(tree: Any) -> Iterator[list]:
    """Every list in a tree; those of inlines are among them."""
    inside = tree.get("c") if isinstance(tree, dict) else tree
    if isinstance(inside, list):
        yield inside
        for part in inside:
            yield from _lists(part)


class _Filter:
    """What to put in the place of a node: nodes, or None to go on inside it. Inline Typst ends in `;`, or would go on in the text."""

    def __init__(self, links: Links) -> None:
        self.links = links

    def __call__(self, kind: str, value: Any, *_: Any) -> Node | list[Node] | None:
        if kind in ("Emph", "Strong", "Strikeout"):
            return [{"t": kind, "c": value}, raw_inline(";")]
        replace = getattr(self, f"_on_{kind.lower()}", None)
        return replace(value) if replace else None

    def _on_str(self, text: str) -> list[Node]:
        first, *others = MINUS.sub("−", text).split("-?")  # a soft hyphen to Typst, which Pandoc forgets
        return [Str(first), *(node for other in others for node in (raw_inline("-\\?"), Str(other)))]

    def _on_math(self, value: list) -> list[Node]:
        kind, source, tail = value if len(value) == 3 else (*value, "")
        tex = source.strip()
        if r"\label" in tex:
            raise ReportError(f"a label in the formula {tex[:60]!r}: Jupyter shows no number; refer to formulas in words")
        options = f"block: {literal(kind['t'] == 'DisplayMath')}, alt: {literal(' '.join(tex.split()))}"
        formula = [raw_inline(f"#math.equation({options}, "), {"t": "Math", "c": [kind, corrected(tex)]}, raw_inline(");")]
        return [raw_inline("#tied["), *formula, Str(tail), raw_inline("];")] if tail else formula

    def _on_cite(self, value: list) -> None:
        forms = "[(Bhatti 2025)](address in references.bib), [Figure loss](../figures/loss.svg), [02_models](02_models.ipynb)"
        raise ReportError(f"{stringify(value[1])!r} shows as it is in Jupyter; write a link, as {forms}")

    def _on_link(self, value: list) -> list[Node]:
        attributes, inside, (address, title) = value
        if not is_safe(address):
            raise ReportError(f"a link to {address[:60]!r}: an address begins with https://, http:// or mailto:, or is a file's")
        if work := self.links.work(address):
            return self._cited(work, inside)
        if CITATION.fullmatch(words := _plain(inside)):
            raise ReportError(f"no work in references.bib has the address {address} of {words}; correct it or add the work")
        if label := self.links.label(address):
            return [raw_inline(f"#ref(label({literal(label)}));")]
        if not SCHEME.match(address):  # relative to the notebook, so it leads nowhere from the report
            return resolved(inside, self.links)
        return [Link(attributes, resolved(inside, self.links), [address, title]), raw_inline(";")]

    def _cited(self, work: Work, inside: list[Node]) -> list[Node]:
        """The work's number in the place of a citation, behind other words."""
        number, words = raw_inline(f"#cite(label({literal(work.key)}));"), _plain(inside)
        if words == f"({work.name})":
            return [number]
        if CITATION.fullmatch(words):
            raise ReportError(f"{words} is cited by the address of another work; write {work.citation}")
        return [*resolved(inside, self.links), Space(), number]

    def _on_image(self, value: list) -> None:
        raise ReportError(f"the Markdown image {value[2][0]!r}: display it with tl.display.figure from a code cell")

    def _on_table(self, _: list) -> None:
        raise ReportError("a Markdown table: display it with tl.display.table from a code cell")

    def _on_rawinline(self, value: list[str]) -> list[Node]:
        language, source = value
        if language == "tex":
            raise ReportError(f"{source[:60]!r} is TeX outside of $ ... $ or $$ ... $$; each formula needs its own pair")
        if language == "html" and not source.startswith("<!--"):
            raise ReportError(f"{source[:60]!r} is HTML, which the PDF cannot show; write Markdown, or `backticks` around a name")
        return []

    _on_rawblock = _on_rawinline
