"""What all figures share: colours and markers of architectures, the styles of lines, labels beside them, sizes, a FLOP axis."""

import contextlib
import functools
import itertools
import re
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import LogFormatterSciNotation, LogLocator, NullFormatter
from scipy import optimize

# A notebook's backend is set up now: set up inside the rc_context of a figure, it would be undone at its end, and show no later plot.
plt.switch_backend(mpl.get_backend())

Drawn = tuple[Figure, list[dict[str, Any]]]

# Okabe and Ito's palette: distinguishable with any colour vision.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#7F7F7F", "#000000")
INDIGO = "#332288"  # Tol's: dark, so that what lacks induction and what has it differ in grey too
# Eleven and three: with one step in both a line, the lines of one colour are alike again only after 33.
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "<", ">", "p")
DASHES = ("-", "--", "-.")  # dotted lines are no networks of ours: a floor, the study's curve, counts
FAMILIES = {  # the colour and the marker of an architecture, the same in every figure
    "Linear": (COLOURS[0], "o"),
    "MLP": (COLOURS[1], "s"),
    "Self-Attention": (COLOURS[2], "^"),
    "Transformer": (COLOURS[3], "D"),
    "LSTM": (COLOURS[4], "v"),
    "Transformer without induction": (INDIGO, "P"),
    "Gated counts": (COLOURS[5], "*"),
    "Transformer without pointer": (INDIGO, "P"),  # the recipe without the part that copies, on words
}
FAMILY_COLOURS = {name: colour for name, (colour, _) in FAMILIES.items()}
SHADES = (0.0, -0.45, 0.45, -0.75)  # of an architecture's colour, for its lines in turn: towards black below zero, towards white above
OTHER_COLOURS = (*COLOURS, "#882255", "#999933", "#661100")  # for lines of what has no colour of its own
COUNT_COLOUR = "#333333"
SMALL = 8  # points: labels beside lines and points
# Dark on white whatever a notebook's theme and plotting style are: a transparent figure could not be read in both.
ON_WHITE = ("figure.facecolor", "axes.facecolor", "axes.edgecolor", "axes.labelcolor", "text.color", "xtick.color", "ytick.color")
STYLE = {name: mpl.rcParamsDefault[name] for name in ON_WHITE} | {
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.labelsize": 9,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "axes.grid": True,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "lines.linewidth": 1.5,
    "lines.markersize": 5,
    "figure.constrained_layout.use": True,
    "axes.prop_cycle": mpl.cycler(color=COLOURS),
}

BOXES = (
    "some characters are not in a figure's font and show as boxes; with one that has them installed, run "
    "plt.rcParams['font.family'] = ['DejaVu Sans', 'its name']"
)


