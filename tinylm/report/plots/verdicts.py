"""Judged claims -> a forest plot."""

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from tinylm.report.plots.style import COLOURS, STYLE, Drawn, legend_above, panels

VERDICTS = {"supported": (COLOURS[2], "o"), "refuted": (COLOURS[3], "X"), "undecided": (COLOURS[6], "s")}
CLAIMED = "#e6edf3"  # behind the range that is claimed


@mpl.rc_context(STYLE)
def claims(judged: pd.DataFrame) -> Drawn:
    """Each measured effect with its 95 % interval and, shaded, the range that is claimed of it; small strokes are the study's own effects.

    Colour and marker are the verdict's. A claim without records is left out, as is one that follows from another's evidence.
    """
    rows = judged[judged["effect"].notna() & (judged["follows"] == "")].reset_index(drop=True)
    fig, (ax,) = panels(1, 7.0, 1.1 + 0.22 * max(len(rows), 1))
    limit = 1.3 * max([1.0, *rows["effect"].abs(), *rows["reported"].abs().dropna()])
    ax.set_xscale("symlog", linthresh=0.03, linscale=0.5)
    for y, row in rows.iterrows():
        colour, marker = VERDICTS[row["verdict"]]
        ax.barh(y, min(row["below"], limit) - max(row["above"], -limit), 0.82, max(row["above"], -limit), color=CLAIMED, zorder=0)
        ends = np.clip([row["low"], row["high"]], -limit, limit)
        ax.plot(ends, [y, y], color=colour, linewidth=1.2)
        if np.isinf(row["high"]):
            ax.plot(limit, y, color=colour, marker=">", linestyle="none", markersize=4, clip_on=False)
        ax.plot(row["effect"], y, color=colour, marker=marker, linestyle="none")
        ax.plot(row["reported"], y, color="black", marker="|", linestyle="none", markersize=7)
    _claim_axes(ax, rows, limit)
    columns = ["contrast", "source", "above", "below", "effect", "low", "high", "reported", "n", "p_holm", "verdict"]
    return fig, rows[columns].to_dict("records")


def _claim_axes(ax: Axes, rows: pd.DataFrame, limit: float) -> None:
    """Rows from the top down between their contrasts and n, ticks that read as nats, and a legend of verdicts."""
    ticks = [tick for tick in (-1, -0.1, 0, 0.1, 1) if abs(tick) <= limit]
    ax.axvline(0, color="black", linewidth=0.7)
    ax.set(xlim=(-limit, limit), ylim=(len(rows) - 0.4, -0.6), xlabel="effect in nats per token")
    ax.set_xticks(ticks, [f"{tick:g}".replace("-", "−") for tick in ticks])
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_yticks(range(len(rows)), rows["contrast"])
    for y, n in enumerate(rows["n"]):
        ax.annotate(f"n = {n}", (1.02, y), xycoords=("axes fraction", "data"), va="center", fontsize=7)
    ax.grid(axis="y", visible=False)
    for verdict, (colour, marker) in VERDICTS.items():
        ax.plot([], [], color=colour, marker=marker, linestyle="-", label=f"{verdict}, with 95 % interval")
    ax.plot([], [], color="black", marker="|", linestyle="none", label="the study's own")
    ax.plot([], [], color=CLAIMED, marker="s", markersize=9, linestyle="none", label="what is claimed")
    legend_above(ax.figure, ax)
