"""When one more layer pays: pairs of runs of one width and budget that differ in depth alone. Needs no torch."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from tinylm.analysis import families, significance, summaries
from tinylm.analysis.forecasts import ROLE
from tinylm.analysis.significance import Estimate
from tinylm.analysis.summaries import Result
from tinylm.analysis.text_noise import Part
from tinylm.ledger import RunRecord
from tinylm.study import select

ROLES = (ROLE, "depth", "shallower")


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Runs of a text, budget and width: how far the deeper one's test NLL is above the other's.

    `steps` and `tokens` are the deeper one's optimizer steps and tokens read a parameter, `valid` is its mean valid NLL.
    """

    corpus: str
    budget: int
    width: int
    steps: float
    tokens: float
    valid: float
    gap: Estimate


def pairs(found: Sequence[Result]) -> list[Pair]:
    """The runs of the isoFLOP curves beside those of one layer fewer with the same seeds, by text, width and budget.

    Seeds are few, so that their noise is pooled over the pairs of a text.
    """
    rows: dict[tuple[str, int, int], dict[int, list[RunRecord]]] = {}
    deep = max((result.run.spec.model.n_layer for result in select(found, role=ROLE)), default=0)
    for run, records in summaries.by_row(select(found, role=list(ROLES), n_layer=[deep - 1, deep])).items():
        rows.setdefault((run.spec.corpus, run.spec.model.d_model, run.budget), {})[run.spec.model.n_layer] = records
    made = []
    for (corpus, width, budget), row in sorted(rows.items()):
        if len(row) == 2 and significance.common_seeds(row[deep], row[deep - 1]):
            record, gap = row[deep][0], significance.difference(row[deep], row[deep - 1])
            valid = float(np.mean([one.valid.nll for one in row[deep]]))
            steps, tokens = record.steps / record.n_params, record.tokens_seen / record.n_params
            made.append(Pair(corpus=corpus, budget=budget, width=width, steps=steps, tokens=tokens, valid=valid, gap=gap))
    return [_pooled(pair, [one.gap.gaps for one in made if one.corpus == pair.corpus]) for pair in made]


def _pooled(pair: Pair, gaps: Sequence[Sequence[float]]) -> Pair:
    """The pair with the noise of seeds that all the gaps of its text have."""
    spread = families.pooled_variance(gaps)
    seeds = Part(variance=spread.variance / pair.gap.n, df=spread.df)
    return replace(pair, gap=significance.with_seed_noise(pair.gap, seeds))


def level_at(of_width: Sequence[Pair]) -> float:
    """The FLOPs from which on the deeper model of a width is as good, between budgets on a line over log FLOPs.

    Infinite where it is worse at the largest budget, 0 where it is worse at none.
    """
    ordered = sorted(of_width, key=lambda pair: pair.budget)
    worse = [at for at, pair in enumerate(ordered) if pair.gap.mean > 0]
    if not worse:
        return 0.0
    if worse[-1] == len(ordered) - 1:
        return math.inf
    before, after = ordered[worse[-1]], ordered[worse[-1] + 1]
    share = before.gap.mean / (before.gap.mean - after.gap.mean)
    return before.budget * (after.budget / before.budget) ** share


@dataclass(frozen=True)
class Threshold:
    """The steps a parameter below which the deeper model is worse, with a 95 % interval; NaN where the pairs show none."""

    steps: float
    low: float
    high: float
    n: int


def threshold(found: Sequence[Pair]) -> Threshold:
    """Where a line of the gap over log steps a parameter crosses zero; Fieller's interval, which has no end where the slope is not clear.

    The crossing may lie beyond the pairs, which is no evidence; it is NaN then.
    """
    x, y = np.log([pair.steps for pair in found]), np.array([pair.gap.mean for pair in found])
    nothing = Threshold(math.nan, math.nan, math.nan, len(found))
    if len(found) < 3 or y.max() <= 0 or y.min() >= 0:
        return nothing
    line = stats.linregress(x, y)
    if line.slope >= 0:
        return nothing
    at = x.mean() - y.mean() / line.slope
    low, high = _fieller(x, y, line.slope)
    return Threshold(math.exp(at), math.exp(low), math.exp(high), len(found))


def explained(found: Sequence[Pair], field: str) -> float:
    """The share of the gaps' variance that a line over the logarithm of a field, `steps` or `tokens`, explains; NaN of fewer than three."""
    if len(found) < 3:
        return math.nan
    line = stats.linregress(np.log([getattr(pair, field) for pair in found]), [pair.gap.mean for pair in found])
    return float(line.rvalue) ** 2


def _fieller(x: np.ndarray, y: np.ndarray, slope: float) -> tuple[float, float]:
    """The ends of the 95 % interval of the zero of the line through points (n,) (Fieller 1954); infinite where the slope may be zero."""
    n, square = len(x), ((x - x.mean()) ** 2).sum()
    residual = y - y.mean() - slope * (x - x.mean())
    t2 = stats.t.ppf(0.975, n - 2) ** 2 * (residual**2).sum() / (n - 2)
    # The zero z has (mean of y + slope (z - mean of x))^2 <= t2 (1/n + (z - mean of x)^2 / square).
    a, b, c = slope**2 - t2 / square, y.mean() * slope, y.mean() ** 2 - t2 / n
    if a <= 0:
        return -math.inf, math.inf
    root = math.sqrt(max(0.0, b**2 - a * c))
    return float(x.mean() + (-b - root) / a), float(x.mean() + (-b + root) / a)
