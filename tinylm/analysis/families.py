"""Many tests on one set of runs: contrasts of cells, with the seeds' variance pooled over the cells and Holm's correction. Needs no torch.

A cell is a row of the study, its seeds. A contrast is a weighted sum of cells: one minus another, or a main effect or an interaction of
a factorial. With few seeds each, single tests have so few degrees of freedom that none could pass a correction for their number; pooled,
all seeds of the family measure one spread, which is taken to be the same in every cell.
"""

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TypeVar

import numpy as np
import pandas as pd

from tinylm.analysis import significance, summaries
from tinylm.analysis.significance import Estimate
from tinylm.analysis.text_noise import Part
from tinylm.ledger import RunRecord

CLEAR, BEFORE, OPEN = "clear", "clear before correction", "open"
LEVEL = 0.05
ENOUGH = 5  # seeds: an effect that is open with fewer may only lack them
SLOPE = ["contrast", "n", "effect", "low", "high", "p", "p_holm", "verdict"]
COLUMNS = ["contrast", "n", "effect", "low", "high", "text_se", "p_alone", "p", "p_holm", "verdict"]

Cell = TypeVar("Cell")
Name = TypeVar("Name")


def pooled_variance(values: Sequence[Sequence[float]]) -> Part:
    """The variance of one value within its group, from all groups, and its degrees of freedom; NaN where no group has two values."""
    df = sum(len(group) - 1 for group in values)
    squares = sum(float(np.sum((np.array(group) - np.mean(group)) ** 2)) for group in values)
    return Part(variance=squares / df if df else math.nan, df=max(df, 1))


def paired_variance(cells: Mapping[Cell, Sequence[RunRecord]], group: Callable[[Cell], Hashable] = lambda cell: None) -> Part:
    """The variance of one test NLL about its cell's mean and its seed's effect, which is taken to be the same in every cell of a group.

    That of randomised blocks: what a seed does to all rows alike, as by the order of the text, is in no difference of two of them. All
    cells are one group unless `group` tells them apart, as by the text that they read.
    """
    values = [(cell, (group(cell), record.spec.seed), record.test.nll) for cell, records in cells.items() for record in records]
    if not values:
        return Part(variance=math.nan, df=1)
    names, seeds = list(cells), dict.fromkeys(seed for _, seed, _ in values)
    design = np.array([[*(cell == name for name in names), *(seed == one for one in seeds)] for cell, seed, _ in values], float)
    nlls = np.array([nll for _, _, nll in values])
    fit, _, rank, _ = np.linalg.lstsq(design, nlls, rcond=None)
    df = len(values) - int(rank)
    return Part(variance=float(np.sum((nlls - design @ fit) ** 2)) / df if df else math.nan, df=max(df, 1))


def family(
    cells: Mapping[Cell, Sequence[RunRecord]], contrasts: Mapping[Name, Mapping[Cell, float]], spread: Part | None = None
) -> pd.DataFrame:
    """One row per contrast: n, its effect on test NLL with a 95 % interval, p values, and a verdict.

    `p` and the interval are those of the pooled variance, or of another `spread` of one value; `p_holm` is corrected for all contrasts,
    `p_alone` is of the contrast's own seeds. A contrast is over the seeds that its cells share; of one seed it stays open.
    """
    networks = [[record.test.nll for record in records] for records in cells.values() if not records[0].spec.is_counts]
    spread = spread or pooled_variance(networks)
    alone = {
        name: significance.contrast([(weight, cells[cell]) for cell, weight in weights.items()]) for name, weights in contrasts.items()
    }
    pooled = {name: _pooled(estimate, cells, contrasts[name], spread) for name, estimate in alone.items()}
    p = {name: estimate.p_other() if estimate.n > 1 else math.nan for name, estimate in pooled.items()}
    p_holm = significance.holm([1.0 if math.isnan(value) else value for value in p.values()])
    rows = []
    for (name, estimate), corrected in zip(pooled.items(), p_holm, strict=True):
        low, high = estimate.interval() if estimate.n > 1 else (math.nan, math.nan)
        row = {"contrast": name, "n": estimate.n, "effect": estimate.mean, "low": low, "high": high, "text_se": estimate.text_se}
        row |= {"p_alone": alone[name].p_other(), "p": p[name], "p_holm": math.nan if math.isnan(p[name]) else float(corrected)}
        rows.append(row | {"verdict": verdict(row["p"], row["p_holm"])})
    return pd.DataFrame(rows, columns=COLUMNS)


def comparable(cells: Mapping[Cell, Sequence[RunRecord]], baseline: Cell) -> dict[Cell, Sequence[RunRecord]]:
    """The cells that share a seed with the baseline, itself among them; none where it has no record."""
    seeds = {record.spec.seed for record in cells.get(baseline, [])}
    return {cell: records for cell, records in cells.items() if seeds & {record.spec.seed for record in records}}


