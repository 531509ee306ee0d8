"""Timings -> figures."""

from typing import Any

import matplotlib as mpl
from matplotlib.ticker import LogLocator, NullFormatter, ScalarFormatter

from tinylm.report.plots.style import COLOURS, MARKERS, STYLE, Drawn, legend_above, panels


@mpl.rc_context(STYLE)
def roofline(facts: dict[str, Any]) -> Drawn:
    """GFLOP/s of a training step against each size of a dense Transformer, under the ceiling of one large matrix product."""
    sizes = list(dict.fromkeys(point["size"] for point in facts["points"]))
    fig, axes = panels(len(sizes), 1.9 * len(sizes), 2.6)
    for ax, size in zip(axes, sizes, strict=True):
        for precision, colour, marker in zip(facts["peaks"], COLOURS, MARKERS, strict=False):
            chosen = [point for point in facts["points"] if (point["size"], point["precision"]) == (size, precision)]
            ax.plot([p["value"] for p in chosen], [p["gflops"] for p in chosen], color=colour, marker=marker, label=precision)
            ax.axhline(facts["peaks"][precision], color=colour, linestyle="--", linewidth=1, label=f"{precision} product")
        ax.set(xscale="log", yscale="log", xlabel=size, xticks=[p["value"] for p in chosen], xticklabels=[p["value"] for p in chosen])
        for axis in (ax.xaxis, ax.yaxis):
            axis.set_minor_formatter(NullFormatter())
        ax.tick_params(axis="x", labelsize=7)
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.yaxis.set_major_formatter(ScalarFormatter())
        ax.sharey(axes[0])
    rates = [*(point["gflops"] for point in facts["points"]), *facts["peaks"].values()]
    axes[0].set(ylabel="GFLOP/s", ylim=(0.8 * min(rates), 1.25 * max(rates)))  # of all panels
    legend_above(fig, axes[0])
    return fig, facts["points"] + [{"size": "one product", "precision": name, "gflops": rate} for name, rate in facts["peaks"].items()]


@mpl.rc_context(STYLE)
def time_shares(facts: dict[str, Any]) -> Drawn:
    """What a step's time is spent on: one bar a precision, in per cent."""
    fig, (ax,) = panels(1, 6.4, 2.2)
    kinds = list(next(iter(facts["shares"].values())))
    for y, shares in enumerate(facts["shares"].values()):
        left = 0.0
        for kind, colour in zip(kinds, (*COLOURS, "#bbbbbb", "#dddddd"), strict=False):
            share = 100 * shares.get(kind, 0.0)
            ax.barh(y, share, left=left, color=colour, edgecolor="white", label=kind if y == 0 else None)
            left += share
    ax.set(yticks=range(len(facts["shares"])), yticklabels=list(facts["shares"]), xlabel="per cent of the time of a step", xlim=(0, 100))
    ax.grid(visible=False)
    legend_above(fig, ax)
    return fig, [{"precision": name, "kind": k, "share": v} for name, shares in facts["shares"].items() for k, v in shares.items()]
