"""Gains of kinds of positions by the length of the windows -> a figure."""

from collections.abc import Sequence

import matplotlib as mpl
from matplotlib.ticker import NullLocator

from tinylm.analysis import positions
from tinylm.analysis.summaries import Result
from tinylm.report.plots.style import COLOURS, MARKERS, STYLE, Drawn, legend_above, panels
from tinylm.study import titles
from tinylm.study.titles import POSITIONS


@mpl.rc_context(STYLE)
def positions_by_length(found: Sequence[Result]) -> Drawn:
    """How much lower the test NLL of each kind is than that of learned positions, a panel a text; 95 % intervals."""
    gains, corpora = positions.gains(found), positions.corpora(found)
    fig, axes = panels(max(1, len(corpora)), 6.0, 2.3)
    kinds = [kind for kind in POSITIONS if kind != positions.BASELINE]
    for ax, corpus in zip(axes, corpora, strict=bool(corpora)):
        for i, kind in enumerate(kinds):
            rows = gains[(gains["corpus"] == corpus) & (gains["positions"] == kind)]
            look = {"color": COLOURS[i], "marker": MARKERS[i], "markersize": 4, "linewidth": 1}
            ax.errorbar(rows["length"], rows["gain"], (rows["high"] - rows["low"]) / 2, capsize=2, label=POSITIONS[kind], **look)
        ax.axhline(0, color="black", linewidth=0.7)
        ax.set_xscale("log", base=2)
        lengths = sorted(gains["length"][gains["corpus"] == corpus].unique())
        ax.set_xticks(lengths, [f"{length:,}" for length in lengths])
        ax.xaxis.set_minor_locator(NullLocator())
        ax.set(title=titles.corpus(corpus), xlabel="characters in a window", ylabel="gain (nats per character)" if ax is axes[0] else "")
    legend_above(fig, axes[0])
    return fig, gains.to_dict("records")
