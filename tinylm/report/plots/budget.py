"""Gains and frontiers -> figures."""

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from tinylm.analysis import budgets
from tinylm.analysis.summaries import Result
from tinylm.evaluation.probes import COMPRESSION
from tinylm.report.plots.curves import count_lines, nats
from tinylm.report.plots.style import COLOURS, STYLE, Drawn, legend_above, line_styles, log_flops, panels
from tinylm.study import Planned

BETTER, WORSE, REST = COLOURS[0], COLOURS[3], "#9a9a9a"
LABELLED = 5  # steps of a short ladder whose gains are written beside them


@mpl.rc_context(STYLE)
def waterfall(frame: pd.DataFrame, most: int = 0) -> Drawn:
    """Test NLL down the rungs of a ladder: a bar from the rung that this one stands on, with the 95 % interval of the gain.

    Climbed rungs are solid and lead on to the next; rungs that were only tried are hollow. The dot is where the rung ends. With `most`,
    only climbed rungs are shown: the largest steps in `most` rows at most, the largest with their gain beside them, and what is between
    them as one grey bar each.
    """
    steps = _steps(frame, most) if most else _steps(frame, len(frame), tried=True)
    fig, (ax,) = panels(1, 6.8, 1.0 + 0.21 * len(steps))
    for y, step in enumerate(steps):
        _draw_step(ax, y, step)
    single = [step for step in steps if step["steps"] == 1]
    for step in sorted(single, key=lambda step: -abs(step["change"]))[: LABELLED if most else 0]:
        side = max(step["start"], step["test_nll"], step["start"] - step["low"])
        text = f"{step['change']:+.2f}".replace("-", "−")
        ax.annotate(text, (side, steps.index(step)), (5, 0), textcoords="offset points", va="center", fontsize=8, fontweight="bold")
    ax.set(yticks=range(len(steps)), yticklabels=[step["rung"] for step in steps], ylim=(len(steps) - 0.4, -0.6))
    ax.set_xlabel("test NLL (nats)")
    ax.grid(axis="y", visible=False)
    ax.margins(x=0.13 if most else 0.04)
    ax.use_sticky_edges = False
    for label, colour in (
        ("better than the step above", BETTER),
        ("worse", WORSE),
        *[("smaller changes together", REST)][: bool(most)],
    ):
        ax.plot([], [], color=colour, linewidth=6, label=label)
    ax.plot([], [], color="black", linewidth=1, label="95 % interval of the gain")
    legend_above(fig, ax)
    return fig, steps if most else frame.to_dict("records")


def _steps(frame: pd.DataFrame, most: int, tried: bool = False) -> list[dict[str, Any]]:
    """The rungs, climbed ones only unless `tried`, with where they start and how far they move; the smallest merged to `most` rows."""
    ends = frame.set_index("rung")["test_nll"]
    steps = [row | {"start": ends.get(row["below"], row["test_nll"])} for row in frame.to_dict("records") if row["climbed"] or tried]
    steps = [step | {"change": step["test_nll"] - step["start"], "steps": 1} for step in steps]
    kept = sorted(range(1, len(steps)), key=lambda i: -abs(steps[i]["change"]))  # the first rung is where the ladder begins
    while len(merged := _merged(steps, {0, *kept})) > most and kept:
        kept.pop()
    return merged


def _merged(steps: Sequence[dict[str, Any]], kept: set[int]) -> list[dict[str, Any]]:
    """The steps that are kept, and each stretch of others as one step without an interval."""
    merged = []
    for is_kept, group in itertools.groupby(enumerate(steps), key=lambda pair: pair[0] in kept):
        members = [step for _, step in group]
        if is_kept or len(members) == 1:
            merged += members
        else:
            name, start, end = f"{len(members)} smaller changes", members[0]["start"], members[-1]["test_nll"]
            whole = {"rung": name, "climbed": True, "start": start, "test_nll": end, "change": end - start, "steps": len(members)}
            merged.append(members[0] | whole | {"low": math.nan, "high": math.nan})
    return merged


def _draw_step(ax: Axes, y: int, step: dict[str, Any]) -> None:
    colour = REST if step["steps"] > 1 else WORSE if step["change"] > 0 else BETTER
    face = colour if step["climbed"] else "white"
    ax.barh(y, step["change"], 0.62, step["start"], facecolor=face, edgecolor=colour, linewidth=0.9)
    if pd.notna(step["low"]):
        ax.plot([step["start"] - step["high"], step["start"] - step["low"]], [y, y], color="black", linewidth=1)
    ax.plot(step["test_nll"], y, color=colour, marker="o", markerfacecolor=face, markersize=3.5)
    ax.annotate(f"{step['test_nll']:.3f}", (1.01, y), xycoords=("axes fraction", "data"), va="center", fontsize=7)


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
    axes[0].set_ylabel(f"valid NLL ({nats(results)})")
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
