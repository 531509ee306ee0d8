"""How objects show themselves: cards in a notebook, legible on a light and on a dark page, and numbers with as many digits as help."""

import html
import json
import math
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any

# Only shades of grey that suit both themes; text keeps the page's own colour.
CARD = "border: 1px solid rgba(127, 127, 127, 0.4); border-radius: 4px; padding: 0.4em 0.8em; max-width: 60em; overflow-x: auto"
LABEL = "text-align: left; padding: 0 1em 0 0; font-weight: normal; opacity: 0.75; vertical-align: top; white-space: nowrap"
CELL = "text-align: left; padding: 0; overflow-wrap: anywhere"
# A notebook's stripes would lie under the colours of a text, and its margins below the last line of a card.
TABLE, ROW = "margin: 0.4em 0", "background: none"
MOST = 60  # characters of a value in an error
SIGNS = {" ": "␣", "\n": "↵"}
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")  # not tab, not line end
TEXT = "white-space: pre-wrap; overflow-wrap: anywhere; margin: 0.3em 0; font-family: var(--jp-code-font-family, monospace)"


def card(title: str, facts: Mapping[str, str], *contents: str) -> str:
    """HTML of a title, a line for each fact, and contents that are HTML already."""
    rows = "".join(line(label, html.escape(value)) for label, value in facts.items())
    return f'<div style="{CARD}"><b>{html.escape(title)}</b><table style="{TABLE}">{rows}</table>{"".join(contents)}</div>'


def line(label: str, value: str) -> str:
    """HTML of a table's row: a label, and a value that is HTML already."""
    return f'<tr style="{ROW}"><th style="{LABEL}">{html.escape(label)}</th><td style="{CELL}">{value}</td></tr>'


def text(value: str) -> str:
    """HTML of a text as it is, with its line ends."""
    return f'<pre style="{TEXT}">{html.escape(value)}</pre>'


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """HTML of a small table: the first column to the left, the others to the right."""
    lines = [_row("th", header), *(_row("td", row) for row in rows)]
    return f'<table style="{TABLE}">{"".join(lines)}</table>'


def _row(tag: str, cells: Sequence[str]) -> str:
    styles = [f"text-align: {side}; padding: 0 1em 0 0; white-space: nowrap" for side in ("left", *["right"] * (len(cells) - 1))]
    made = "".join(f'<{tag} style="{style}">{html.escape(cell)}</{tag}>' for cell, style in zip(cells, styles, strict=True))
    return f'<tr style="{ROW}">{made}</tr>'


def signs(token: str) -> str:
    """A token as a label: blanks and line ends as signs."""
    return "".join(SIGNS.get(character, character) for character in token)


def printable(value: str) -> str:
    """A text that does nothing to a terminal but appear: control characters, as in escape sequences, are written out, e.g. \\x1b."""
    return CONTROLS.sub(lambda found: found[0].encode("unicode_escape").decode(), value)


def one_line(value: str) -> str:
    """The same where lines are to stay one: line ends and tabs, and whatever else cannot be printed, are written out too."""
    return value if value.isprintable() else "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in value)


def json_text(value: Any) -> str:
    """JSON of a value, whose letters stay legible and whose control characters are escaped."""
    text = json.dumps(value, indent=1, ensure_ascii=False)
    return CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def short(count: float) -> str:
    """A FLOP count or a budget with up to three digits, e.g. 7.55e13."""
    return re.sub(r"e\+0*", "e", f"{count:.3g}")


def perplexity(nll: float) -> float:
    """exp of an NLL in nats; infinite where no number is so large, as when training has all but diverged."""
    return math.exp(nll) if nll < math.log(sys.float_info.max) else math.inf


def size(n_params: int, is_counts: bool) -> str:
    """How large a model is: what is counted in a network is no n-gram."""
    return f"{n_params:,} {'n-grams' if is_counts else 'parameters'}"


def brief(value: object) -> str:
    """A value as an error names it: its beginning, and its type."""
    written = repr(value).partition("\n")[0]
    return f"{written if len(written) <= MOST else written[:MOST] + '...'} ({type(value).__name__})"


def amount(n: int, unit: str) -> str:
    """A number of things, e.g. 1 token or 2,000 tokens."""
    return f"{n:,} {unit}{'' if n == 1 else 's'}"


def share(part: float, whole: float) -> str:
    """A part in per cent of the whole."""
    return f"{100 * part / whole:.1f} %"


SHORTEST = 0.1  # seconds that are told


def duration(seconds: float) -> str:
    """Seconds as text, in the unit that suits their number."""
    for unit, length in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length or (unit != "days" and seconds >= length):
            return f"{seconds / length:.1f} {unit}"
    if 0 < seconds < SHORTEST / 2:
        return f"< {SHORTEST} s"
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
