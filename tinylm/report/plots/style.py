"""What all figures share: colours, the styles of lines, sizes, a FLOP axis."""

import itertools
from collections import Counter
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatterSciNotation, LogLocator, NullFormatter

# A notebook's backend is set up now: set up inside the rc_context of a figure, it would be undone at its end, and show no later plot.
plt.switch_backend(mpl.get_backend())

Drawn = tuple[Figure, list[dict[str, Any]]]

# Okabe and Ito's palette: distinguishable with any colour vision.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#7F7F7F", "#000000")
FAMILY_COLOURS = {"Linear": COLOURS[0], "MLP": COLOURS[1], "Self-Attention": COLOURS[2], "Transformer": COLOURS[3], "LSTM": COLOURS[4]}
# Eleven and three: with one step in both a line, the lines of one colour are alike again only after 33.
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "<", ">", "p")
DASHES = ("-", "--", "-.")  # dotted lines are no networks of ours: a floor, a paper's curve, counts
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


def panels(n: int = 1, width: float = 6.0, height: float = 3.4) -> tuple[Figure, list[Axes]]:
    """A figure of `n` panels side by side; sizes in inches."""
    fig, axes = plt.subplots(1, n, figsize=(width, height), squeeze=False)
    return fig, list(axes[0])


def colours(architectures: Sequence[str]) -> list[str]:
    """A colour for each of the architectures that lines are of: its own for the first that has one, else the next that is free, in turn."""
    own = [FAMILY_COLOURS.get(name) if name not in architectures[:i] else None for i, name in enumerate(architectures)]
    free = itertools.cycle([colour for colour in COLOURS if colour not in own] or COLOURS)
    return [colour or next(free) for colour in own]


def line_styles(architectures: Sequence[str], same_marker: bool = False) -> list[dict[str, str]]:
    """Colour, dashes and marker of a line for each of the architectures, no two alike; dashes begin where a colour comes again.

    With `same_marker` lines of different colours share it.
    """
    seen: Counter[str] = Counter()
    first: dict[str, int] = {}
    styles = []
    for i, colour in enumerate(colours(architectures)):
        again, start = seen[colour], first.setdefault(colour, 0 if same_marker else i)
        marker = MARKERS[(start + again) % len(MARKERS)]
        styles.append({"color": colour, "linestyle": DASHES[again % len(DASHES)], "marker": marker})
        seen[colour] += 1
    return styles


def legend_above(fig: Figure, ax: Axes) -> None:
    """The panel's legend above it, in as many columns as the figure is wide enough for, at most three."""
    handles, labels = ax.get_legend_handles_labels()
    for ncols in (3, 2, 1) if labels else ():
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
