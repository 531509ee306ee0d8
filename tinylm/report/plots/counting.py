"""Count or train? Recipes, the study's networks and counts on the same text -> a figure."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from tinylm.analysis import budgets, significance, summaries
from tinylm.analysis.summaries import DifferentTokens, Result
from tinylm.config.shown import duration
from tinylm.evaluation.probes import COMPRESSION
from tinylm.report.plots.curves import best_counts
from tinylm.report.plots.style import COUNT_COLOUR, FAMILIES, SMALL, STYLE, Drawn, ink, label_right, log_flops, panels
from tinylm.study import Planned

ROOM = 0.5  # decades between two times on the upper axis, at least
HIGHEST = 1.35  # times the largest loss of a best recipe; the study's networks above it are marked at the edge, in two rows
STEP = 0.2  # of the axis, from one to the next
SPAN = 1.1  # decades that a name takes up, at most
COUNTS_WIN, OPEN = "#dedede", "#f1f1f1"
MIXED = "#117733"
ROW = ["name", "architecture", "flops", "n", "n_params", "valid_nll", "test_nll", "half"]  # of what is drawn


@mpl.rc_context(STYLE)
def answer(
    results: Sequence[Result],
    counts: Sequence[Result],
    study: Sequence[Result] = (),
    mixed: Sequence[Result] = (),
    gated: Sequence[Result] = (),
    seconds: Callable[[Planned], float] | None = None,
) -> Drawn:
    """Test NLL against training FLOPs: at each budget the recipe best on valid, alone and `mixed` with gated counts; counts as lines.

    The study's networks stand beside them, and networks that weigh counts. Bars are 95 % intervals of the mean over seeds, whose number
    stands beside a point that has fewer than the others. It is shaded where counts are ahead of the best recipe, lightly where their order
    is open. The counts are the best on valid, with and without a cache; so is the compressor. With the `seconds` of runs an upper axis has
    the time of each best recipe. All must be scored on the same tokens: else DifferentTokens.
    """
    _require_same_tokens([*results, *counts, *study, *mixed, *gated])
    best = _best(results)
    levels = _levels(results, counts)
    fig, (ax,) = panels(1, 6.3, 2.1)
    rows = [*_draw_best(ax, best, bool(gated)), *({"name": name, "test_nll": nll} for _, name, nll in levels)]
    top = HIGHEST * best["test_nll"].max()
    rows += _draw_study(ax, study, top)
    rows += _draw_mixed(ax, _best(mixed)) if mixed else []
    rows += _draw_gated(ax, _best(gated)) if gated else []
    low, high = ax.get_ylim()
    ax.set(ylabel="test NLL (nats)", ylim=(low - 0.18 * (high - low), high + 0.28 * (high - low)))  # room for numbers and names
    log_flops(ax, "training FLOPs (executed)")
    if counts:
        _shade(ax, _gaps(best, results, min(counts, key=lambda result: result.record.valid.nll)))
    for *_, nll in levels:
        ax.axhline(nll, color=COUNT_COLOUR, linestyle="--", linewidth=1, zorder=1)
    if seconds is not None:
        _time_axis(ax, [(row.flops, seconds(row.run)) for row in best.itertuples()])
    label_right(ax, [(ax.get_xlim()[1], nll, f"{kind}, {nll:.3f}", COUNT_COLOUR) for kind, _, nll in levels])
    return fig, rows


def _require_same_tokens(results: Sequence[Result]) -> None:
    for result in results[1:]:
        if not summaries.same_tokens(results[0].record, result.record):
            raise DifferentTokens(f"{result.run.title} is not scored on the tokens of {results[0].run.title}; leave it out")


def _best(results: Sequence[Result]) -> pd.DataFrame:
    """Of the rows of each budget the one that is best on valid, by budget, with half its 95 % interval over seeds."""
    frame = budgets.frontier(results)
    best = frame.loc[
        frame.groupby([run.budget or flops for run, flops in zip(frame["run"], frame["flops"], strict=True)])["valid_nll"].idxmin()
    ]
    groups = summaries.by_row(results)
    return best.assign(half=[summaries.half_width([record.test.nll for record in groups[run]]) for run in best["run"]])


def _levels(results: Sequence[Result], counts: Sequence[Result]) -> list[tuple[str, str, float]]:
    """What it is, the name and the test NLL of the best counts without and with a cache, and of the best compressor recorded."""
    kinds = {False: "counts", True: "with a cache"}
    levels = [(kinds[one.record.spec.model.cache > 0], one.run.name, one.record.test.nll) for one in best_counts(counts)]
    compressed = (COMPRESSION.best(corpus) for corpus in dict.fromkeys(result.record.spec.corpus for result in results))
    return levels + [(one.name, one.name, one.test) for one in compressed if one]


def _draw_best(ax: Axes, best: pd.DataFrame, has_room: bool) -> list[dict[str, Any]]:
    """The best recipe at each budget, named to the left of its first point where smaller budgets give room."""
    side = {"xytext": (-6, 2), "ha": "right", "va": "bottom"} if has_room else {"xytext": (8, 4)}
    ax.plot(best["flops"], best["test_nll"], color="#888888", linewidth=1, zorder=2)
    for name, rows in best.groupby("architecture", sort=False):
        colour, marker = FAMILIES.get(name, ("black", "o"))
        ax.errorbar(rows["flops"], rows["test_nll"], rows["half"], color=colour, marker=marker, capsize=2.5, linestyle="none", zorder=3)
        first, which = rows.iloc[0], f": {name}" if best["architecture"].nunique() > 1 else ""
        place = {"textcoords": "offset points", "color": ink(colour), "fontsize": 9} | side
        ax.annotate(f"best recipe{which}", (first["flops"], first["test_nll"]), **place)
    _number(ax, best, 6, "bottom")
    return best[ROW].to_dict("records")


def _number(ax: Axes, best: pd.DataFrame, offset: float, side: str) -> None:
    """Of how many seeds a point is the mean that has fewer than the others, above or below it."""
    place = {"textcoords": "offset points", "ha": "center", "va": side, "fontsize": 7, "color": "#555555"}
    for row in best[best["n"] < best["n"].max()].itertuples():
        ax.annotate(f"n = {row.n}", (row.flops, row.test_nll), (0, offset), **place)


def _draw_mixed(ax: Axes, best: pd.DataFrame) -> list[dict[str, Any]]:
    """The best mixture at each budget."""
    ax.errorbar(best["flops"], best["test_nll"], best["half"], color=MIXED, marker="X", capsize=2.5, linewidth=1, zorder=3)
    _number(ax, best, -6, "top")
    first = best.iloc[0]
    place = {"textcoords": "offset points", "va": "top", "fontsize": 9}
    ax.annotate("recipe + gated counts", (first["flops"], first["test_nll"]), (8, -5), color=ink(MIXED), **place)
    return best[ROW].to_dict("records")


def _draw_gated(ax: Axes, best: pd.DataFrame) -> list[dict[str, Any]]:
    """Networks that weigh counts, at each budget."""
    colour, marker = FAMILIES[best.iloc[0]["architecture"]]
    ax.errorbar(best["flops"], best["test_nll"], best["half"], color=colour, marker=marker, capsize=2.5, linewidth=1, zorder=3)
    _number(ax, best, -6, "top")
    first = best.iloc[0]
    place = {"textcoords": "offset points", "va": "top", "fontsize": 9}
    ax.annotate("gated counts", (first["flops"], first["test_nll"]), (-4, -6), color=ink(colour), **place)
    return best[ROW].to_dict("records")


def _draw_study(ax: Axes, study: Sequence[Result], top: float) -> list[dict[str, Any]]:
    """The study's networks, each with its name; those above the top are at the edge, with their loss."""
    rows, step, placed = [], STEP * (top - ax.get_ylim()[0]), []

    def is_free(flops: float, y: float) -> bool:
        return not any(0 < math.log10(flops / x) < SPAN and abs(y - height) < step for x, height in placed)

    for run, records in summaries.by_row(study).items():
        nll, flops = float(np.mean([record.test.nll for record in records])), records[0].flops
        half = summaries.half_width([record.test.nll for record in records])
        colour, marker = FAMILIES.get(run.architecture, ("black", "o"))
        look = {"color": colour, "marker": marker, "markerfacecolor": "white", "linestyle": "none", "zorder": 3}
        y = nll if nll <= top else next((y for y in (top, top - step) if is_free(flops, y)), top - step)
        ax.errorbar(flops, y, half if nll <= top else math.nan, capsize=2.5, **look)
        place = {"va": "center", "textcoords": "offset points", "color": ink(colour), "fontsize": SMALL}
        text = f"{run.architecture}, {nll:.2f}{'' if nll <= top else ' ↑'}"
        ax.annotate(text, (flops, y), (-6 if is_free(flops, y) else 6, 0), ha="right" if is_free(flops, y) else "left", **place)
        placed.append((flops, y))
        rows.append({"name": run.name, "architecture": run.architecture, "flops": flops, "n": len(records), "test_nll": nll, "half": half})
    return rows


