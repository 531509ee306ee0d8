"""What the records let expect of a recipe at a budget. Needs no torch, and neither pandas nor scipy.stats: commands wait for it."""

import functools
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np

from tinylm.ledger import RunRecord
from tinylm.study import recipes


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
    planned = functools.cache(functools.partial(recipes.recipe, architecture, corpus))
    for record in records:
        spec = record.spec
        if spec.corpus == corpus and record.valid and (budget := spec.train.flops) and replace(spec, seed=0) == planned(budget):
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
    from scipy import special  # which commands that expect nothing of a run need not have

    sd = math.sqrt(float(np.square(gaps).sum()) / df)
    return lambda n: float(special.stdtrit(df, 0.975)) * sd * math.sqrt(1 + 1 / n)
