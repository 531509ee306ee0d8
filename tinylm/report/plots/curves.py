"""Records -> figures of losses: against rank, epochs, FLOPs and sizes."""

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes

from tinylm import data
from tinylm.analysis import summaries
from tinylm.analysis.summaries import Result
from tinylm.config import TinylmError
from tinylm.config.errors import unknown
from tinylm.ledger import RunRecord
from tinylm.report.plots.style import DASHES, FAMILIES, STYLE, Drawn, legend_above, line_styles, log_flops, panels
from tinylm.study import Planned, reported, select

COUNT_DASHES = ("--", (0, (1, 1)), "-.", (0, (6, 2)))
STUDY_DASHES = dict(zip(DASHES, (":", (0, (1, 3)), (0, (1, 5))), strict=True))  # dots, sparser where a colour comes again
AXES, LOSSES = ("flops", "step", "tokens_seen"), ("valid_nll", "train_nll")  # the fields of a curve
SIZES = {"context_length": "context length", "d_hidden": "hidden width", "n_head": "heads", "n_layer": "layers"}  # axes of sweeps
PANEL = 3.8  # inches of height below the names of runs, however many there are
GREY = "#777777"  # in a legend, of what has many colours
COUNT_GREYS = ("#555555", "#999999", "#bbbbbb", "#222222")


def nats(results: Sequence[Result]) -> str:
    """The unit of the losses of results: per character or per word, per token where both occur."""
    levels = {data.info(corpus).level for corpus in dict.fromkeys(result.record.spec.corpus for result in results)}
    return f"nats per {levels.pop() if len(levels) == 1 else 'token'}"


@mpl.rc_context(STYLE)
def zipf(statistics: Sequence[dict[str, Any]]) -> Drawn:
    """Relative frequency of each token against its rank, on log axes, one line a corpus."""
    fig, (ax,) = panels()
    rows = []
    for entry, style in zip(statistics, line_styles([entry["corpus"] for entry in statistics]), strict=True):
        ranks, frequencies = np.array(entry["zipf"]["rank"]), np.array(entry["zipf"]["frequency"])
        ax.plot(ranks, frequencies, markersize=3, label=entry["corpus"], **style)
        rows += [{"corpus": entry["corpus"], "rank": int(r), "frequency": float(f)} for r, f in zip(ranks, frequencies, strict=True)]
    ax.set(xscale="log", yscale="log", xlabel="rank", ylabel="relative frequency in train")
    ax.legend()
    return fig, rows


@mpl.rc_context(STYLE)
def loss_curves(results: Sequence[Result]) -> Drawn:
    """Train and valid NLL after each epoch, in two panels: mean over seeds, single seeds thin, the study's valid curve dotted."""
    fig, axes = panels(2, 6.6, 3.2)
    groups = _trained(results)
    rows = []
    for ax, field in zip(axes, ("train_nll", "valid_nll"), strict=True):
        for (run, records), style in zip(groups.items(), _styles(groups), strict=True):
            colour, dashes = style["color"], style["linestyle"]
            curves = np.array([[point[field] for point in record.curve] for record in records])
            epochs = np.arange(1, curves.shape[1] + 1)
            ax.plot(epochs, curves.T, color=colour, linestyle=dashes, linewidth=0.5, alpha=0.5)
            ax.plot(epochs, curves.mean(0), markersize=3, label=run.name, **style)
            reference = reported.paper_row(run.spec)
            if field == "valid_nll" and reference and reference.valid_curve:
                ax.plot(epochs, reference.valid_curve, color=colour, linestyle=STUDY_DASHES[dashes], label=f"{run.name}, study")
            rows += [
                {"name": run.name, "curve": field, "epoch": int(e), "mean_nll": v} for e, v in zip(epochs, curves.mean(0), strict=True)
            ]
        ax.set(xlabel="epoch", ylabel=f"{field.split('_')[0]} NLL ({nats(results)})")
        ax.xaxis.get_major_locator().set_params(integer=True)
    legend_above(fig, axes[1])
    return fig, rows


@mpl.rc_context(STYLE)
def trajectories(results: Sequence[Result], floor: float | None = None) -> Drawn:
    """Valid NLL against cumulative executed training FLOPs, one line a run; counts dashed, a known `floor` in nats dotted.

    The study's own curve is dotted too, each epoch at the FLOPs that ours has spent by its end.
    """
    fig, (ax,) = panels()
    groups = _trained(results)
    rows = _lines(ax, groups, "flops", "valid_nll") + _studys(ax, groups)
    rows += count_lines(ax, results, "valid")
    if floor is not None:
        ax.axhline(floor, color="black", linestyle=":", label="exact floor")
        rows.append({"name": "exact floor", "valid_nll": floor})
    ax.set_ylabel(f"valid NLL ({nats(results)})")
    log_flops(ax, "cumulative training FLOPs (executed)")
    legend_above(fig, ax)
    return fig, rows