def _gaps(best: pd.DataFrame, results: Sequence[Result], rival: Result) -> list[tuple[float, float, float]]:
    """The FLOPs of each best recipe of several seeds, and the interval of its distance to the counts; above zero counts are ahead."""
    groups = summaries.by_row(results)
    rows = [(row.flops, groups[row.run]) for row in best.sort_values("flops").itertuples() if row.n > 1]
    return [(flops, *significance.difference(records, [rival.record]).interval()) for flops, records in rows]


def _shade(ax: Axes, gaps: Sequence[tuple[float, float, float]]) -> None:
    """Where counts are ahead, where the order is open, and where the best recipe is ahead; borders lie between budgets."""
    low, high = ax.get_xlim()
    behind = [flops for flops, least, _ in gaps if least > 0]
    ahead = [flops for flops, _, most in gaps if most < 0]
    middle = [flops for flops, *_ in gaps if flops not in behind and flops not in ahead]
    start = low if not behind else math.sqrt(behind[-1] * middle[0]) if middle else behind[-1]
    end = high if not ahead else math.sqrt(ahead[0] * middle[-1]) if middle else ahead[0]
    if behind:
        ax.axvspan(low, start, color=COUNTS_WIN, linewidth=0, zorder=0)
        _at_top(ax, low, 4, "counts are ahead", "left")
    if middle:
        ax.axvspan(start, end, color=OPEN, linewidth=0, zorder=0)
        _at_top(ax, math.sqrt(start * end), 0, "open", "center")
    if ahead:
        _at_top(ax, high, -4, "recipe", "right")
    ax.set_xlim(low, high)


def _at_top(ax: Axes, x: float, offset: float, text: str, side: str) -> None:
    place = {"xycoords": ax.get_xaxis_transform(), "textcoords": "offset points", "va": "top", "ha": side}
    ax.annotate(text, (x, 1), (offset, -5), fontsize=9, fontweight="bold", color="#444444", **place)


def _time_axis(ax: Axes, times: Sequence[tuple[float, float]]) -> None:
    """The time that each of these budgets takes, on an axis above; where two would meet the later one is left out."""
    shown: list[tuple[float, float]] = []
    for flops, taken in times:
        if math.isfinite(taken) and (not shown or math.log10(flops / shown[-1][0]) >= ROOM):
            shown.append((flops, taken))
    if not shown:
        return
    upper = ax.secondary_xaxis("top")
    upper.set_xticks([flops for flops, _ in shown], [duration(taken) for _, taken in shown])
    upper.xaxis.set_minor_locator(NullLocator())
    upper.set_xlabel("training time of the best recipe")
