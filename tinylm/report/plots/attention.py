"""Attention weights -> a figure."""

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.colors import PowerNorm

from tinylm.report.plots.style import STYLE, Drawn, panels

INCHES_PER_TOKEN = 0.15
CHARACTERS_UPRIGHT = 1  # longer labels are turned, so that columns stay narrow


@mpl.rc_context(STYLE)
def attention_map(weights: np.ndarray, readers: Sequence[str], sources: Sequence[str]) -> Drawn:
    """Weights (rows, columns) as a map: a row for each token that reads, a column for each source it takes from; white is nothing."""
    side = max(3.0, INCHES_PER_TOKEN * len(readers))
    fig, (ax,) = panels(1, side + 1.6, side + 0.9)
    # The square root spreads small weights, which are most, over more of the colours.
    image = ax.imshow(weights, cmap="Blues", norm=PowerNorm(0.5, vmin=0), aspect="equal", interpolation="nearest")
    turned = 90 if max(map(len, sources)) > CHARACTERS_UPRIGHT else 0
    ax.set_xticks(range(len(sources)), sources, rotation=turned)
    ax.set_yticks(range(len(readers)), readers)
    ax.tick_params(length=0, labeltop=True, labelbottom=False)
    ax.set(xlabel="takes from", ylabel="token that reads")
    ax.xaxis.set_label_position("top")
    ax.grid(visible=False)
    fig.colorbar(image, ax=ax, shrink=0.7, label="attention weight")
    rows = [
        {"reader": i, "source": j, "reader_token": readers[i], "source_token": sources[j], "weight": float(value)}
        for (i, j), value in np.ndenumerate(weights)
    ]
    return fig, rows