@contextlib.contextmanager
def boxes_told_once() -> Iterator[None]:
    """Within the context, characters that a font lacks give one warning in a process, where Matplotlib warns of each in each figure."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    for one in caught:
        if re.match(r"Glyph \d+ .* missing from", str(one.message)):
            _tell_of_boxes()
        else:
            warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)


@functools.cache
def _tell_of_boxes() -> None:
    warnings.warn(BOXES, stacklevel=2)


def panels(n: int = 1, width: float = 6.0, height: float = 3.4) -> tuple[Figure, list[Axes]]:
    """A figure of `n` panels side by side; sizes in inches."""
    fig, axes = plt.subplots(1, n, figsize=(width, height), squeeze=False)
    return fig, list(axes[0])


def shade(colour: str, amount: float) -> str:
    """The colour mixed with black below zero and with white above; one is all black or white."""
    rgb = np.array(to_rgb(colour))
    return to_hex(rgb * (1 + amount) if amount < 0 else rgb + (1 - rgb) * amount)


def ink(colour: str) -> str:
    """The colour for text of something drawn in it, dark enough to read."""
    return shade(colour, -0.3)


def colours(architectures: Sequence[str]) -> list[str]:
    """A colour for each of the architectures that lines are of: shades of its own where it has one, else the next that is free, in turn."""
    return [style["color"] for style in line_styles(architectures)]


def line_styles(architectures: Sequence[str]) -> list[dict[str, str]]:
    """Colour, dashes, marker and its filling of a line for each of the architectures, no two alike.

    An architecture has one colour and marker in every figure; its further lines have other shades and dashes, every second one hollow
    markers. Where neither colour nor marker is an architecture's own, dashes begin where a colour comes again.
    """
    taken = {FAMILY_COLOURS[name] for name in architectures if name in FAMILIES}
    free = itertools.cycle([colour for colour in OTHER_COLOURS if colour not in taken])
    seen: Counter[str] = Counter()
    first: dict[str, int] = {}
    styles = []
    for i, name in enumerate(architectures):
        if name in FAMILIES:
            colour, marker = FAMILIES[name]
            again, start, turns = seen[colour], MARKERS.index(marker), len(SHADES) * len(DASHES)
            style = {"color": shade(colour, SHADES[again % len(SHADES)]), "marker": MARKERS[(start + again // turns) % len(MARKERS)]}
        else:
            colour = next(free)
            again, start = seen[colour], first.setdefault(colour, i)
            style = {"color": colour, "marker": MARKERS[(start + again) % len(MARKERS)]}
        filled = style["color"] if again % 2 == 0 else "white"
        styles.append(style | {"linestyle": DASHES[again % len(DASHES)], "markerfacecolor": filled})
        seen[colour] += 1
    return styles


def spread(asked: Sequence[float], gap: float) -> np.ndarray:
    """Places as near to those asked for as can be, in their order and at least a gap apart."""
    order = np.argsort(asked, kind="stable")
    steps = gap * np.arange(len(order))
    places = np.empty(len(order))
    places[order] = optimize.isotonic_regression(np.asarray(asked, float)[order] - steps).x + steps if len(order) else []
    return places


@boxes_told_once()
def label_right(ax: Axes, labels: Sequence[tuple[float, float, str, str]]) -> None:
    """Labels (x, y, text, colour) of points in a column right of a panel, each with a thin line to its point, none over another.

    To be called when the axes have their limits and scales, for the labels' places follow from them.
    """
    line = {"arrowstyle": "-", "linewidth": 0.5, "shrinkA": 0, "shrinkB": 0, "relpos": (0, 0.5)}
    look = {"textcoords": "axes fraction", "va": "center", "fontsize": SMALL, "linespacing": 1.0, "annotation_clip": False}
    drawn = [
        ax.annotate(text, (x, y), (1.03, 0.5), color=ink(colour), arrowprops=line | {"color": colour}, **look)
        for x, y, text, colour in labels
    ]
    ax.figure.draw_without_rendering()
    panel = ax.get_window_extent().height
    heights = [ax.transAxes.inverted().transform(ax.transData.transform(label.xy))[1] for label in drawn]
    gap = 1.1 * max((Text.get_window_extent(label).height for label in drawn), default=0) / panel  # of the text, without its line
    for label, place in zip(drawn, spread(heights, gap), strict=True):
        label.xyann = (1.03, place)


@boxes_told_once()
def legend_above(fig: Figure, ax: Axes) -> None:
    """The panel's legend above it, in as many columns as the figure is wide enough for: at most three, of four lines two."""
    handles, labels = ax.get_legend_handles_labels()
    for ncols in (3, 2, 1)[len(labels) == 4 :] if labels else ():
        legend = fig.legend(handles, labels, loc="outside upper center", ncols=ncols)
        if legend.get_window_extent().width <= fig.bbox.width:
            break
        if ncols > 1:
            legend.remove()


def log_flops(ax: Axes, label: str) -> None:
    """A logarithmic FLOP axis; at 2 and 5 between powers of ten there are labels where fewer than two powers are in sight."""
    ax.set(xscale="log", xlabel=label)
    low, high = np.log10(ax.get_xlim())
    if np.floor(high) > np.ceil(low):
        ax.xaxis.set_minor_formatter(NullFormatter())
    else:
        ax.xaxis.set_minor_locator(LogLocator(subs=(2, 5)))
        ax.xaxis.set_minor_formatter(LogFormatterSciNotation(minor_thresholds=(np.inf, np.inf)))
