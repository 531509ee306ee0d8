"""What the records say of a ladder and of budgets: gains rung by rung, frontiers, FLOPs to a target. Needs no torch."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from tinylm.analysis import families, summaries
from tinylm.analysis.summaries import Result
from tinylm.study import Planned, select, teachers
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


def taught(results: Sequence[Result]) -> pd.DataFrame:
    """One row per recorded recipe with a teacher: its run, the recipe's for the same FLOPs, and how far apart their test NLLs are.

    All are tested as one family.
    """
    rows = summaries.by_row(select(results, role=["frontier", teachers.ROLE]))
    recipes = {(run.architecture, run.budget): run for run in rows if run.role == "frontier"}
    pairs = {run: recipes.get((run.architecture, run.budget)) for run in rows if run.role == teachers.ROLE}
    pairs = {run: recipe for run, recipe in pairs.items() if recipe}
    cells = {run: rows[run] for pair in pairs.items() for run in pair}
    tested = families.family(cells, {run.name: {run: 1.0, recipe: -1.0} for run, recipe in pairs.items()})
    return tested.assign(run=list(pairs), recipe=list(pairs.values()))


def rivals(results: Sequence[Result], base: str) -> pd.DataFrame:
    """One row per network at a text and budget that has a rival, the best on valid first: its test NLL minus that of the base.

    The base is the architecture of that title at the same text and budget; all differences are one family.
    """
    recipes = summaries.by_row(select(results, role=["rival", "purchase"]))
    places = list(dict.fromkeys(_place(run) for run in recipes if run.role == "rival"))
    cells = {run: records for run, records in recipes.items() if _place(run) in places}
    bases = {_place(run): run for run in cells if run.architecture == base}
    rows = [{"contrast": i, "run": run, "place": places.index(_place(run))} for i, run in enumerate(cells)]
    pairs = {row["contrast"]: (row["run"], bases.get(_place(row["run"]))) for row in rows}
    tested = families.family(cells, {name: {run: 1.0, other: -1.0} for name, (run, other) in pairs.items() if other not in (run, None)})
    frame = pd.DataFrame(rows, columns=["contrast", "run", "place"]).merge(tested, on="contrast", how="left")
    valid = [float(np.mean([record.valid.nll for record in cells[run]])) for run in frame["run"]]
    return frame.assign(valid_nll=valid).sort_values(["place", "valid_nll"], kind="stable", ignore_index=True)


def _place(run: Planned) -> tuple[str, int]:
    """Where recipes are compared: a text and a budget."""
    return run.spec.corpus, run.budget


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
