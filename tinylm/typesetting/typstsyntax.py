"""Our own Typst inside Pandoc's tree, which passes it through as it is."""

import json
import re
from collections.abc import Sequence

from pandocfilters import Plain, RawBlock, RawInline

from tinylm.config.links import LINK
from tinylm.typesetting.pandoc import Node

LONG_CELL = 30  # characters; a column with a longer cell may break into lines
SHORT_LINE = 22  # characters of a column's name and its longest cell that share half a line of a phone
INTERVAL = re.compile(r"(\S.*?)\s([\[(][−+\d.,–%\s]+[\])])")  # a number, and behind it what paper.typ keeps in one piece


def literal(value: str | bool | float | Sequence) -> str:
    """The value as Typst writes it: text, a boolean, a number, or an array of such."""
    if isinstance(value, list | tuple):
        return f"({''.join(f'{literal(item)}, ' for item in value)})"
    return json.dumps(value, ensure_ascii=False)


def raw_block(source: str) -> Node:
    """Typst source as a block."""
    return RawBlock("typst", source)


def call(*parts: str | list[Node]) -> Node:
    """A block of Typst source, the inlines between it set as content."""
    return Plain([node for part in parts for node in ([raw_inline(part)] if isinstance(part, str) else _content(part))])


def raw_inline(source: str) -> Node:
    """Typst source among inlines."""
    return RawInline("typst", source)


def booktabs(
    name: str,
    align: list[str],
    plain: list[list[str]],
    cells: list[list[list[Node]]],
    wide: bool = False,
    note: list[Node] | None = None,
) -> list[str | list[Node]]:
    """The parts of a `call` of paper.typ's booktabs for a table whose first line is its header, each cell as plain text and as inlines.

    `name` stands in the error of a table that is too wide, `wide` lets it reach into the margins, `note` stands below the rows.
    Columns with a cell of more than LONG_CELL characters may break into lines, numbers with an interval before it, and every header
    between its words.
    """
    columns = list(zip(*plain, strict=True))
    wraps = [_breaks(column[1:]) for column in columns]
    short = [len(column[0]) + max(map(len, column[1:]), default=0) <= SHORT_LINE for column in columns]
    words = [max(re.split(r"\s+", column[0]), key=len) for column in columns]
    parts = [_longest_part(column[1:]) for column in columns]
    lines = [["(", *(part for cell in line for part in (cell, ", ")), "), "] for line in cells]
    header, rows = lines[0], [part for line in lines[1:] for part in line]
    options = {"name": name, "wide": wide, "align": align, "wraps": wraps, "short": short, "labels": plain[0]}
    options |= {"words": words, "parts": parts}
    written = ", ".join(f"{key}: {literal(value)}" for key, value in options.items())
    below: list[str | list[Node]] = [", note: ", note] if note else []
    return [f"booktabs({written}, header: ", *header, "rows: (", *rows, ")", *below, ")"]


def plain_text(cell: str) -> str:
    """About what a cell shows: the words of its links, a number for a citation."""
    return LINK.sub(lambda link: "[00]" if link[1].startswith("(") else link[1], cell)


def lines_of(plain: list[list[str]]) -> int:
    """About how many lines of type a table has, its long cells broken at LONG_CELL characters."""
    return sum(max(1, *(-(-len(cell) // LONG_CELL) for cell in line)) for line in plain)


def _breaks(column: Sequence[str]) -> bool:
    return any(len(cell) > LONG_CELL and not INTERVAL.fullmatch(cell) for cell in column)


def _longest_part(column: Sequence[str]) -> str:
    """The longest piece of a column in which intervals may stand below their numbers; nothing where there is no interval."""
    found = [INTERVAL.fullmatch(cell) for cell in column]
    pieces = [piece for cell, match in zip(column, found, strict=True) for piece in (match.groups() if match else (cell,))]
    return max(pieces, key=len) if any(found) else ""


def _content(inlines: list[Node]) -> list[Node]:
    """A content block; it begins a line, where Pandoc guards what would begin a heading or a list."""
    return [raw_inline("[\n"), *inlines, raw_inline("]")]
