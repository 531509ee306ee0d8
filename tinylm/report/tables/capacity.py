"""Sizes over budgets, laws and forecasts -> tables."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from tinylm.analysis import depth, fits, summaries
from tinylm.analysis import forecasts as foreseen
from tinylm.analysis.numbers import NONE, percent
from tinylm.analysis.summaries import Result
from tinylm.config.shown import short
from tinylm.study import select, titles


def optima(found: Sequence[Result], form: str = "additive") -> pd.DataFrame:
    """One row per text and budget: the best size tried, by the parabola of its curve, and by the law of all curves, with their NLLs."""
    rows: list[dict[str, Any]] = []
    for corpus in foreseen.corpora(found):
        points = fits.points(foreseen.fitted(found, corpus))
        law, lowest = fits.fit(points, form), {curve.budget: curve.n_params for curve in fits.parabolas(points)}
        for budget in np.unique(points.budget).astype(int):
            at = points.at(points.budget == budget)
            means = {size: at.nll[at.n_params == size] for size in np.unique(at.n_params)}
            size = min(means, key=lambda one: means[one].mean())
            said = fits.foreseen(law, points, int(budget))
            rows.append(
                {
                    "text": titles.corpus(corpus),
                    "budget": short(budget),
                    "best tried": f"{size:,.0f}",
                    "NLL (n)": f"{means[size].mean():.3f} ({len(means[size])})",
                    "of the parabola": f"{lowest[budget]:,.0f}" if lowest.get(budget, math.nan) > 0 else NONE,
                    "of the law": f"{said.n_params:,}",
                    "its NLL": f"{said.nll:.3f}",
                    "passes": f"{said.tokens / points.unique:.2g}",
                }
            )
    return pd.DataFrame(rows or [{"text": NONE}])


def laws(found: Sequence[Result]) -> pd.DataFrame:
    """One row per text and form of the law: its values, how the best size grows, and how far it misses each budget from smaller ones."""
    rows = []
    for corpus in foreseen.corpora(found):
        points = fits.points(foreseen.fitted(found, corpus))
        missed = fits.held_out(points)
        for form in fits.FORMS:
            law = fits.fit(points, form)
            end, _, alpha, _, beta, log_p, log_r = law.values
            misses = missed[missed["form"] == form]
            rows.append(
                {
                    "text": titles.corpus(corpus),
                    "form": form,
                    "E": f"{math.exp(end):.3f}",
                    "alpha": f"{alpha:.2f}",
                    "beta": f"{beta:.2f}",
                    "p": f"{math.exp(log_p):.2f}",
                    "R": f"{math.exp(log_r):.1f}" if points.is_repeated else NONE,
                    "growth": f"{fits.growth(law, points):.2f}",
                }
                | {f"miss at {short(one.budget)}": f"{one.miss:.1f} %" for one in misses.itertuples()}
            )
    return pd.DataFrame(rows or [{"text": NONE}]).fillna(NONE)


def forecasts(found: Sequence[Result]) -> pd.DataFrame:
    """One row per forecast of the ledger and form of the law: the size and NLL foreseen, what was trained since at that size, the miss."""
    rows = []
    for made in foreseen.recorded():
        for form, said in made["forms"].items():
            nlls = foreseen.outcome(found, made, form)
            rows.append(
                {
                    "text": titles.corpus(made["corpus"]),
                    "budget": short(made["flops"]),
                    "made": made["date"],
                    "form": form,
                    "width": f"{said['width']} ({said['low_width']} to {said['high_width']})",
                    "NLL, 90 %": f"{said['nll']:.3f} ({said['low']:.3f} to {said['high']:.3f})",
                    "outcome (n)": f"{np.mean(nlls):.3f} ({len(nlls)})" if nlls else "not trained",
                    "miss": percent(foreseen.miss(found, made, form)),
                    "refitted": percent(foreseen.miss_refitted(found, made, form)),
                    "above the best": NONE if math.isnan(above := foreseen.above_best(found, made, form)) else f"{above:.3f}",
                }
            )
    return pd.DataFrame(rows or [{"text": NONE}])


def shapes(found: Sequence[Result]) -> pd.DataFrame:
    """One row per text, budget and width: the mean valid NLL of each number of layers, and of each context at the usual number; with n."""
    chosen = select(found, role=[foreseen.ROLE, *foreseen.SHAPES])
    rows: dict[tuple[str, int, int], dict[tuple[bool, int], str]] = {}  # by what varies, the context after the depth, and its value
    varied = {(run.spec.corpus, run.budget, run.spec.model.d_model) for run in (one.run for one in select(chosen, role=foreseen.SHAPES))}
    for run, records in summaries.by_row(chosen).items():
        model, key = run.spec.model, (run.spec.corpus, run.budget, run.spec.model.d_model)
        if key in varied:
            column = (True, model.context_length) if run.role == "context" else (False, model.n_layer)
            rows.setdefault(key, {})[column] = f"{np.mean([record.valid.nll for record in records]):.3f} ({len(records)})"
    columns = sorted({column for row in rows.values() for column in row})
    names = {(varies, value): f"T = {value}" if varies else f"{value} layers" for varies, value in columns}
    table = [
        {"text": titles.corpus(corpus), "budget": short(budget), "width": str(width)}
        | {name: row.get(column, NONE) for column, name in names.items()}
        for (corpus, budget, width), row in rows.items()
    ]
    return pd.DataFrame(table or [{"text": NONE}])


def depths(found: Sequence[Result]) -> pd.DataFrame:
    """One row per text and width: how far one more layer raises the test NLL at each budget, and the budget from which on it does not.

    A budget stands with the seeds that all its differences have.
    """
    pairs = depth.pairs(found)
    budgets = {
        budget: f"{short(budget)} ({min(pair.gap.n for pair in pairs if pair.budget == budget)})"
        for budget in sorted({pair.budget for pair in pairs})
    }
    rows = []
    for corpus, width in dict.fromkeys((pair.corpus, pair.width) for pair in pairs):
        of_width = [pair for pair in pairs if (pair.corpus, pair.width) == (corpus, width)]
        cells = {budgets[pair.budget]: f"{pair.gap.mean:+.3f} ± {_half(pair):.3f}".replace("-", "−") for pair in of_width}
        level = depth.level_at(of_width)
        largest, smallest = (short(choose(pair.budget for pair in of_width)) for choose in (max, min))
        said = f"above {largest}" if math.isinf(level) else short(float(f"{level:.2g}")) if level else f"below {smallest}"
        rows.append({"text": titles.corpus(corpus), "width": str(width)} | cells | {"level at": said})
    return pd.DataFrame(rows, columns=["text", "width", *budgets.values(), "level at"] if rows else ["text"]).fillna(NONE)


def _half(pair: depth.Pair) -> float:
    """Half the 95 % interval of a gap."""
    low, high = pair.gap.interval()
    return (high - low) / 2