def gains(cells: Mapping[Cell, Sequence[RunRecord]], baseline: Cell) -> pd.DataFrame:
    """`family` of how much lower the test NLL of every other cell is than the baseline's, with the noise of randomised blocks."""
    contrasts = {cell: {baseline: 1.0, cell: -1.0} for cell in cells if cell != baseline}
    return family(cells, contrasts, paired_variance(cells))


def slopes(by_scale: Mapping[int, Mapping[Cell, Sequence[RunRecord]]], baseline: Cell, times: float = 10) -> pd.DataFrame:
    """By how much so many times the scale raises each other cell's gain over the baseline: those with two scales or more, one family.

    The line of least squares over the scale's logarithm. Every scale has its own noise of seeds, that of randomised blocks; the text's
    noise is that of the line in each block of the test text, which every scale must share.
    """
    names = dict.fromkeys(cell for cells in by_scale.values() for cell in cells if cell != baseline)
    estimates = {name: estimate for name in names if (estimate := _slope(by_scale, baseline, name, times)) is not None}
    p = [estimate.p_other() if estimate.n > 1 else math.nan for estimate in estimates.values()]
    p_holm = significance.holm([1.0 if math.isnan(value) else value for value in p])
    rows = []
    for (name, estimate), single, corrected in zip(estimates.items(), p, p_holm, strict=True):
        low, high = estimate.interval() if estimate.n > 1 else (math.nan, math.nan)
        row = {"contrast": name, "n": estimate.n, "effect": estimate.mean, "low": low, "high": high}
        rows.append(row | {"p": single, "p_holm": float(corrected), "verdict": verdict(single, float(corrected))})
    return pd.DataFrame(rows, columns=SLOPE)


def _slope(by_scale: Mapping[int, Mapping[Cell, Sequence[RunRecord]]], baseline: Cell, cell: Cell, times: float) -> Estimate | None:
    """The slope of a cell's gain, over the scales that have it; None for fewer than two, and where no text is shared."""
    shared = {scale: significance.common_seeds(cells[baseline], cells[cell]) for scale, cells in by_scale.items() if cell in cells}
    if len(shared) < 2:
        return None
    logs = np.log(list(shared)) / math.log(times)
    weights = (logs - logs.mean()) / np.sum((logs - logs.mean()) ** 2)
    blocks, seeds = np.zeros(1), []
    for (scale, pairs), weight in zip(shared.items(), weights, strict=True):
        blocks = blocks + weight * np.mean([summaries.block_gaps(base, other) for base, other in pairs], axis=0)
        spread = paired_variance(by_scale[scale])
        seeds.append(Part(variance=2 * weight**2 * spread.variance / len(pairs), df=spread.df))
    records = [record for pairs in shared.values() for record in pairs[0]]
    text = summaries.text_part(blocks, records)
    mean = float(np.average(blocks, weights=summaries.block_sizes(records[0].test)))
    unknown = Estimate(n=min(map(len, shared.values())), mean=mean, se=math.nan, df=1.0, test="", text=text)
    return significance.with_seed_noise(unknown, *seeds)


def joined(frames: Sequence[pd.DataFrame], columns: Sequence[str], names: Mapping[str, str]) -> pd.DataFrame:
    """The rows of several families with these columns, some of which have other names there."""
    filled = [frame.rename(columns=names)[list(columns)] for frame in frames if len(frame)]
    return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame(columns=list(columns))


def verdict(p: float, p_holm: float) -> str:
    """Clear also after the correction, clear before it only, or open, as where there is no p value."""
    return CLEAR if p_holm <= LEVEL else BEFORE if p <= LEVEL else OPEN


def star(verdict: str) -> str:
    """What a table puts behind a difference: * where it is not clear."""
    return "" if verdict == CLEAR else "*"


def clear_alone(frame: pd.DataFrame) -> int:
    """How many of the contrasts that are clear are so too after Holm's correction of the p values of their own seeds."""
    p = frame["p_alone"].fillna(1.0)
    return int(((significance.holm(p.tolist()) <= LEVEL) & (frame["verdict"] == CLEAR)).sum())


def _pooled(estimate: Estimate, cells: Mapping[Cell, Sequence[RunRecord]], weights: Mapping[Cell, float], spread: Part) -> Estimate:
    """The estimate with the family's variance in place of its own seeds'; counts have none."""
    squares = sum(weight**2 for cell, weight in weights.items() if not cells[cell][0].spec.is_counts)
    return significance.with_seed_noise(estimate, Part(variance=spread.variance * squares / estimate.n, df=spread.df))
