"""What the records say of a ladder and of budgets: gains rung by rung, frontiers, FLOPs to a target. Needs no torch."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import stats

from tinylm.analysis import families, summaries
from tinylm.analysis.summaries import Result
from tinylm.ledger import RunRecord
from tinylm.study import recipes, select
from tinylm.study.ladder import RUNGS, stands_on

TARGET_COLUMNS = ["architecture", "misses", "reaches", "n", "n_reach"]
LADDER_COLUMNS = ["rung", "below", "climbed", "flops", "valid_nll", "test_nll", "seed_sd", "seed_df"]
TESTED = ["n", "gain", "low", "high", "p_alone", "p", "p_holm", "verdict"]


def ladder(results: Sequence[Result]) -> pd.DataFrame:
    """One row per recorded rung: its valid and test NLL, and how far it lowers the test NLL of the rung below, tested as one family.

    `seed_sd` is the spread of one run over seeds, pooled over all rungs.
    """
    groups = {run.rung: records for run, records in summaries.by_row(select(results, role="rung")).items()}
    below = stands_on(RUNGS)
    spread = families.pooled_variance([[record.test.nll for record in records] for records in groups.values()])
    rows = []
    for rung in (rung for rung in RUNGS if rung.name in groups):
        records = groups[rung.name]
        row = {"rung": rung.name, "below": below[rung.name], "climbed": rung.climbed, "flops": records[0].flops, "n": len(records)}
        row |= {f"{split}_nll": float(np.mean([getattr(r, split).nll for r in records])) for split in ("valid", "test")}
        rows.append(row | {"seed_sd": math.sqrt(spread.variance), "seed_df": spread.df})
    steps = {name: {below[name]: 1.0, name: -1.0} for name in groups if below[name] in groups}
    tested = families.family(groups, steps).rename(columns={"contrast": "rung", "effect": "gain"})
    frame = pd.DataFrame(rows, columns=[*LADDER_COLUMNS, "n"]).merge(tested, on="rung", how="left", suffixes=("_all", ""))
    return frame.assign(n=frame["n"].fillna(frame["n_all"]).astype(int))[[*LADDER_COLUMNS, *TESTED]]


def frontier(results: Sequence[Result]) -> pd.DataFrame:
    """One row per architecture and budget: n, parameters, FLOPs, mean valid and test NLL."""
    lines = summaries.summary(results)
    lines.insert(0, "architecture", [run.architecture for run in lines["run"]])
    return lines.sort_values(["architecture", "flops"], kind="stable", ignore_index=True)


def to_target(results: Sequence[Result], target: float, split: str = "valid") -> pd.DataFrame:
    """One row per architecture: its smallest budget whose runs reach an NLL of `target` on a split, and the largest below that misses it.

    A budget reaches it where the mean over its seeds does; every budget is runs of its own that end cooled down, and nothing is read off
    between two. `reaches` is NaN where no budget does, `misses` where the smallest one does; `n` and `n_reach` are the seeds of the
    budget that reaches it, or of the largest, and how many of them do.
    """
    rows = []
    for architecture, by_budget in _by_budget(results, split).items():
        budgets = sorted(by_budget)
        good = [flops for flops in budgets if np.mean(by_budget[flops]) <= target]
        reaches = good[0] if good else math.nan
        below = [flops for flops in budgets if not good or flops < reaches]
        nlls = by_budget[good[0] if good else budgets[-1]]
        row = {"architecture": architecture, "misses": below[-1] if below else math.nan, "reaches": reaches}
        rows.append(row | {"n": len(nlls), "n_reach": sum(nll <= target for nll in nlls)})
    return pd.DataFrame(rows, columns=TARGET_COLUMNS)


def _by_budget(results: Sequence[Result], split: str) -> dict[str, dict[int, list[float]]]:
    """The NLLs of finished runs by architecture and by the FLOPs that they were given."""
    groups: dict[str, dict[int, list[float]]] = {}
    for result in results:
        score = getattr(result.record, split)
        if score is not None:
            groups.setdefault(result.run.architecture, {}).setdefault(result.run.budget or result.record.flops, []).append(score.nll)
    return groups


@dataclass(frozen=True)
class Expected:
    """The valid NLL to expect of one run, and the interval that it should lie in, from the `n` records at the `known` budgets.

    `known` is the recorded budget itself, or the two around it; outside all recorded ones it is the nearest, whose NLL this then is.
    The interval is NaN where no budget has two seeds. `percent` is how often it should hold the outcome.
    """

    nll: float
    low: float
    high: float
    n: int
    known: tuple[int, ...]
    is_outside: bool
    percent: int = 95


def recipe_runs(architecture: str, corpus: str, records: Iterable[RunRecord]) -> dict[int, list[RunRecord]]:
    """The finished records of an architecture's recipe on a corpus, whatever their seeds, by budget from small to large."""
    found: dict[int, list[RunRecord]] = {}
    for record in records:
        budget = record.spec.train.flops
        is_candidate = record.valid and record.spec.corpus == corpus and budget
        if is_candidate and replace(record.spec, seed=0) == recipes.recipe(architecture, corpus, budget):
            found.setdefault(budget, []).append(record)
    return dict(sorted(found.items()))


def read_off(runs: dict[int, list[RunRecord]], flops: float) -> Expected | None:
    """What runs by budget let expect of another budget; None without any.

    Between two budgets the loss should be no higher than at the smaller one and no lower than at the larger one: the interval reaches
    from the lower end of the one's to the upper end of the other's, and the NLL is on a line in log FLOPs between their means.
    """
    if not runs:
        return None
    budgets = sorted(runs)
    below, above = [budget for budget in budgets if budget <= flops], [budget for budget in budgets if budget >= flops]
    known = sorted({below[-1] if below else budgets[0], above[0] if above else budgets[-1]})
    nlls = [[record.valid.nll for record in runs[budget]] for budget in known]
    means, half = [float(np.mean(group)) for group in nlls], _half_width(runs)
    low, high = means[-1] - half(len(nlls[-1])), means[0] + half(len(nlls[0]))
    at = float(np.interp(math.log(flops), np.log(known), means))
    return Expected(at, low, high, sum(map(len, nlls)), tuple(known), not (below and above))


def _half_width(runs: dict[int, list[RunRecord]]) -> Callable[[int], float]:
    """Half width of the 95 % interval of one more run about the mean of n; the seeds' variance is pooled over the budgets. NaN without."""
    gaps = [record.valid.nll - np.mean([r.valid.nll for r in group]) for group in runs.values() for record in group]
    df = len(gaps) - len(runs)
    if df == 0:
        return lambda n: math.nan
    sd = math.sqrt(float(np.square(gaps).sum()) / df)
    return lambda n: float(stats.t.ppf(0.975, df)) * sd * math.sqrt(1 + 1 / n)
