"""What others report on words, and ours beside it -> a figure."""

import math
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, NullLocator

from tinylm.analysis import summaries
from tinylm.analysis.numbers import NONE, amount
from tinylm.analysis.summaries import Result
from tinylm.report.plots.style import FAMILY_COLOURS, STYLE, Drawn, label_right, legend_above
from tinylm.report.tables.literature import CORPORA, PTB, ROWS, WIKITEXT, Reported

THEIRS = "#777777"
STATIC, RECENT = "o", "*"  # of models that take no recent words up again, and of those with a cache or a pointer
TITLES = {PTB: "Penn Treebank", WIKITEXT: "WikiText-2"}
TICKS = {"x": (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50), "y": (50, 60, 70, 80, 100, 120, 140, 200, 300, 500, 1_000)}


@mpl.rc_context(STYLE)
def literature(ours: Sequence[Result]) -> Drawn:
    """Test perplexity against parameters on whole texts of words, a panel each: what others report in grey, ours in colour.

    Stars take recent words up again, by a cache or a pointer. A model whose size is not stated is a dashed line.
    """
    fig, axes = plt.subplots(len(CORPORA), 1, figsize=(6.3, 3.4), sharex=True, height_ratios=(1.6, 1))
    rows = [*_theirs(), *_ours(ours)]
    by_corpus = [[row for row in rows if row["corpus"] == corpus] for corpus in CORPORA]
    for ax, corpus, points in zip(axes, CORPORA, by_corpus, strict=True):
        _draw_panel(ax, points)
        ax.set_ylabel(f"{TITLES[corpus]}\ntest perplexity")
    sizes = [row["millions"] for row in rows if math.isfinite(row["millions"])]
    axes[-1].set(xlabel="parameters (millions)", xlim=(0.7 * min(sizes), 1.4 * max(sizes)))
    for marker, meaning in ((RECENT, "with a cache or a pointer"), (STATIC, "without")):
        axes[0].plot([], [], color="#444444", marker=marker, markersize=7 if marker == RECENT else 5, linestyle="none", label=meaning)
    legend_above(fig, axes[0])
    for ax, points in zip(axes, by_corpus, strict=True):
        ends = [(point["millions"] if math.isfinite(point["millions"]) else ax.get_xlim()[1]) for point in points]
        label_right(ax, [(x, p["perplexity"], p["label"], p["colour"]) for x, p in zip(ends, points, strict=True)])
    return fig, [{key: value for key, value in row.items() if key not in ("label", "colour")} for row in rows]


def _theirs() -> list[dict[str, Any]]:
    """The points of what others report, but for models that a smaller one of their kind beats."""
    return [
        {
            "corpus": row.corpus,
            "model": row.model,
            "source": row.source,
            "millions": row.params or math.nan,
            "perplexity": row.perplexity,
            "takes recent words": row.recent != NONE,
            "label": row.model,
            "colour": THEIRS,
        }
        for row in ROWS
        if not any(_beats(other, row) for other in ROWS)
    ]


def _beats(other: Reported, row: Reported) -> bool:
    """Whether a model is smaller and better than another on the same text, with a cache or pointer as that one or without."""
    if (other.corpus, other.recent != NONE) != (row.corpus, row.recent != NONE):
        return False
    return bool(other.params and row.params and other.params <= row.params and other.perplexity < row.perplexity)


def _ours(results: Sequence[Result]) -> list[dict[str, Any]]:
    """A point for each row of ours on these texts."""
    points = []
    for run, records in summaries.by_row(result for result in results if result.record.spec.corpus in CORPORA).items():
        has_pointer = bool(getattr(run.spec.model, "pointer", 0))
        points.append(
            {
                "corpus": run.spec.corpus,
                "model": run.architecture,
                "source": f"ours, n = {len(records)}",
                "millions": records[0].n_params / 1e6,
                "perplexity": math.exp(np.mean([record.test.nll for record in records])),
                "takes recent words": has_pointer,
                "label": f"ours{'' if has_pointer else ', no pointer'}, {amount(records[0].flops)} FLOPs",
                "colour": FAMILY_COLOURS[run.architecture],
            }
        )
    return points


def _draw_panel(ax: Axes, points: Sequence[dict[str, Any]]) -> None:
    """The points of one text on logarithmic axes."""
    perplexities = [point["perplexity"] for point in points]
    ax.set(xscale="log", yscale="log", ylim=(0.92 * min(perplexities), 1.1 * max(perplexities)))
    for point in points:
        marker, size = (RECENT, 9) if point["takes recent words"] else (STATIC, 5)
        if math.isnan(point["millions"]):
            ax.axhline(point["perplexity"], color=point["colour"], linestyle="--", linewidth=1)
        ax.plot(point["millions"], point["perplexity"], color=point["colour"], marker=marker, markersize=size, linestyle="none")
    for axis, ticks in ((ax.xaxis, TICKS["x"]), (ax.yaxis, TICKS["y"])):
        axis.set_major_locator(FixedLocator(ticks))
        axis.set_major_formatter("{x:g}")
        axis.set_minor_locator(NullLocator())
