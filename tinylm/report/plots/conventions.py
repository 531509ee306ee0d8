"""What runs cost by three counts -> a figure."""

from collections.abc import Sequence

import matplotlib as mpl
from matplotlib.axes import Axes

from tinylm.analysis import summaries
from tinylm.analysis.summaries import Result
from tinylm.report.plots.style import SMALL, STYLE, Drawn, ink, line_styles, log_flops, panels
from tinylm.study import reported

ALIKE = 1.05  # costs that differ by less are not said to differ
STATED, TEXTBOOK, EXECUTED = "stated (2ND)", "textbook", "executed"


@mpl.rc_context(STYLE)
def costs(results: Sequence[Result]) -> Drawn:
    """A row for each network: its training FLOPs as the study states them, by the textbook, and executed, with the factors between them.

    The study states 2ND; where it has no such run, 2ND is counted. By the textbook every position of every block is computed.
    """
    groups = summaries.by_row(summaries.networks(results))
    fig, (ax,) = panels(1, 6.3, 0.75 + 0.5 * len(groups))
    rows = []
    for y, ((run, records), style) in enumerate(zip(groups.items(), line_styles([run.architecture for run in groups]), strict=True)):
        reference, record = reported.paper_row(run.spec), records[0]
        stated = reference.flops_2nd if reference and reference.flops_2nd else record.flops_2nd
        rows.append({"name": run.name, "stated": stated, "textbook": record.flops_textbook, "executed": record.flops})
        _draw_row(ax, y, rows[-1], style)
    ax.set(yticks=range(len(rows)), yticklabels=[row["name"] for row in rows], ylim=(len(rows) - 0.4, -0.75))
    ax.grid(axis="y", visible=False)
    log_flops(ax, "training FLOPs of one run")
    if rows:
        _name_marks(ax, rows)
    return fig, rows


def _draw_row(ax: Axes, y: int, row: dict[str, float], style: dict[str, str]) -> None:
    """The three costs, with how far the stated one is off above the line, and what ours saves below it."""
    stated, textbook, executed = row["stated"], row["textbook"], row["executed"]
    colour, marker = style["color"], style["marker"]
    ax.plot([stated, textbook], [y, y], color="#555555", linestyle=":", linewidth=1.2)
    ax.plot([textbook, executed], [y, y], color=colour, linewidth=3, alpha=0.5, solid_capstyle="butt")
    ax.plot(stated, y, color="black", marker="x", markersize=6, markeredgewidth=1.5)
    ax.plot(textbook, y, color=colour, marker=marker, markerfacecolor="white", markersize=8)
    ax.plot(executed, y, color=colour, marker=marker, markersize=4.5)
    ratio = stated / textbook
    if max(ratio, 1 / ratio) > ALIKE:
        text = f"{_factor(ratio)} too high" if ratio > 1 else f"{_factor(1 / ratio)} too low"
        ax.annotate(text, ((stated * textbook) ** 0.5, y), (0, 5), textcoords="offset points", ha="center", fontsize=8, fontweight="bold")
    if textbook / executed > ALIKE:
        middle = (textbook * executed) ** 0.5
        text = f"{_factor(textbook / executed)} less computed"
        ax.annotate(text, (middle, y), (0, -6), textcoords="offset points", ha="center", va="top", fontsize=SMALL, color=ink(colour))


def _factor(ratio: float) -> str:
    """A ratio with two digits at least."""
    return f"{ratio:.1f}×" if ratio < 9.95 else f"{ratio:.0f}×"


def _name_marks(ax: Axes, rows: Sequence[dict[str, float]]) -> None:
    """What the marks are, above the first row whose three costs lie apart, else the first row."""
    apart = [max(row["textbook"] / row["executed"], 1) > ALIKE for row in rows]
    y = apart.index(True) if any(apart) else 0
    for key, text in (("stated", STATED), ("textbook", TEXTBOOK), ("executed", EXECUTED)):
        ax.annotate(text, (rows[y][key], y), (0, 15), textcoords="offset points", ha="center", fontsize=SMALL, color="#444444")
