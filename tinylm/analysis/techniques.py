"""What techniques of large models are worth by budget and text, how that changes with the budget, and which go together. Needs no torch.

A gain is the baseline's test NLL minus the technique's, over the seeds that both have; each text and budget is a family of tests, whose
noise of seeds is that of all its rows, less what a seed does to all of them alike.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from tinylm.analysis import families, significance, summaries
from tinylm.analysis.significance import Estimate
from tinylm.analysis.summaries import Result
from tinylm.analysis.text_noise import Part
from tinylm.ledger import RunRecord
from tinylm.study import select
from tinylm.study.techniques import BASELINE, SEPARATOR

ROLES = ["technique", "largest"]
TESTED = ["n", "gain", "low", "high", "p_alone", "p", "p_holm", "verdict"]
Cells = Mapping[str, Sequence[RunRecord]]


def corpora(found: Sequence[Result]) -> list[str]:
    """The texts of the recorded runs, in the order of the plan."""
    return list(dict.fromkeys(result.run.spec.corpus for result in found))


def budgets(found: Sequence[Result], corpus: str) -> list[int]:
    """The budgets of a text at which the baseline is recorded, from the smallest."""
    return sorted({result.run.budget for result in select(found, role=ROLES, rung=BASELINE.name, corpus=corpus)})


def cells(found: Sequence[Result], corpus: str, budget: int) -> Cells:
    """The finished records of a text and budget by technique or pair of techniques, of those that share a seed with the baseline."""
    groups = {run.rung: records for run, records in summaries.by_row(select(found, corpus=corpus, budget=budget)).items()}
    if BASELINE.name not in groups:
        return {}
    seeds = {record.spec.seed for record in groups[BASELINE.name]}
    return {name: records for name, records in groups.items() if seeds & {record.spec.seed for record in records}}


def gains(found: Sequence[Result]) -> pd.DataFrame:
    """One row per `corpus`, `budget` and `technique`: its gain with a 95 % interval, p values and a verdict, as `families.family`."""
    frames = []
    for corpus in corpora(found):
        for budget in budgets(found, corpus):
            at = cells(select(found, role=ROLES), corpus, budget)
            contrasts = {name: {BASELINE.name: 1.0, name: -1.0} for name in at if name != BASELINE.name}
            frames.append(families.family(at, contrasts, families.paired_variance(at)).assign(corpus=corpus, budget=budget))
    names = {"contrast": "technique", "effect": "gain"}
    return _joined(frames, ["corpus", "budget", "technique", *TESTED], names)


def fullest_budget(gains: pd.DataFrame) -> int:
    """The budget at which most gains are known with two seeds or more, the largest of several; else with one; 0 where none is."""
    for least in (2, 1):
        numbers = gains[gains["n"] >= least].groupby("budget").size()
        if len(numbers):
            return int(numbers.index[numbers == numbers.max()].max())
    return 0


def slopes(found: Sequence[Result]) -> pd.DataFrame:
    """One row per `corpus` and `technique` that is recorded at two budgets or more: by how much ten times the budget raises its gain.

    The slope of least squares over the logarithm of the budget. Every budget has its own pooled variance of seeds; the text's noise is
    that of the slope in each block. The techniques of a text are one family.
    """
    rows = []
    for corpus in corpora(found):
        by_budget = {budget: cells(select(found, role=ROLES), corpus, budget) for budget in budgets(found, corpus)}
        names = dict.fromkeys(name for at in by_budget.values() for name in at if name != BASELINE.name)
        estimates = {name: estimate for name in names if (estimate := _slope(by_budget, name)) is not None}
        p = [estimate.p_other() if estimate.n > 1 else math.nan for estimate in estimates.values()]
        p_holm = significance.holm([1.0 if math.isnan(value) else value for value in p])
        for (name, estimate), single, corrected in zip(estimates.items(), p, p_holm, strict=True):
            low, high = estimate.interval() if estimate.n > 1 else (math.nan, math.nan)
            row = {"corpus": corpus, "technique": name, "n": estimate.n, "slope": estimate.mean, "low": low, "high": high}
            rows.append(row | {"p": single, "p_holm": float(corrected), "verdict": families.verdict(single, float(corrected))})
    return pd.DataFrame(rows, columns=["corpus", "technique", "n", "slope", "low", "high", "p", "p_holm", "verdict"])


def _slope(by_budget: Mapping[int, Cells], name: str) -> Estimate | None:
    """The slope of a technique's gain, over the budgets that have it; None for fewer than two, and where no text is shared."""
    shared = {budget: _pairs(at, name) for budget, at in by_budget.items() if name in at}
    if len(shared) < 2:
        return None
    logs = np.log10(list(shared))
    weights = (logs - logs.mean()) / np.sum((logs - logs.mean()) ** 2)
    blocks, seeds = np.zeros(1), []
    for (budget, pairs), weight in zip(shared.items(), weights, strict=True):
        blocks = blocks + weight * np.mean([summaries.block_gaps(base, other) for base, other in pairs], axis=0)
        spread = families.paired_variance(by_budget[budget])
        seeds.append(Part(variance=2 * weight**2 * spread.variance / len(pairs), df=spread.df))
    records = [record for pairs in shared.values() for record in pairs[0]]
    text = summaries.text_part(blocks, records)
    mean = float(np.average(blocks, weights=summaries.block_sizes(records[0].test)))
    unknown = Estimate(n=min(map(len, shared.values())), mean=mean, se=math.nan, df=1.0, test="", text=text)
    return significance.with_seed_noise(unknown, *seeds)


def _pairs(at: Cells, name: str) -> list[tuple[RunRecord, RunRecord]]:
    """The baseline's record and a technique's, for each seed that both have."""
    return significance.common_seeds(at[BASELINE.name], at[name])


def together(found: Sequence[Result]) -> pd.DataFrame:
    """One row per `corpus`, `budget` and pair of techniques whose parts are recorded too: the gain of both, and how far it is from the sum.

    `gain` is that difference, tested as `families.family`: below zero two techniques bring less together than alone.
    """
    frames = []
    for corpus in corpora(found):
        for budget in sorted({result.run.budget for result in select(found, role="pair", corpus=corpus)}):
            at = cells(found, corpus, budget)
            pairs = {name: name.split(SEPARATOR) for name in at if SEPARATOR in name}
            contrasts = {name: _interaction(name, parts) for name, parts in pairs.items() if all(part in at for part in parts)}
            both = families.family(at, {name: {BASELINE.name: 1.0, name: -1.0} for name in contrasts})
            frame = families.family(at, contrasts, families.paired_variance(at))
            frames.append(frame.assign(corpus=corpus, budget=budget, both=both["effect"]))
    return _joined(frames, ["corpus", "budget", "pair", "both", *TESTED], {"contrast": "pair", "effect": "gain"})


def _interaction(pair: str, parts: Sequence[str]) -> dict[str, float]:
    """The gain of both minus the gains of each."""
    return {BASELINE.name: -1.0, pair: -1.0} | dict.fromkeys(parts, 1.0)


def _joined(frames: Sequence[pd.DataFrame], columns: Sequence[str], names: Mapping[str, str]) -> pd.DataFrame:
    filled = [frame.rename(columns=names)[list(columns)] for frame in frames if len(frame)]
    return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame(columns=list(columns))
