"""A table as a call of `booktabs` in paper.typ."""

import re

from tinylm.typesetting.typstsyntax import array, quoted, truth

LONG_CELL = 30


def booktabs(name: str, align: list[str], plain: list[list[str]], typeset: list[list[str]]) -> str:
    """The call for a table whose first line is its header, each cell given as plain text and as Typst markup.

    `name` stands in the error of a table that is too wide. Columns with a cell of more than LONG_CELL characters may break into
    lines, and so may every header, but only between its words.
    """
    columns = list(zip(*plain, strict=True))
    wraps = array([truth(max(map(len, column[1:]), default=0) > LONG_CELL) for column in columns])
    words = array([quoted(max(re.split(r"\s+", column[0]), key=len)) for column in columns])
    header, *rows = [array([f"[{cell}]" for cell in line]) for line in typeset]
    sides = array([quoted(side) for side in align])
    return f"booktabs(name: {quoted(name)}, align: {sides}, wraps: {wraps}, words: {words}, header: {header}, rows: {array(rows)})"
