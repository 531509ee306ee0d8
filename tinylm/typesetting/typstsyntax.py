"""Our own Typst inside Pandoc's tree, which passes it through as it is."""

import json
import re
from collections.abc import Sequence

from pandocfilters import Plain, RawBlock, RawInline

from tinylm.typesetting.pandoc import Node

LONG_CELL = 30


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


def booktabs(name: str, align: list[str], plain: list[list[str]], cells: list[list[list[Node]]]) -> list[str | list[Node]]:
    """The parts of a `call` of paper.typ's booktabs for a table whose first line is its header, each cell as plain text and as inlines.

    `name` stands in the error of a table that is too wide. Columns with a cell of more than LONG_CELL characters may break into
    lines, and so may every header, but only between its words.
    """
    columns = list(zip(*plain, strict=True))
    wraps = [max(map(len, column[1:]), default=0) > LONG_CELL for column in columns]
    words = [max(re.split(r"\s+", column[0]), key=len) for column in columns]
    lines = [["(", *(part for cell in line for part in (cell, ", ")), "), "] for line in cells]
    header, rows = lines[0], [part for line in lines[1:] for part in line]
    options = f"name: {literal(name)}, align: {literal(align)}, wraps: {literal(wraps)}, words: {literal(words)}"
    return [f"booktabs({options}, header: ", *header, "rows: (", *rows, "))"]


def _content(inlines: list[Node]) -> list[Node]:
    """A content block; it begins a line, where Pandoc guards what would begin a heading or a list."""
    return [raw_inline("[\n"), *inlines, raw_inline("]")]
