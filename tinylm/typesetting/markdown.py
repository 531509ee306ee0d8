"""Pandoc's tree of a piece of Markdown -> one that it writes as our Typst: formulas, @references, [@citations] and links resolved."""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Protocol

from pandocfilters import Link, Str, stringify, walk

from tinylm.typesetting.errors import ReportError
from tinylm.typesetting.pandoc import Node, corrected
from tinylm.typesetting.typstsyntax import literal, raw_inline

REFERENCE = re.compile(r"(fig|tbl|eq|sec):")
LABEL = re.compile(r"\\label\{([^}]*)\}")
PUNCTUATION = re.compile(r"[.,;:)]*")
MINUS = re.compile(r"(?<![\w.)\]])-(?=[\d.])")


class Links(Protocol):
    """Where references lead; each method raises ReportError for what does not exist."""

    def reference(self, key: str) -> str:
        """The Typst label of @key."""

    def citation(self, key: str) -> str:
        """The bibliography's name of [@key]."""

    def link(self, url: str) -> str | None:
        """The label of a section, where the address is that of its notebook."""


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


def split_label(tex: str) -> tuple[str, str | None]:
    """The formula without its label, and the label (`eq:name`) or None."""
    found = LABEL.search(tex)
    return (tex.strip(), None) if found is None else ((tex[: found.start()] + tex[found.end() :]).strip(), found[1])


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
        tex, label = split_label(source)
        display = kind["t"] == "DisplayMath"
        options = f"block: {literal(display)}, alt: {literal(' '.join(tex.split()))}" + (', numbering: "(1)"' if label else "")
        end = f") <{self.links.reference(label)}>" if label else ");"
        formula = [raw_inline(f"#math.equation({options}, "), {"t": "Math", "c": [kind, corrected(tex)]}, raw_inline(end)]
        return [raw_inline("#tied["), *formula, Str(tail), raw_inline("];")] if tail else formula

    def _on_cite(self, value: list) -> list[Node]:
        citations, source = value
        if any(citation["citationPrefix"] or citation["citationSuffix"] for citation in citations):
            raise ReportError(f"{stringify(source)!r}: put nothing but keys into a citation's brackets, and no brackets behind a reference")
        return [self._cited(citation["citationId"]) for citation in citations]

    def _cited(self, key: str) -> Node:
        if REFERENCE.match(key):
            return raw_inline(f"#ref(label({literal(self.links.reference(key))}));")
        return raw_inline(f"#cite(label({literal(self.links.citation(key))}));")

    def _on_link(self, value: list) -> list[Node]:
        attributes, inside, (url, title) = value
        if label := self.links.link(url):
            url = f"#{label}"
        elif not re.match(r"[a-z]+:", url):  # relative to the notebook, so it leads nowhere from the report
            return resolved(inside, self.links)
        return [Link(attributes, inside, [url, title]), raw_inline(";")]

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
