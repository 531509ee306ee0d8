"""What all figures share: colours, sizes, a FLOP axis."""

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

Drawn = tuple[Figure, list[dict[str, Any]]]

# Okabe and Ito's palette: distinguishable with any colour vision.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#7F7F7F", "#000000")
FAMILY_COLOURS = {"Linear": COLOURS[0], "MLP": COLOURS[1], "Self-Attention": COLOURS[2], "Transformer": COLOURS[3], "LSTM": COLOURS[4]}
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "<", ">", "p", "h")
STYLE = {
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


def colours(names: Sequence[str]) -> dict[str, str]:
    """A colour for each name: its family's where it has one and no other name shares it, else the next of the palette."""
    families = [family for name in names for family in FAMILY_COLOURS if name.startswith(family)]
    if len(families) == len(names) == len(set(families)):
        return {name: FAMILY_COLOURS[family] for name, family in zip(names, families, strict=True)}
    return {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(names)}


def log_flops(ax: Axes, label: str) -> None:
    """A logarithmic FLOP axis; minor ticks carry no labels once a whole decade is in sight, where they would run into each other."""
    ax.set(xscale="log", xlabel=label)
    low, high = ax.get_xlim()
    if high / low > 10:
        ax.xaxis.set_minor_formatter(NullFormatter())
