"""Records -> figures, in one style. Each function returns the figure and the rows it was drawn from."""

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, NullLocator

from tinylm import fits, stated
from tinylm.config import NgramConfig
from tinylm.ledger import RunRecord
from tinylm.results import Result

Drawn = tuple[Figure, list[dict[str, Any]]]

# Okabe and Ito's palette: distinguishable with any colour vision.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#7F7F7F", "#000000")
FAMILY_COLOURS = {"Linear": COLOURS[0], "MLP": COLOURS[1], "Self-Attention": COLOURS[2], "Transformer": COLOURS[3], "LSTM": COLOURS[4]}
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
STYLE = {
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.labelsize": 9,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "axes.grid": True,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "lines.linewidth": 1.5,
    "lines.markersize": 5,
    "figure.constrained_layout.use": True,
    "axes.prop_cycle": mpl.cycler(color=COLOURS),
}


def panels(n: int = 1, width: float = 6.0, height: float = 3.4) -> tuple[Figure, list[Axes]]:
    """A figure of `n` panels side by side; sizes in inches."""
    fig, axes = plt.subplots(1, n, figsize=(width, height), squeeze=False)
    return fig, list(axes[0])


def colours(names: Sequence[str]) -> dict[str, str]:
    """A colour for each name: its family's where it has one and no other name shares it, else the next of the palette."""
    families = [family for name in names for family in FAMILY_COLOURS if name.startswith(family)]
    if len(families) == len(names) == len(set(families)):
        return {name: FAMILY_COLOURS[family] for name, family in zip(names, families, strict=True)}
    return {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(names)}


@mpl.rc_context(STYLE)
def zipf(statistics: Sequence[dict[str, Any]]) -> Drawn:
    """Relative frequency of each token against its rank, on log axes, one line a corpus."""
    fig, (ax,) = panels()
    rows = []
    for entry, marker in zip(statistics, MARKERS, strict=False):
        ranks, frequencies = np.array(entry["zipf"]["rank"]), np.array(entry["zipf"]["frequency"])
        ax.plot(ranks, frequencies, marker=marker, markersize=3, label=entry["corpus"])
        rows += [{"corpus": entry["corpus"], "rank": int(r), "frequency": float(f)} for r, f in zip(ranks, frequencies, strict=True)]
    ax.set(xscale="log", yscale="log", xlabel="rank", ylabel="relative frequency in train")
    ax.legend()
    return fig, rows


@mpl.rc_context(STYLE)
def loss_curves(results: Sequence[Result]) -> Drawn:
    """Train and valid NLL after each epoch, in two panels: mean over seeds, single seeds thin, the paper's valid curve dotted."""
    fig, axes = panels(2, 6.6, 3.2)
    groups = _trained(results)
    rows = []
    for ax, field in zip(axes, ("train_nll", "valid_nll"), strict=True):
        for (name, records), colour in zip(groups.items(), colours(list(groups)).values(), strict=True):
            curves = np.array([[point[field] for point in record.curve] for record in records])
            epochs = np.arange(1, curves.shape[1] + 1)
            ax.plot(epochs, curves.T, color=colour, linewidth=0.5, alpha=0.5)
            ax.plot(epochs, curves.mean(0), color=colour, marker="o", markersize=3, label=name)
            reference = stated.paper_row(records[0].spec)
            if field == "valid_nll" and reference and reference.valid_curve:
                ax.plot(epochs, reference.valid_curve, color=colour, linestyle=":", label=f"{name}, paper")
            rows += [{"name": name, "curve": field, "epoch": int(e), "mean_nll": v} for e, v in zip(epochs, curves.mean(0), strict=True)]
        ax.set(xlabel="epoch", ylabel=f"{field.split('_')[0]} NLL (nats per token)")
        ax.xaxis.get_major_locator().set_params(integer=True)
    fig.legend(*axes[1].get_legend_handles_labels(), loc="outside upper center", ncols=2)
    return fig, rows


