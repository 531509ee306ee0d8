"""Gains of techniques by budget and text -> a figure."""

import itertools
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.ticker import EngFormatter, NullLocator

from tinylm.analysis import techniques
from tinylm.analysis.families import CLEAR
from tinylm.analysis.numbers import power
from tinylm.analysis.summaries import Result
from tinylm.report.plots.style import COLOURS, STYLE, Drawn, legend_above, panels

ROW = 0.1  # inches
LINEAR = 0.1  # nats around zero that are drawn to scale
TICKS = (-2, -0.7, -0.3, -0.1, 0, 0.1, 0.3, 0.7, 2)


@mpl.rc_context(STYLE)
def techniques_by_budget(found: Sequence[Result]) -> Drawn:
    """The gain of each technique, a panel a text and a dot a budget, filled where it is clear; sorted by the mean gain over texts."""
    gains, slopes = techniques.gains(found), techniques.slopes(found)
    order, texts, budgets = techniques.order(gains), techniques.texts(found), sorted(gains["budget"].unique())
    fig, axes = panels(max(1, len(texts)), 7.0, 0.9 + ROW * max(5, len(order)))
    colours = dict(zip(budgets, map(to_hex, mpl.colormaps["viridis"](np.linspace(0, 0.85, len(budgets)))), strict=True))
    for ax, (corpus, title) in zip(axes, texts.items(), strict=bool(texts)):
        for row in gains[gains["corpus"] == corpus].itertuples():
            colour, y = colours[row.budget], order.index(row.technique)
            ax.plot([row.low, row.high], [y, y], color=colour, linewidth=0.7, alpha=0.6)
            filled = colour if row.verdict == CLEAR else "white"
            ax.plot(row.gain, y, "o", markersize=3, markeredgewidth=0.7, color=colour, markerfacecolor=filled)
        _axes(ax, order, title)
    for ax in axes[1:]:
        ax.tick_params(labelleft=False)
    for budget, colour in colours.items():
        axes[0].plot([], [], color=colour, linewidth=2, label=f"{power(budget)} FLOPs")
    legend_above(fig, axes[0])
    ranked = gains.merge(slopes[["corpus", "technique", "slope"]], on=["corpus", "technique"], how="left")
    return fig, ranked.to_dict("records")


@mpl.rc_context(STYLE)
def techniques_curves(found: Sequence[Result]) -> Drawn:
    """Valid NLL against the tokens read, repetitions included, a line a run with the name of its technique."""
    fig, (ax,) = panels(1, 5.6, 3.4)
    rows: list[dict[str, Any]] = []
    for result, colour in zip(found, itertools.cycle(COLOURS), strict=False):
        tokens, nlls = ([point[field] for point in result.record.curve] for field in ("tokens_seen", "valid_nll"))
        ax.plot(tokens, nlls, color=colour, linewidth=1, marker=".", markersize=4, label=result.run.rung)
        rows += [{"technique": result.run.rung, "tokens_seen": x, "valid_nll": y} for x, y in zip(tokens, nlls, strict=True)]
    ax.set(xlabel="tokens read", ylabel="valid NLL (nats per token)")
    ax.xaxis.set_major_formatter(EngFormatter())
    legend_above(fig, ax)
    return fig, rows


def _axes(ax: Axes, order: Sequence[str], title: str) -> None:
    """Techniques from the top down; gains to scale near zero and in powers of ten beyond."""
    ax.axvline(0, color="black", linewidth=0.7)
    ax.set_xscale("symlog", linthresh=LINEAR, linscale=0.6)
    low, high = ax.get_xlim()
    ax.set_xticks([tick for tick in TICKS if low <= tick <= high], [f"{tick:g}".replace("-", "−") for tick in TICKS if low <= tick <= high])
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_yticks(range(len(order)), order, fontsize=6)
    ax.set(ylim=(len(order) - 0.4, -0.6), title=title, xlabel="gain (nats)")