@mpl.rc_context(STYLE)
def run_curves(results: Sequence[Result], against: str, field: str) -> Drawn:
    """A field of the curves (LOSSES) against another (AXES), one line a run, the names above the panel.

    Counts are dashed lines at their valid NLL, and have no train NLL; a run that diverged has the points before. TinylmError for a field
    that curves do not have.
    """
    for what, name, known in (("axis", against, AXES), ("loss", field, LOSSES)):
        if name not in known:
            raise TinylmError(unknown(what, name, known))
    fig, (ax,) = panels(1, 6.8, PANEL)
    drawn: dict[Planned, list[Result]] = {}
    for result in results:
        drawn.setdefault(result.run.row, []).append(result)
    curves = {row: [one.record for one in found if one.record.curve] for row, found in drawn.items() if not row.spec.is_counts}
    rows = _lines(ax, {row: records for row, records in curves.items() if records}, against, field)
    if field == "valid_nll":
        rows += _levels(ax, [found[0] for row, found in drawn.items() if row.spec.is_counts], "valid")
    ax.set_ylabel(f"{field.split('_')[0]} NLL (nats per token)")
    if against == "flops":
        log_flops(ax, "cumulative training FLOPs (executed)")
    else:
        ax.set_xlabel(against)
    legend_above(fig, ax)
    for legend in fig.legends:
        fig.set_figheight(round(PANEL + legend.get_window_extent().height / fig.dpi, 1))
    return fig, rows


@mpl.rc_context(STYLE)
def progress_curves(progress: Mapping[str, Sequence[Any]]) -> Drawn:
    """Train NLL (thin) and valid NLL (points) of runs in progress against their FLOPs so far, by their names."""
    fig, (ax,) = panels(1, 6.0, 3.0)
    rows = []
    for (name, points), style in zip(progress.items(), line_styles(list(progress)), strict=True):
        known = [(p.flops, p.valid_nll) for p in points if p.valid_nll is not None]
        ax.plot([p.flops for p in points], [p.train_nll for p in points], color=style["color"], linewidth=0.8, alpha=0.6, label=name)
        ax.plot(*zip(*known, strict=True) if known else ([], []), color=style["color"], marker="o", linestyle="none")
        rows += [{"name": name, "flops": p.flops, "train_nll": p.train_nll, "valid_nll": p.valid_nll} for p in points]
    ax.set(xlabel="training FLOPs (executed)", ylabel="NLL (nats per token)", title="line: train, points: valid")
    legend_above(fig, ax)
    return fig, rows


def _lines(ax: Axes, groups: dict[Planned, list[RunRecord]], against: str, field: str) -> list[dict[str, Any]]:
    """A line for each record, in the style of its row; the points drawn."""
    rows = []
    for i, ((run, records), style) in enumerate(zip(groups.items(), _styles(groups), strict=True)):
        above = 2 + 1 / (1 + i)  # a longer run after a shorter one of the same seed does not hide it
        for record in records:
            x, y = [p[against] for p in record.curve], [p[field] for p in record.curve]
            ax.plot(x, y, markersize=3.5, linewidth=1, zorder=above, label=run.name if record is records[0] else None, **style)
            rows += [{"name": run.name, "seed": record.spec.seed, against: a, field: b} for a, b in zip(x, y, strict=True)]
    return rows


def _studys(ax: Axes, groups: dict[Planned, list[RunRecord]]) -> list[dict[str, Any]]:
    """The study's valid curve of each row that has one, over the curve of our first seed; the points drawn."""
    rows = []
    for (run, records), style in zip(groups.items(), _styles(groups), strict=True):
        reference = reported.paper_row(run.spec)
        if reference and len(reference.valid_curve) == len(records[0].curve):
            flops = [point["flops"] for point in records[0].curve]
            look = {"color": style["color"], "linestyle": STUDY_DASHES[style["linestyle"]], "marker": "x", "markersize": 4}
            ax.plot(flops, reference.valid_curve, linewidth=1, label=f"{run.name}, study", **look)
            points = zip(flops, reference.valid_curve, strict=True)
            rows += [{"name": f"{run.name}, study", "flops": a, "valid_nll": b} for a, b in points]
    return rows


@mpl.rc_context(STYLE)
def test_against_flops(results: Sequence[Result]) -> Drawn:
    """Test NLL against training FLOPs: filled where executed, hollow where textbook, crosses where the study states it.

    Bars are the seed SD, or the test's block SE where there is one seed.
    """
    fig, (ax,) = panels()
    groups = _trained(results)
    rows = []
    for (run, records), style in zip(groups.items(), _styles(groups), strict=True):
        colour, marker = style["color"], style["marker"]
        record, nlls = records[0], [r.test.nll for r in records]
        nll, error = float(np.mean(nlls)), float(np.std(nlls, ddof=1)) if len(nlls) > 1 else record.test.se
        ax.plot([record.flops, record.flops_textbook], [nll, nll], color=colour, linestyle=style["linestyle"], linewidth=0.8)
        ax.errorbar(record.flops, nll, error, color=colour, marker=marker, capsize=2, linestyle="none", label=run.name)
        ax.plot(record.flops_textbook, nll, color=colour, marker=marker, markerfacecolor="white", linestyle="none")
        row: dict[str, Any] = {"name": run.name, "n": len(nlls), "test_nll": nll, "error": error}
        row |= {"flops": record.flops, "flops_textbook": record.flops_textbook}
        reference = reported.paper_row(run.spec)
        if reference:
            ax.plot(reference.flops_2nd, reference.test_nll, color=colour, marker="x", linestyle="none")
            row |= {"study_flops_2nd": reference.flops_2nd, "study_test_nll": reference.test_nll}
        rows.append(row)
    _explain_bars(ax, [row["n"] for row in rows])
    rows += count_lines(ax, results, "test")
    ax.set_ylabel(f"test NLL ({nats(results)})")
    log_flops(ax, "training FLOPs")
    legend_above(fig, ax)
    return fig, rows


