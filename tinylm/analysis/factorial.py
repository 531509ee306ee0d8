"""What a gain is due to: effects of architecture, induction and optimizer, and how they depend on each other. Needs no torch."""

from collections.abc import Sequence

import pandas as pd

from tinylm.analysis import families, summaries
from tinylm.analysis.summaries import Result
from tinylm.ledger import RunRecord
from tinylm.study import factorial, select
from tinylm.study.factorial import ARCHITECTURES, CELLS, CONTROLS, Cell

Contrast = dict[Cell, float]
FIRST, *RIVALS = ARCHITECTURES
LOOKUP = "no induction − induction"
EQUAL_WINDOW = "its window alone − induction"
WINDOW = "no induction − its window alone"
WITHIN = {name: f"no induction − induction in the {name}" for name in ARCHITECTURES}
AGAINST = {
    name: {induction: f"{name} − {FIRST}, {'with' if induction else 'without'} induction" for induction in (True, False)} for name in RIVALS
}


def budgets(results: Sequence[Result]) -> list[int]:
    """The budgets of the recorded cells, from the smallest."""
    return sorted({result.run.budget for result in select(results, role=[factorial.ROLE, factorial.CONTROL_ROLE])})


def cells(results: Sequence[Result], budget: int) -> dict[Cell, list[RunRecord]]:
    """The finished records of every recorded cell at a budget, of the seeds that all of them have."""
    found = select(results, role=[factorial.ROLE, factorial.CONTROL_ROLE], budget=budget)
    by_cell = {factorial.cell_of(run): records for run, records in summaries.by_row(found).items()}
    shared = set.intersection(*({record.spec.seed for record in records} for records in by_cell.values())) if by_cell else set()
    return {cell: kept for cell, records in by_cell.items() if (kept := [one for one in records if one.spec.seed in shared])}


def _mean(chosen: Sequence[Cell], weight: float = 1.0) -> Contrast:
    return {cell: weight / len(chosen) for cell in chosen}


def _minus(first: Sequence[Cell], second: Sequence[Cell]) -> Contrast:
    """The mean of some cells minus that of others."""
    return _mean(first) | _mean(second, -1.0)


def _of(among: Sequence[Cell] = CELLS, **levels: object) -> list[Cell]:
    return [cell for cell in among if all(getattr(cell, name) == level for name, level in levels.items())]


def _difference(first: Contrast, second: Contrast) -> Contrast:
    return {cell: first.get(cell, 0.0) - second.get(cell, 0.0) for cell in CELLS if cell in first or cell in second}


def controls() -> dict[str, Contrast]:
    """What the window of induction is worth alone, and induction at equal windows: in the mean, and in each architecture."""
    found = {WINDOW: _minus(_of(induction=False), CONTROLS), EQUAL_WINDOW: _minus(CONTROLS, _of(induction=True))}
    for name in ARCHITECTURES:
        alone = _of(CONTROLS, architecture=name)
        found[f"{WINDOW} in the {name}"] = _minus(_of(architecture=name, induction=False), alone)
        found[f"{EQUAL_WINDOW} in the {name}"] = _minus(alone, _of(architecture=name, induction=True))
    return found


def contrasts() -> dict[str, Contrast]:
    """The effects by name, each a test NLL minus another: main effects, simple effects, and interactions."""
    without = {name: _minus(_of(architecture=name, induction=False), _of(architecture=name, induction=True)) for name in ARCHITECTURES}
    found = {LOOKUP: _minus(_of(induction=False), _of(induction=True))}
    found |= {WITHIN[name]: effect for name, effect in without.items()}
    for name in RIVALS:
        found[f"{name} − {FIRST}"] = _minus(_of(architecture=name), _of(architecture=FIRST))
        for induction, title in AGAINST[name].items():
            found[title] = _minus(_of(architecture=name, induction=induction), _of(architecture=FIRST, induction=induction))
        found[f"induction in the {name} − in the {FIRST}"] = _difference(without[name], without[FIRST])
    found["AdamW − Muon"] = _minus(_of(optimizer="adamw"), _of(optimizer="muon"))
    for name in ARCHITECTURES:
        found[f"AdamW − Muon in the {name}"] = _minus(*(_of(architecture=name, optimizer=optimizer) for optimizer in ("adamw", "muon")))
    return found


def effects(results: Sequence[Result]) -> pd.DataFrame:
    """One row per `budget` and effect on test NLL, as `families.family`, each budget a family of its own.

    A budget at which a cell is not recorded is left out; effects of controls are, where one of them is not recorded.
    """
    frames = [_effects(cells(results, budget)).assign(budget=budget) for budget in budgets(results)]
    shown = [frame for frame in frames if len(frame)]
    return pd.concat(shown, ignore_index=True) if shown else families.family({}, {}).assign(budget=[])


def _effects(found: dict[Cell, list[RunRecord]]) -> pd.DataFrame:
    asked = (contrasts() if found.keys() >= set(CELLS) else {}) | (controls() if found.keys() >= {*CELLS, *CONTROLS} else {})
    return families.family(found, asked)