@mpl.rc_context(STYLE)
def trajectories(results: Sequence[Result], floor: float | None = None) -> Drawn:
    """Valid NLL against cumulative executed training FLOPs, one line a run; counts dashed, a known `floor` in nats dotted."""
    fig, (ax,) = panels()
    groups = _trained(results)
    rows = []
    for (name, records), colour, marker in zip(groups.items(), colours(list(groups)).values(), MARKERS, strict=False):
        for record in records:
            flops, nll = [p["flops"] for p in record.curve], [p["valid_nll"] for p in record.curve]
            ax.plot(flops, nll, color=colour, marker=marker, markersize=3.5, linewidth=1, label=name if record is records[0] else None)
            rows += [{"name": name, "seed": record.spec.seed, "flops": f, "valid_nll": v} for f, v in zip(flops, nll, strict=True)]
    rows += _count_lines(ax, results, "valid")
    if floor is not None:
        ax.axhline(floor, color="black", linestyle=":", label="exact floor")
        rows.append({"name": "exact floor", "valid_nll": floor})
    ax.set_ylabel("valid NLL (nats per token)")
    _log_flops(ax, "cumulative training FLOPs (executed)")
    ax.legend()
    return fig, rows


@mpl.rc_context(STYLE)
def test_against_flops(results: Sequence[Result]) -> Drawn:
    """Test NLL against training FLOPs: filled where executed, hollow where textbook, crosses where the paper states it."""
    fig, (ax,) = panels()
    groups = _trained(results)
    rows = []
    for (name, records), colour, marker in zip(groups.items(), colours(list(groups)).values(), MARKERS, strict=False):
        record, nlls = records[0], [r.test.nll for r in records]
        nll, error = float(np.mean(nlls)), float(np.std(nlls, ddof=1)) if len(nlls) > 1 else record.test.se
        ax.plot([record.flops, record.flops_textbook], [nll, nll], color=colour, linewidth=0.8)
        ax.errorbar(record.flops, nll, error, color=colour, marker=marker, capsize=2, linestyle="none", label=name)
        ax.plot(record.flops_textbook, nll, color=colour, marker=marker, markerfacecolor="white", linestyle="none")
        row: dict[str, Any] = {"name": name, "n": len(nlls), "test_nll": nll, "error": error}
        row |= {"flops": record.flops, "flops_textbook": record.flops_textbook}
        reference = stated.paper_row(record.spec)
        if reference:
            ax.plot(reference.flops_2nd, reference.test_nll, color=colour, marker="x", linestyle="none")
            row |= {"paper_flops_2nd": reference.flops_2nd, "paper_test_nll": reference.test_nll}
        rows.append(row)
    rows += _count_lines(ax, results, "test")
    ax.set_ylabel("test NLL (nats per token)")
    _log_flops(ax, "training FLOPs")
    ax.legend()
    return fig, rows


@mpl.rc_context(STYLE)
def sweep_panels(results: Sequence[Result], fields: dict[str, str]) -> Drawn:
    """Test NLL against one size per architecture; `fields` maps a name's prefix to the model field that varies.

    Bars are the seed SD, or the test's block SE where there is one seed; the paper's values are crosses.
    """
    fig, axes = panels(len(fields), 2.1 * len(fields), 2.6)
    rows = []
    for ax, (prefix, field) in zip(axes, fields.items(), strict=True):
        chosen = {name: group for name, group in _trained(results).items() if name.startswith(f"{prefix},")}
        values = [getattr(group[0].spec.model, field) for group in chosen.values()]
        summary = fits.summary([r for r in results if r.name in chosen])
        errors = summary["seed_sd"].fillna(summary["test_se"])
        ax.errorbar(range(len(values)), summary["test_nll"], errors, color=FAMILY_COLOURS[prefix], marker="o", capsize=2, label="ours")
        reference = [stated.paper_row(group[0].spec) for group in chosen.values()]
        if all(reference):
            ax.plot(range(len(values)), [row.test_nll for row in reference], "kx", linestyle=":", linewidth=0.8, label="paper")
        ax.set(title=prefix, xlabel=field, xticks=range(len(values)), xticklabels=values)
        rows += [
            {"name": name, field: value, "n": n, "test_nll": nll, "error": error}
            for name, value, n, nll, error in zip(chosen, values, summary["n"], summary["test_nll"], errors, strict=True)
        ]
    axes[0].set_ylabel("test NLL (nats per token)")
    axes[0].legend()
    return fig, rows


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
        ax.xaxis.set_minor_formatter(NullFormatter())
        ax.tick_params(axis="x", labelsize=7)
        ax.sharey(axes[0])
    axes[0].set_ylabel("GFLOP/s")
    fig.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=4)
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
    fig.legend(loc="outside upper center", ncols=3)
    return fig, [{"precision": name, "kind": k, "share": v} for name, shares in facts["shares"].items() for k, v in shares.items()]


