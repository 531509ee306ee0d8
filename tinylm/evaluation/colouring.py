"""Tokens as HTML, on a background that says how surprising each was to a model."""

import html
import itertools
import math
from collections.abc import Iterable, Sequence

LEVELS = (0.5, 1.0, 2.0, 4.0)  # nats: where the next stronger colour begins
# One hue of growing strength over the page's own background: dark text stays readable on it, and so does light text.
HUE, STRENGTHS = (30, 140, 215), (0.0, 0.2, 0.38, 0.56, 0.75)
SWATCH = "padding: 0.1em 0.5em; border: 1px solid rgba(127, 127, 127, 0.4)"


def level(nats: float) -> int:
    """How strong a colour, from 0; none for a token whose surprise is not known."""
    return 0 if math.isnan(nats) else sum(nats >= bound for bound in LEVELS)


def colour(strength: int) -> str:
    """The background of a level as CSS."""
    return f"background: rgba({', '.join(map(str, HUE))}, {STRENGTHS[strength]})"


def coloured(pieces: Sequence[str], nats: Iterable[float]) -> str:
    """Pieces of text, each on its colour; its surprise and probability appear under the pointer."""
    return "".join(_token(piece, float(cost)) for piece, cost in zip(pieces, nats, strict=True))


def _token(piece: str, nats: float) -> str:
    said = "given" if math.isnan(nats) else f"{nats:.2f} nats, probability {100 * math.exp(-nats):.3g} %"
    # A line end alone would have no width to colour.
    shown = html.escape(piece).replace("\n", "↵\n")
    return f'<span style="{colour(level(nats))}" title="{said}">{shown}</span>'


def legend() -> str:
    """Which colour means which surprise."""
    ends = ["0", *(f"{bound:g}" for bound in LEVELS)]
    words = [f"{low} to {high}" for low, high in itertools.pairwise(ends)] + [f"{ends[-1]} and more"]
    swatches = " ".join(f'<span style="{SWATCH}; {colour(i)}">{text}</span>' for i, text in enumerate(words))
    return f'<p class="tinylm-legend" style="margin: 0.3em 0">Surprise in nats: {swatches}</p>'
