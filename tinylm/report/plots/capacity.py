"""Sizes and contexts over budgets -> figures."""

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.colors import to_hex
from matplotlib.ticker import LogLocator, NullFormatter, ScalarFormatter

from tinylm.analysis import depth, fits, forecasts, summaries
from tinylm.analysis.numbers import power
from tinylm.analysis.summaries import Result
from tinylm.report.plots.style import COLOURS, MARKERS, STYLE, Drawn, legend_above, panels
from tinylm.study import select, titles


@mpl.rc_context(STYLE)
def isoflops(found: Sequence[Result], form: str = "additive") -> Drawn:
    """The mean valid NLL of each size at each budget, a panel a text; the lines are the fitted law's, a star the best size by it.

    Budgets beyond those that the law is fitted to are hollow, its lines there broken.
    """
    corpora = forecasts.corpora(found)
    fig, axes = panels(max(1, len(corpora)), height=2.6)
    rows = []
    for ax, corpus in zip(axes, corpora, strict=bool(corpora)):
        known = fits.points(forecasts.fitted(found, corpus))
        law, last = fits.fit(known, form), known.budget.max()
        beyond = [one for one in select(found, role=forecasts.TEST, corpus=corpus) if one.run.budget > last]
        points = fits.points([*forecasts.fitted(found, corpus), *beyond])
        budgets = np.unique(points.budget)
        for budget, colour in zip(budgets, mpl.colormaps["viridis"](np.linspace(0, 0.85, len(budgets))), strict=True):
            at, shown = points.at(points.budget == budget), {"color": to_hex(colour)}
            fill, dash = ("full", "-") if budget <= last else ("none", "--")
            means = {size: at.nll[at.n_params == size].mean() for size in np.unique(at.n_params)}
            ax.plot(list(means), list(means.values()), "o", fillstyle=fill, label=f"{power(budget)} FLOPs", **shown)
            sizes = fits.sizes(corpus, int(budget), points.n_layer, points.context_length)
            sizes = sizes[:, (sizes[1] >= 0.7 * min(means)) & (sizes[1] <= 1.4 * max(means))]
            nlls = law(sizes[1], sizes[2], points.unique)
            ax.plot(sizes[1], nlls, dash, **shown)
            best = int(np.argmin(nlls))
            ax.plot(sizes[1, best], nlls[best], "*", markersize=11, markeredgecolor="black", markeredgewidth=0.7, zorder=3, **shown)
            rows += [{"corpus": corpus, "FLOPs": int(budget), "parameters": int(size), "valid NLL": nll} for size, nll in means.items()]
        ax.set(xscale="log", xlabel="parameters", title=titles.corpus(corpus))
    axes[0].set_ylabel("valid NLL (nats per character)")
    legend_above(fig, axes[0])
    return fig, rows


@mpl.rc_context(STYLE)
def depths(found: Sequence[Result]) -> Drawn:
    """How far one more layer raises the test NLL at equal FLOPs, by optimizer steps a parameter, a panel a text and a colour a budget."""
    pairs = depth.pairs(found)
    corpora = list(dict.fromkeys(pair.corpus for pair in pairs))
    budgets = sorted({pair.budget for pair in pairs})
    fig, axes = panels(max(1, len(corpora)), height=2.6)
    rows = []
    for ax, corpus in zip(axes, corpora, strict=bool(corpora)):
        for budget, colour in zip(budgets, mpl.colormaps["viridis"](np.linspace(0, 0.85, len(budgets))), strict=True):
            chosen = [pair for pair in pairs if (pair.corpus, pair.budget) == (corpus, budget)]
            gaps, halves = [pair.gap.mean for pair in chosen], [pair.gap.mean - pair.gap.interval()[0] for pair in chosen]
            label = f"{power(budget)} FLOPs"
            ax.errorbar([pair.steps for pair in chosen], gaps, halves, fmt="o", color=to_hex(colour), label=label, elinewidth=0.8)
            rows += [
                {
                    "corpus": corpus,
                    "FLOPs": budget,
                    "width": pair.width,
                    "steps a parameter": pair.steps,
                    "gap": pair.gap.mean,
                    "n": pair.gap.n,
                }
                for pair in chosen
            ]
        ax.axhline(0, color="grey", linewidth=0.8)
        ax.set(xscale="log", xlabel="steps a parameter", title=titles.corpus(corpus))
    axes[0].set_ylabel("test NLL, one more layer − without")
    legend_above(fig, axes[0])
    return fig, rows


@mpl.rc_context(STYLE)
def contexts(found: Sequence[Result]) -> Drawn:
    """The mean test NLL of one kind of model against its context, a panel a budget and a line a learning rate."""
    budgets = sorted({result.run.budget for result in found})
    rates = sorted({result.run.spec.train.lr for result in found})
    fig, axes = panels(max(1, len(budgets)), height=2.8)
    rows = []
    for ax, budget in zip(axes, budgets, strict=bool(budgets)):
        for rate, colour, marker in zip(rates, COLOURS, MARKERS, strict=False):
            by_row = summaries.by_row(select(found, budget=budget, lr=rate))
            means = {run.spec.model.context_length: np.mean([record.test.nll for record in records]) for run, records in by_row.items()}
            lengths = sorted(means)
            ax.plot(lengths, [means[length] for length in lengths], color=colour, marker=marker, label=f"rate {rate:g}")
            rows += [{"FLOPs": budget, "rate": rate, "context": length, "test NLL": means[length]} for length in lengths]
        shown = sorted({row["context"] for row in rows})
        ax.set(xscale="log", yscale="log", xlabel="context", title=f"{power(budget)} FLOPs", xticks=shown, xticklabels=shown)
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.yaxis.set_major_formatter(ScalarFormatter())
        for axis in (ax.xaxis, ax.yaxis):
            axis.set_minor_formatter(NullFormatter())
    axes[0].set_ylabel("test NLL (nats per character)")
    legend_above(fig, axes[0])
    return fig, rows