VERDICTS = {"supported": (COLOURS[2], "o"), "refuted": (COLOURS[3], "X"), "undecided": (COLOURS[6], "s")}


@mpl.rc_context(STYLE)
def claims(judged: pd.DataFrame) -> Drawn:
    """Each measured effect with its 95 % interval and, shaded, the range that is claimed of it; small strokes are the paper's effects.

    Colour and marker are the verdict's. A claim without records is left out, as is one that follows from another's evidence.
    """
    rows = judged[judged["effect"].notna() & (judged["follows"] == "")].reset_index(drop=True)
    fig, (ax,) = panels(1, 7.0, 1.1 + 0.22 * max(len(rows), 1))
    limit = 1.3 * max([1.0, *rows["effect"].abs(), *rows["reported"].abs().dropna()])
    ax.set_xscale("symlog", linthresh=0.03, linscale=0.5)
    for y, row in rows.iterrows():
        colour, marker = VERDICTS[row["verdict"]]
        ax.barh(y, min(row["below"], limit) - max(row["above"], -limit), 0.82, max(row["above"], -limit), color="#eef3f7", zorder=0)
        ends = np.clip([row["low"], row["high"]], -limit, limit)
        ax.plot(ends, [y, y], color=colour, linewidth=1.2)
        if np.isinf(row["high"]):
            ax.plot(limit, y, color=colour, marker=">", linestyle="none", markersize=4, clip_on=False)
        ax.plot(row["effect"], y, color=colour, marker=marker, linestyle="none")
        ax.plot(row["reported"], y, color="black", marker="|", linestyle="none", markersize=7)
    _claim_axes(ax, rows, limit)
    columns = ["contrast", "source", "above", "below", "effect", "low", "high", "reported", "n", "p_holm", "verdict"]
    return fig, rows[columns].to_dict("records")


def _claim_axes(ax: Axes, rows: pd.DataFrame, limit: float) -> None:
    """Rows from the top down between their contrasts and n, ticks that read as nats, and a legend of verdicts."""
    ticks = [tick for tick in (-1, -0.3, -0.1, 0, 0.1, 0.3, 1) if abs(tick) <= limit]
    ax.axvline(0, color="black", linewidth=0.7)
    ax.set(xlim=(-limit, limit), ylim=(len(rows) - 0.4, -0.6), xlabel="effect in nats per token")
    ax.set_xticks(ticks, [f"{tick:g}".replace("-", "−") for tick in ticks])
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_yticks(range(len(rows)), rows["contrast"])
    for y, n in enumerate(rows["n"]):
        ax.annotate(f"n = {n}", (1.02, y), xycoords=("axes fraction", "data"), va="center", fontsize=7)
    ax.grid(axis="y", visible=False)
    for verdict, (colour, marker) in VERDICTS.items():
        ax.plot([], [], color=colour, marker=marker, linestyle="-", label=verdict)
    ax.plot([], [], color="black", marker="|", linestyle="none", label="the paper's own")
    ax.figure.legend(*ax.get_legend_handles_labels(), loc="outside upper center", ncols=4)


def _log_flops(ax: Axes, label: str) -> None:
    """A logarithmic FLOP axis; minor ticks carry no labels once a whole decade is in sight, where they would run into each other."""
    ax.set(xscale="log", xlabel=label)
    low, high = ax.get_xlim()
    if high / low > 10:
        ax.xaxis.set_minor_formatter(NullFormatter())


def _trained(results: Sequence[Result]) -> dict[str, list[RunRecord]]:
    """Records by name, without the n-gram rows."""
    return fits.by_name([r for r in results if not isinstance(r.record.spec.model, NgramConfig)])


def _count_lines(ax: Axes, results: Sequence[Result], split: str) -> list[dict[str, Any]]:
    """A dashed line for each corpus's best n-gram row, chosen on valid: counting spends no training FLOPs."""
    counts = [r for r in results if isinstance(r.record.spec.model, NgramConfig)]
    corpora = list(dict.fromkeys(r.record.spec.corpus for r in counts))
    rows = []
    for corpus, dashes in zip(corpora, ("--", (0, (1, 1)), "-.", (0, (6, 2))), strict=False):
        best = min((r for r in counts if r.record.spec.corpus == corpus), key=lambda r: r.record.valid.nll)
        nll = getattr(best.record, split).nll
        ax.axhline(nll, color="#555555", linestyle=dashes, linewidth=1, label=f"{best.name} counts")
        rows.append({"name": best.name, f"{split}_nll": nll})
    return rows
