"""What the records say of a ladder and of budgets: gains rung by rung, frontiers, FLOPs to a target. Needs no torch."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from tinylm.analysis import significance, summaries
from tinylm.analysis.summaries import Result
from tinylm.ledger import RunRecord
from tinylm.study import recipes, select
from tinylm.study.ladder import RUNGS, stands_on

TARGET_COLUMNS = ["architecture", "n", "failed", "flops", "factor", "is_upper_bound"]
LADDER_COLUMNS = ["rung", "below", "climbed", "n_params", "flops", "n", "gain", "low", "high", "valid_nll", "test_nll"]


def ladder(results: Sequence[Result]) -> pd.DataFrame:
    """One row per recorded rung: its valid and test NLL, and how far it lowers the test NLL of the rung below, with a 95 % interval."""
    groups = {run.rung: records for run, records in summaries.by_row(select(results, role="rung")).items()}
    below = stands_on(RUNGS)
    rows = []
    for rung in (rung for rung in RUNGS if rung.name in groups):
        records = groups[rung.name]
        row = {"rung": rung.name, "below": below[rung.name], "climbed": rung.climbed, "n_params": records[0].n_params}
        row |= {"flops": records[0].flops, "n": len(records), "gain": math.nan, "low": math.nan, "high": math.nan}
        row |= {f"{split}_nll": float(np.mean([getattr(r, split).nll for r in records])) for split in ("valid", "test")}
        if row["below"] in groups:
            gap = significance.difference(groups[row["below"]], records)
            low, high = gap.interval()
            row |= {"n": gap.n, "gain": gap.mean, "low": low, "high": high}
        rows.append(row)
    return pd.DataFrame(rows, columns=LADDER_COLUMNS)


def frontier(results: Sequence[Result]) -> pd.DataFrame:
    """One row per architecture and budget: n, parameters, FLOPs, mean valid and test NLL."""
    lines = summaries.summary(results)
    lines.insert(0, "architecture", [run.architecture for run in lines["run"]])
    return lines.sort_values(["architecture", "flops"], kind="stable", ignore_index=True)


def to_target(results: Sequence[Result], target: float) -> pd.DataFrame:
    """One row per architecture: training FLOPs at which it reaches a valid NLL of `target`, geometric mean over seeds; NaN where none does.

    Every budget is a run of its own that ends cooled down. Between budgets the loss is read off a line in log FLOPs; a target above the
    first run's loss is reached within its budget, which is then an upper bound, and said to be one.
    """
    rows = []
    for architecture, runs in _by_architecture(results).items():
        by_seed = [[run for run in runs if run.spec.seed == seed] for seed in sorted({run.spec.seed for run in runs})]
        found = [_reached(group, target) for group in by_seed]
        reached = [one for one in found if one]
        logs = np.log([flops for flops, _ in reached])
        # A seed that has not been run at every budget has not failed yet.
        most = max(map(len, by_seed))
        failed = sum(one is None and len(group) == most for one, group in zip(found, by_seed, strict=True))
        row = {"architecture": architecture, "n": len(reached), "failed": failed}
        row |= {"flops": float(np.exp(np.mean(logs))) if reached else math.nan, "factor": float(np.exp(summaries.half_width(logs)))}
        rows.append(row | {"is_upper_bound": any(is_first for _, is_first in reached)})
    return pd.DataFrame(rows, columns=TARGET_COLUMNS)


@dataclass(frozen=True)
class Expected:
    """The valid NLL to expect of a budget, from `n` records; outside all recorded budgets it is that of the `nearest` one."""

    nll: float
    n: int
    is_outside: bool
    nearest: int


def expected(architecture: str, corpus: str, flops: float, records: Iterable[RunRecord]) -> Expected | None:
    """What records of the same recipe on the same corpus let expect of a budget; None without any."""
    return read_off(recipe_runs(architecture, corpus, records), flops)


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
    """What runs by budget let expect of another budget, on a line in log FLOPs between the means of two; None without any."""
    if not runs:
        return None
    budgets = list(runs)
    nlls = [np.mean([record.valid.nll for record in group]) for group in runs.values()]
    at = np.interp(math.log(flops), np.log(budgets), nlls)
    nearest = min(budgets, key=lambda budget: abs(math.log(budget / flops)))
    return Expected(float(at), sum(map(len, runs.values())), not budgets[0] <= flops <= budgets[-1], nearest)


def _by_architecture(results: Sequence[Result]) -> dict[str, list[RunRecord]]:
    groups: dict[str, list[RunRecord]] = {}
    for result in results:
        if result.record.valid is not None:
            groups.setdefault(result.run.architecture, []).append(result.record)
    return groups


def _reached(runs: Sequence[RunRecord], target: float) -> tuple[float, bool] | None:
    """FLOPs at which the runs of one seed, a budget each, reach the target, and whether the first one does already; None if none does."""
    ordered = sorted(runs, key=lambda run: run.flops)
    best = np.minimum.accumulate([run.valid.nll for run in ordered])
    if best[-1] > target:
        return None
    i = int(np.argmax(best <= target))
    if i == 0:
        return float(ordered[0].flops), True
    logs = np.log([ordered[i - 1].flops, ordered[i].flops])
    share = (best[i - 1] - target) / (best[i - 1] - best[i])
    return float(np.exp(logs[0] + share * (logs[1] - logs[0]))), False
