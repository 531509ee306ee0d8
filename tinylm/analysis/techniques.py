"""What techniques of large models are worth by budget and text, how that changes with the budget, and which go together. Needs no torch.

A gain is the baseline's test NLL minus the technique's, over the seeds that both have; each text and budget is a family of tests, whose
noise of seeds is that of all its rows, less what a seed does to all of them alike.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from tinylm.analysis import families, summaries
from tinylm.analysis.summaries import Result
from tinylm.ledger import RunRecord
from tinylm.study import recipes, select, titles
from tinylm.study.techniques import BASELINE, SEPARATOR, regime

ROLES = ["technique", "largest"]
TESTED = ["n", "gain", "low", "high", "p_alone", "p", "p_holm", "verdict"]
Cells = Mapping[str, Sequence[RunRecord]]


def corpora(found: Sequence[Result]) -> list[str]:
    """The texts of the recorded networks, in the order of the plan."""
    return list(dict.fromkeys(result.run.spec.corpus for result in found if not result.run.spec.is_counts))


def texts(found: Sequence[Result]) -> dict[str, str]:
    """What a reader calls each text: how often it is read, or where that does not tell several apart its name."""
    regimes = {corpus: regime(select(found, corpus=corpus)[0].run.spec) for corpus in corpora(found)}
    return regimes if len({*regimes.values()}) == len(regimes) > 1 else {corpus: titles.corpus(corpus) for corpus in regimes}


def budgets(found: Sequence[Result], corpus: str) -> list[int]:
    """The budgets of a text at which the baseline is recorded, from the smallest."""
    return sorted({result.run.budget for result in select(found, role=ROLES, rung=BASELINE.name, corpus=corpus)})


def cells(found: Sequence[Result], corpus: str, budget: int) -> Cells:
    """The finished records of a text and budget by technique or pair of techniques, of those that share a seed with the baseline."""
    groups = {run.rung: records for run, records in summaries.by_row(select(found, corpus=corpus, budget=budget)).items()}
    return families.comparable(groups, BASELINE.name)


def gains(found: Sequence[Result]) -> pd.DataFrame:
    """One row per `corpus`, `budget` and `technique`: its gain with a 95 % interval, p values and a verdict, as `families.family`."""
    frames = []
    for corpus in corpora(found):
        for budget in budgets(found, corpus):
            at = cells(select(found, role=ROLES), corpus, budget)
            frames.append(families.gains(at, BASELINE.name).assign(corpus=corpus, budget=budget))
    names = {"contrast": "technique", "effect": "gain"}
    return families.joined(frames, ["corpus", "budget", "technique", *TESTED], names)


def fullest_budget(gains: pd.DataFrame) -> int:
    """The budget at which most gains are known with two seeds or more, the largest of several; else with one; 0 where none is."""
    for least in (2, 1):
        numbers = gains[gains["n"] >= least].groupby("budget").size()
        if len(numbers):
            return int(numbers.index[numbers == numbers.max()].max())
    return 0


def tested(found: Sequence[Result]) -> dict[str, pd.DataFrame]:
    """The gains on each text at its fullest budget, by what a reader calls the text; without texts of one seed."""
    every = gains(found)
    by_text = {title: every[every["corpus"] == corpus] for corpus, title in texts(found).items()}
    fullest = {title: rows[rows["budget"] == fullest_budget(rows)] for title, rows in by_text.items()}
    return {title: rows for title, rows in fullest.items() if rows["n"].max() > 1}


def clear(gains: pd.DataFrame, sign: int = 1) -> dict[str, float]:
    """By how much each technique that clearly lowers the test NLL lowers it, or raises it where the sign is -1, most first."""
    by = sign * gains["gain"]
    rows = gains.assign(by=by)[(gains["verdict"] == families.CLEAR) & (by > 0)].sort_values("by", ascending=False)
    return dict(zip(rows["technique"], rows["by"], strict=True))


def order(gains: pd.DataFrame) -> list[str]:
    """The techniques from the largest mean gain over texts at the fullest budget; others last."""
    means = gains[gains["budget"] == fullest_budget(gains)].groupby("technique")["gain"].mean()
    return sorted(gains["technique"].unique(), key=lambda name: -means.get(name, -np.inf))


def slopes(found: Sequence[Result]) -> pd.DataFrame:
    """One row per `corpus` and `technique` that is recorded at two budgets or more: by how much ten times the budget raises its gain.

    The techniques of a text are one family, as `families.slopes`.
    """
    frames = []
    for corpus in corpora(found):
        by_budget = {budget: cells(select(found, role=ROLES), corpus, budget) for budget in budgets(found, corpus)}
        frames.append(families.slopes(by_budget, BASELINE.name).assign(corpus=corpus))
    names = {"contrast": "technique", "effect": "slope"}
    return families.joined(frames, ["corpus", "technique", "n", "slope", "low", "high", "p", "p_holm", "verdict"], names)


def minima(found: Sequence[Result]) -> pd.DataFrame:
    """One row per `corpus`, `budget` and `technique`, the baseline's too: after how many passes the valid NLL is lowest, and what follows.

    Means over `n` seeds: `passes` of the whole run, `best_pass` at which the best validation is, `rise` in valid NLL from it to the end.
    """
    rows = []
    for run, records in summaries.by_row(found).items():
        passes = recipes.passes(run.spec)
        best = [min(record.curve, key=lambda point: point["valid_nll"]) for record in records]
        ends = [(point, record.curve[-1]) for point, record in zip(best, records, strict=True)]
        row = {"corpus": run.spec.corpus, "budget": run.budget, "technique": run.rung, "n": len(records), "passes": passes}
        row["best_pass"] = passes * float(np.mean([point["tokens_seen"] / end["tokens_seen"] for point, end in ends]))
        rows.append(row | {"rise": float(np.mean([end["valid_nll"] - point["valid_nll"] for point, end in ends]))})
    return pd.DataFrame(rows, columns=["corpus", "budget", "technique", "n", "passes", "best_pass", "rise"])


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
    return families.joined(frames, ["corpus", "budget", "pair", "both", *TESTED], {"contrast": "pair", "effect": "gain"})


def _interaction(pair: str, parts: Sequence[str]) -> dict[str, float]:
    """The gain of both minus the gains of each."""
    return {BASELINE.name: -1.0, pair: -1.0} | dict.fromkeys(parts, 1.0)
