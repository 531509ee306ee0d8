"""Gains and frontiers -> figures."""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from tinylm import files
from tinylm.analysis import budgets
from tinylm.analysis.summaries import Result
from tinylm.evaluation.probes import COMPRESSION, HEADINGS, headings
from tinylm.report.plots.curves import count_lines
from tinylm.report.plots.style import COLOURS, STYLE, Drawn, legend_above, line_styles, log_flops, panels
from tinylm.study import Planned, select

BETTER, WORSE = COLOURS[0], COLOURS[3]


@mpl.rc_context(STYLE)
def waterfall(frame: pd.DataFrame) -> Drawn:
    """Test NLL down the rungs of a ladder: a bar from the rung below to this one, with the 95 % interval of the gain.

    Climbed rungs are solid and lead on to the next; rungs that were only tried are hollow. The dot is where the rung ends.
    """
    fig, (ax,) = panels(1, 6.8, 1.0 + 0.24 * len(frame))
    below = frame.set_index("rung")["test_nll"]
    for y, row in enumerate(frame.itertuples()):
        start = below.get(row.below, row.test_nll)
        colour = WORSE if row.test_nll > start else BETTER
        face = colour if row.climbed else "white"
        ax.barh(y, row.test_nll - start, 0.62, start, facecolor=face, edgecolor=colour, linewidth=0.9)
        if pd.notna(row.low):
            ax.plot([start - row.high, start - row.low], [y, y], color="black", linewidth=1)
        ax.plot(row.test_nll, y, color=colour, marker="o", markerfacecolor=face, markersize=3.5)
        ax.annotate(f"{row.test_nll:.3f}", (1.01, y), xycoords=("axes fraction", "data"), va="center", fontsize=7)
    ax.set(yticks=range(len(frame)), yticklabels=frame["rung"], ylim=(len(frame) - 0.4, -0.6), xlabel="test NLL (nats per token)")
    ax.grid(axis="y", visible=False)
    ax.margins(x=0.04)
    ax.use_sticky_edges = False
    for label, colour in (("better than the rung below", BETTER), ("worse", WORSE)):
        ax.plot([], [], color=colour, linewidth=6, label=label)
    ax.plot([], [], color="black", linewidth=1, label="95 % of the gain")
    fig.legend(loc="outside upper center", ncols=3)
    return fig, frame.to_dict("records")


@mpl.rc_context(STYLE)
def frontier(
    results: Sequence[Result],
    counts: Sequence[Result] = (),
    budget: float | None = None,
    seconds: Callable[[Planned], float] | None = None,
) -> Drawn:
    """Valid NLL of each architecture's recipe against the budget it spends, a cooled-down run each; counts dashed, with a cache dotted.

    The best compressor of the text has a line of its own, where it is recorded.

    With the `seconds` of runs, NaN where not known, a second panel has the same against time; there a dot says when counts are ready.
    """
    frame = budgets.frontier(results)
    times = [seconds(run) for run in frame["run"]] if seconds else []
    fig, axes = panels() if np.isnan(times).all() else panels(2, 6.8, 3.4)
    columns = ["architecture", "flops", "n", "n_params", "valid_nll", "test_nll"]
    _lines(axes[0], frame, "flops")
    levels = count_lines(axes[0], counts, "valid")
    compressed = [one for corpus in dict.fromkeys(r.record.spec.corpus for r in results) if (one := COMPRESSION.best(corpus))]
    for ax, one in itertools.product(axes, compressed):
        ax.axhline(one.valid, color="#222222", linestyle=(0, (3, 1, 1, 1)), linewidth=1, label=f"{one.name}, a compressor")
    if budget is not None:
        axes[0].axvline(budget, color="black", linewidth=1, label="chosen budget")
    axes[0].set_ylabel("valid NLL (nats per token)")
    log_flops(axes[0], "training FLOPs (executed)")
    if len(axes) > 1:
        frame, columns = frame.assign(seconds=times), [*columns, "seconds"]
        _lines(axes[1], frame, "seconds")
        levels = count_lines(axes[1], counts, "valid", seconds)
        axes[1].set(xscale="log", xlabel="training time (seconds)")
        axes[1].sharey(axes[0])
        axes[1].tick_params(labelleft=False)
    legend_above(fig, axes[0])
    levels += [{"name": one.name, "valid_nll": one.valid} for one in compressed]
    return fig, frame[columns].to_dict("records") + levels


def _lines(ax: Axes, frame: pd.DataFrame, against: str) -> None:
    """A line for each architecture."""
    names = list(dict.fromkeys(frame["architecture"]))
    for name, style in zip(names, line_styles(names), strict=True):
        rows = frame[frame["architecture"] == name]
        ax.plot(rows[against], rows["valid_nll"], label=name, **style)


@mpl.rc_context(STYLE)
def copying(runs: Sequence[Planned]) -> Drawn:
    """What a heading's characters cost each run, by how far back the same heading last stood; a model that copies has a low left end.

    Counts are grey, dashed or, with a cache, dotted, as everywhere; the longer they look, the darker.
    """
    fig, (ax,) = panels(1, 6.8, 3.8)
    frame = HEADINGS.frame(runs, files.ledgers())
    found = list(dict.fromkeys(frame["run"]))
    networks = [run for run in found if not run.spec.is_counts]
    styles = dict(zip(networks, line_styles([run.architecture for run in networks]), strict=True))
    styles |= _grey([run for run in found if run.spec.is_counts])
    for run, style in styles.items():
        rows = frame[frame["run"] == run].set_index("reach")["nll"]
        ax.plot(range(len(headings.REACHES)), [rows[reach] for reach in headings.REACHES], label=run.name, **style)
    ax.set(
        xticks=range(len(headings.REACHES)), ylabel="NLL of headings (nats per character)", xlabel="characters since the heading last stood"
    )
    ax.set_xticklabels(headings.REACHES, fontsize=7)
    fig.legend(*ax.get_legend_handles_labels(), loc="outside upper center", ncols=2, fontsize=7, handlelength=3)
    return fig, frame.assign(run=[run.name for run in frame["run"]]).to_dict("records") or [{"run": "none is recorded"}]


def _grey(counts: Sequence[Planned]) -> dict[Planned, dict[str, Any]]:
    """Line styles of counts: without a cache dashed, with one dotted, each kind the darker the more text it sees."""
    styles = {}
    plain, cached = select(counts, cache=0), [run for run in counts if run.spec.model.cache]
    for dashes, kind in (("--", plain), (":", cached)):
        ordered = sorted(kind, key=lambda run: (run.spec.model.cache, run.spec.model.order))
        shades = np.linspace(0.65, 0.0, len(ordered)) if len(ordered) > 1 else [0.3] * len(ordered)
        styles |= {run: {"color": str(shade), "linestyle": dashes} for run, shade in zip(ordered, shades, strict=True)}
    return styles
