"""Forecasts of the best size and its loss at budgets that nothing was trained with, written before the runs. Needs no torch.

Each is a JSON file in docs/ledger/forecasts with the keys of the records it rests on; a later look compares it with what was trained.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from tinylm import files, ledger
from tinylm.analysis import fits
from tinylm.analysis.summaries import Result
from tinylm.config.shown import short
from tinylm.study import StudyError, select

FOLDER = "forecasts"
ROLE, TEST = "isoflop", "forecast"  # of the runs that a law is fitted to, and of those that test it
SHAPES = ("depth", "context")  # roles of runs at one width whose depth or context is another


def fitted(results: Sequence[Result], corpus: str, below: float = np.inf) -> list[Result]:
    """The runs that a law of a text is fitted to: those with a budget below."""
    return [result for result in select(results, role=ROLE, corpus=corpus) if result.run.budget < below]


def corpora(results: Sequence[Result]) -> list[str]:
    """The texts that a law can be fitted to: those with runs at three budgets or more."""
    budgets: dict[str, set[int]] = {}
    for result in select(results, role=ROLE):
        budgets.setdefault(result.run.spec.corpus, set()).add(result.run.budget)
    return [corpus for corpus, found in budgets.items() if len(found) >= fits.LEAST_BUDGETS]


def made(results: Sequence[Result], corpus: str, flops: int, date: str) -> dict[str, Any]:
    """What each form of the law foresees at a budget from the runs of smaller ones, with their keys; StudyError for too few."""
    chosen = fitted(results, corpus, flops)
    budgets = {result.run.budget for result in chosen}
    if len(budgets) < fits.LEAST_BUDGETS:
        raise StudyError(
            f"a forecast needs runs of {corpus} at {fits.LEAST_BUDGETS} budgets below {short(flops)} FLOPs, and {len(budgets)} are "
            "recorded; `python -m tinylm status --section capacity` says which are planned"
        )
    found = fits.points(chosen)
    return {
        "date": date,
        "corpus": corpus,
        "flops": flops,
        "fitted_to": int(found.budget.max()),
        "forms": {form: asdict(fits.forecast(found, flops, form)) | {"law": fits.fit(found, form).values} for form in fits.FORMS},
        "keys": sorted({result.run.spec.key for result in chosen}),
    }


def trained_at(results: Sequence[Result], corpus: str, flops: int) -> int:
    """How many runs of the curves, or of tests of a forecast, a text has at a budget or above."""
    return sum(result.run.budget >= flops for result in select(results, role=[ROLE, TEST], corpus=corpus))


def write(forecast: dict[str, Any], folder: Path | None = None) -> Path:
    """Write a forecast beside the records, where it is named by text and budget; StudyError where there is one, which stays as it was."""
    path = (folder or files.study_ledger()) / FOLDER / f"{forecast['corpus']}-{short(forecast['flops'])}.json"
    if path.exists():
        raise StudyError(f"{path} is there already; a forecast is made once, before the runs, and does not change")
    ledger.write_facts(path, forecast)
    return path


def recorded() -> list[dict[str, Any]]:
    """The forecasts of the study, by text and budget."""
    found = [ledger.read_facts(path) for path in (files.LEDGER / FOLDER).glob("*.json")]
    return sorted(filter(None, found), key=lambda one: (one["corpus"], one["flops"]))


def miss(results: Sequence[Result], forecast: dict[str, Any], form: str) -> float:
    """How far the mean of the outcomes is above what a form of the law foresaw, in per cent; NaN where nothing is trained there."""
    nlls = outcome(results, forecast, form)
    return 100 * (float(np.mean(nlls)) / forecast["forms"][form]["nll"] - 1) if nlls else math.nan


def miss_refitted(results: Sequence[Result], forecast: dict[str, Any], form: str) -> float:
    """The miss that the form would have had, fitted to all runs of the same budgets that are recorded by now; NaN as for `miss`."""
    chosen = [result for result in fitted(results, forecast["corpus"]) if result.run.budget <= forecast["fitted_to"]]
    nlls = outcome(results, forecast, form)
    if not nlls or len({result.run.budget for result in chosen}) < fits.LEAST_BUDGETS:
        return math.nan
    found, size = fits.points(chosen), forecast["forms"][form]
    said = fits.fit(found, form)(np.array([size["n_params"]]), np.array([size["tokens"]]), found.unique)
    return 100 * (float(np.mean(nlls)) / float(said[0]) - 1)


def above_best(results: Sequence[Result], forecast: dict[str, Any], form: str) -> float:
    """How far the mean valid NLL of the foreseen size is above that of the best size trained there; NaN where it is the only one."""
    there = select(results, role=[ROLE, TEST], corpus=forecast["corpus"], budget=forecast["flops"])
    at = [result for result in there if result.record.valid is not None]
    widths = {result.run.spec.model.d_model for result in at}
    nlls = {width: float(np.mean([one.record.valid.nll for one in select(at, d_model=width)])) for width in widths}
    width = forecast["forms"][form]["width"]
    return nlls[width] - min(nlls.values()) if width in nlls and len(nlls) > 1 else math.nan


def outcome(results: Sequence[Result], forecast: dict[str, Any], form: str) -> list[float]:
    """The valid NLLs of the runs at the size and budget of a forecast, that were trained since."""
    at = {"corpus": forecast["corpus"], "budget": forecast["flops"], "d_model": forecast["forms"][form]["width"]}
    chosen = select(results, role=[ROLE, TEST], **at)
    return [result.record.valid.nll for result in chosen if result.record.valid is not None]
