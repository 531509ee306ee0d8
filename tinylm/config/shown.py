"""How objects show themselves in a notebook: a card of title, facts and contents, legible on a light and on a dark page."""

import html
from collections.abc import Mapping, Sequence

# Only shades of grey that suit both themes; text keeps the page's own colour.
CARD = "border: 1px solid rgba(127, 127, 127, 0.4); border-radius: 4px; padding: 0.4em 0.8em; max-width: 60em; overflow-x: auto"
LABEL, CELL = "text-align: left; padding: 0 1em 0 0; font-weight: normal; opacity: 0.75", "text-align: left; padding: 0"
TEXT = "white-space: pre-wrap; overflow-wrap: anywhere; margin: 0.3em 0; font-family: var(--jp-code-font-family, monospace)"


def card(title: str, facts: Mapping[str, str], *contents: str) -> str:
    """HTML of a title, a line for each fact, and contents that are HTML already."""
    rows = "".join(f'<tr><th style="{LABEL}">{html.escape(k)}</th><td style="{CELL}">{html.escape(v)}</td></tr>' for k, v in facts.items())
    return f'<div style="{CARD}"><b>{html.escape(title)}</b><table>{rows}</table>{"".join(contents)}</div>'


def text(value: str) -> str:
    """HTML of a text as it is, with its line ends."""
    return f'<pre style="{TEXT}">{html.escape(value)}</pre>'


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """HTML of a small table: the first column to the left, the others to the right."""
    lines = [_row("th", header), *(_row("td", row) for row in rows)]
    return f"<table>{''.join(lines)}</table>"


def _row(tag: str, cells: Sequence[str]) -> str:
    styles = [f"text-align: {side}; padding: 0 1em 0 0" for side in ("left", *["right"] * (len(cells) - 1))]
    made = "".join(f'<{tag} style="{style}">{html.escape(cell)}</{tag}>' for cell, style in zip(cells, styles, strict=True))
    return f"<tr>{made}</tr>"
