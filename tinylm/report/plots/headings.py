"""Who copies: the cost of headings by how far back they last stood, and one of them character by character -> a figure."""

import itertools
from collections.abc import Container, Sequence
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from tinylm import data, files
from tinylm.config import TransformerConfig
from tinylm.evaluation.probes import HEADINGS, headings
from tinylm.report.plots.style import COUNT_COLOUR, FAMILIES, SMALL, STYLE, Drawn, label_right, panels
from tinylm.study import Planned

NETWORKS = ("Transformer,\nno induction", "Transformer\nwith induction")  # their names
STYLES = (FAMILIES["Transformer without induction"], FAMILIES["Transformer"])
FARTHEST_FIRST = headings.REACHES[::-1]  # the nearest stand at the right, where lines lie apart and have their names
SPANS = {  # what the reaches are called on the axis, from both ends
    f"up to {last:,}": f"{first + 1:,}–\n{last:,}" for first, last in itertools.pairwise((0, *headings.EDGES))
}
DARKEST = 6.0  # nats: a character that costs more is no darker
DARKEST_GREY = 0.5  # on which black letters are still read in print


@mpl.rc_context(STYLE)
def copying(runs: Sequence[Planned]) -> Drawn:
    """What a heading's characters cost, by how far back the same heading last stood: a model that copies has a low right end.

    Drawn are four of the runs at most, trained on the text itself: a Transformer without induction and one with it, of one role and at
    the largest budget that has both, the longest counts, and those with the longest cache. Below is one stretch of the test text up to
    a heading that stands for the second time, each character the darker the more it cost the two networks. Those of which this is
    recorded come first.
    """
    frame = HEADINGS.frame(runs, files.ledgers())
    found = list(dict.fromkeys(frame["run"]))
    examples = {run: example for run in found if (example := HEADINGS.example(run, files.ledgers()))}
    chosen = _chosen(found, examples)
    examples = {run: examples[run] for run in chosen if run in examples and not run.spec.is_counts}
    fig, ax, below = _layout(len(examples) == len(NETWORKS))
    ends = [_draw_line(ax, run, frame[frame["run"] == run].set_index("reach")["nll"]) for run in chosen]
    ax.set(xticks=range(len(FARTHEST_FIRST)), ylabel="NLL of headings\n(nats per character)", ylim=(0, None))
    ax.set_xticklabels([SPANS.get(reach, reach) for reach in FARTHEST_FIRST], fontsize=SMALL)
    ax.set_xlabel("characters since the same heading last stood")
    rows = frame[frame["run"].isin(chosen)].assign(run=[run.name for run in frame["run"] if run in chosen]).to_dict("records")
    for panel, (run, example) in zip(below, examples.items(), strict=False):
        _draw_text(panel, _network(run)[0].replace("\n", " "), example)
        rows += [{"run": run.name, "character": c, "nll": nll} for c, nll in zip(example["text"], example["nll"], strict=True)]
    if below:
        _scale(fig, below)
    label_right(ax, ends)
    return fig, rows or [{"run": "none is recorded"}]


def _chosen(runs: Sequence[Planned], preferred: Container[Planned]) -> list[Planned]:
    """The four that the figure compares, as far as they are recorded; a pair of networks that are both preferred comes first."""
    plain = [run for run in runs if data.source(run.spec.corpus) == run.spec.corpus]
    counts = [run for run in plain if run.spec.is_counts]
    without, cached = [run for run in counts if not run.spec.model.cache], [run for run in counts if run.spec.model.cache]
    chosen = _pair([run for run in plain if run in preferred]) or _pair(plain)
    chosen += [max(without, key=lambda run: run.spec.model.order)] if without else []
    return chosen + ([max(cached, key=lambda run: run.spec.model.cache)] if cached else [])


def _pair(runs: Sequence[Planned]) -> list[Planned]:
    """The Transformers without and with induction, of one role, at the largest budget that has both; none where none has."""
    found: dict[tuple[int, str], dict[bool, Planned]] = {}
    for run in runs:
        if isinstance(run.spec.model, TransformerConfig):
            found.setdefault((run.budget, run.role), {})[bool(run.spec.model.induction)] = run
    both = max((key for key, pair in found.items() if len(pair) == len(NETWORKS)), default=None)
    return [found[both][has_induction] for has_induction in (False, True)] if both else []


def _network(run: Planned) -> tuple[str, tuple[str, str]]:
    """The name of a network, and its colour and marker."""
    has_induction = bool(run.spec.model.induction)
    return NETWORKS[has_induction], STYLES[has_induction]


def _layout(has_example: bool) -> tuple[Figure, Axes, list[Axes]]:
    """The panel of lines, and below it those of the text where there is one."""
    if not has_example:
        fig, (ax,) = panels(1, 6.3, 2.6)
        return fig, ax, []
    fig = plt.figure(figsize=(6.3, 3.8))
    grid = fig.add_gridspec(2, 2, height_ratios=(2, 1.15))
    return fig, fig.add_subplot(grid[0, :]), [fig.add_subplot(grid[1, i]) for i in range(2)]


def _draw_line(ax: Axes, run: Planned, by_reach: Any) -> tuple[float, float, str, str]:
    """The line of a run; the place, text and colour of its name."""
    if run.spec.is_counts:
        cache = run.spec.model.cache
        look = {"color": COUNT_COLOUR, "linestyle": ":" if cache else "--"}
        name = f"counts with a\ncache of {cache:,}" if cache else f"counts ({run.spec.model.title}),\nno cache"
    else:
        name, (colour, marker) = _network(run)
        look = {"color": colour, "marker": marker}
    values = np.array([by_reach[reach] for reach in FARTHEST_FIRST], dtype=float)
    ax.plot(range(len(values)), values, label=name, **look)
    known = np.flatnonzero(np.isfinite(values))
    last = known[-1] if len(known) else 0
    return last, values[last], name, look["color"]


def _draw_text(ax: Axes, title: str, example: dict[str, Any]) -> None:
    """Each character on a ground that is the darker the more it cost; the second heading has its mean beside it."""
    lines = example["text"].split("\n")
    colours, row, column = plt.get_cmap("Greys"), 0, 0
    for character, nll in zip(example["text"], example["nll"], strict=True):
        dark = min(nll / DARKEST, 1.0) * DARKEST_GREY
        ax.add_patch(Rectangle((column, row), 1, 0.92, facecolor=colours(dark), linewidth=0))
        if character != "\n":
            ax.text(column + 0.5, row + 0.48, character, ha="center", va="center", family="monospace", fontsize=7)
        row, column = (row + 1, 0) if character == "\n" else (row, column + 1)
    heading = np.mean(example["nll"][-len(lines[-1]) :])
    ax.text(len(lines[-1]) + 0.8, row + 0.48, f"{heading:.1f} nats per character", va="center", fontsize=SMALL, fontweight="bold")
    ax.set(xlim=(0, max(map(len, lines)) + 1), ylim=(len(lines), 0), title=title)
    ax.axis("off")


def _scale(fig: Figure, axes: Sequence[Axes]) -> None:
    colours = mpl.colors.ListedColormap(plt.get_cmap("Greys")(np.linspace(0, DARKEST_GREY, 256)))
    shown = mpl.cm.ScalarMappable(mpl.colors.Normalize(0, DARKEST), colours)
    fig.colorbar(shown, ax=list(axes), location="bottom", label="nats per character", shrink=0.35, aspect=25)