@mpl.rc_context(STYLE)
def sweep_panels(results: Sequence[Result], fields: dict[str, str]) -> Drawn:
    """Test NLL against one size per architecture; `fields` maps an architecture to the model field that varies.

    Bars are the seed SD, or the test's block SE where there is one seed; the study's values are crosses.
    """
    fig, axes = panels(len(fields), 2.1 * len(fields), 2.6)
    rows = []
    for ax, (architecture, field) in zip(axes, fields.items(), strict=True):
        summary = summaries.summary(select(results, role="sweep", architecture=architecture))
        values = [getattr(run.spec.model, field) for run in summary["run"]]
        errors = summary["seed_sd"].fillna(summary["test_se"])
        colour, marker = FAMILIES[architecture]
        ax.errorbar(range(len(values)), summary["test_nll"], errors, color=colour, marker=marker, capsize=2)
        study = [row.test_nll if (row := reported.paper_row(run.spec)) else np.nan for run in summary["run"]]
        if not np.isnan(study).all():
            ax.plot(range(len(values)), study, "kx", linestyle=":", linewidth=0.8, label="study")
        ax.set(title=architecture, xlabel=SIZES.get(field, field), xticks=range(len(values)), xticklabels=values)
        rows += [
            {"name": name, field: value, "n": n, "test_nll": nll, "error": error}
            for name, value, n, nll, error in zip(summary["name"], values, summary["n"], summary["test_nll"], errors, strict=True)
        ]
    axes[0].set_ylabel(f"test NLL ({nats(results)})")
    if rows:
        axes[0].plot([], [], color=GREY, marker="o", label="ours")  # of no panel's colour
    _explain_bars(axes[0], [row["n"] for row in rows])
    legend_above(fig, axes[0])
    return fig, rows


def _explain_bars(ax: Axes, seeds: Sequence[int]) -> None:
    """A line of the legend that says what error bars are of rows with these numbers of seeds."""
    meaning = {(True, False): "seed SD", (False, True): "the text's SE", (True, True): "seed SD, of one seed the text's SE"}
    if seeds:
        ax.errorbar([], [], [], color="#777777", capsize=2, linestyle="none", label=f"bar: {meaning[max(seeds) > 1, min(seeds) == 1]}")


def _trained(results: Sequence[Result]) -> dict[Planned, list[RunRecord]]:
    """Records by row, without the n-gram rows."""
    return summaries.by_row(summaries.networks(results))


def _styles(rows: Iterable[Planned]) -> list[dict[str, str]]:
    return line_styles([run.architecture for run in rows])


def best_counts(results: Sequence[Result]) -> list[Result]:
    """Of each corpus the n-gram row that is best on valid, and the best of those with a cache."""
    groups: dict[tuple[str, bool], list[Result]] = {}
    for result in summaries.counts(results):
        spec = result.record.spec
        groups.setdefault((spec.corpus, spec.model.cache > 0), []).append(result)
    return [min(group, key=lambda r: r.record.valid.nll) for group in groups.values()]


def count_lines(ax: Axes, results: Sequence[Result], split: str, seconds: Callable[[Planned], float] | None = None) -> list[dict[str, Any]]:
    """A dashed line for each corpus's best n-gram row and its best with a cache, chosen on valid: counting spends no training FLOPs.

    With the `seconds` of runs each line has a dot at the time that counting takes.
    """
    return _levels(ax, best_counts(results), split, seconds, titled=True)


def _levels(
    ax: Axes, counts: Iterable[Result], split: str, seconds: Callable[[Planned], float] | None = None, titled: bool = False
) -> list[dict[str, Any]]:
    """A dashed line at the NLL of each of these counts, with a dot at the time that counting takes; `titled`: called by their title."""
    rows, counts = [], list(counts)
    alone = titled and len({result.run.spec.corpus for result in counts}) == 1
    styles = itertools.cycle(itertools.product(COUNT_GREYS, COUNT_DASHES))
    for result, (grey, dashes) in zip(counts, styles, strict=False):
        nll = getattr(result.record, split).nll
        name = f"counts: {result.run.spec.model.title}" if alone else f"{result.run.name} counts"
        ax.axhline(nll, color=grey, linestyle=dashes, linewidth=1, label=name)
        row = {"name": result.run.name, f"{split}_nll": nll}
        if seconds is not None:
            row["seconds"] = seconds(result.run)
            ax.plot(row["seconds"], nll, color=grey, marker="o", markersize=4)
        rows.append(row)
    return rows
