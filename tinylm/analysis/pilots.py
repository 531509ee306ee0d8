"""What counts of a text and short runs on it say of a longer run: the study's curve, moved to the text. Needs no torch.

A recipe's NLL lies above a floor, a share of what counts reach on the same text; its height is the logarithm of NLL over floor. Where
pilots are as high as on Tiny Shakespeare, longer runs are too; where a pilot is higher, as on a text that repeats itself, a longer run is
higher by a power of that, which is the less the longer the run. How far this misses was measured on texts that the study does not use;
docs/plan.md has the table.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from tinylm.analysis.expected import Expected
from tinylm.ledger import RunRecord

REFERENCE, TRANSFORMER, GATED = "tiny_shakespeare", "transformer", "gated-counts"
COUNTED = ("counts", GATED)
FLOOR = 0.75  # of what counts reach
CONVERGES = 0.25  # what the power loses for each factor of ten between pilot and budget
MISS, DECADE = 0.06, 0.012  # half width of the 80 % interval of log NLL: of any forecast, and for each such factor of ten
UNLIKE = 0.35  # added to it for each factor by which a pilot is nearer to counts, or further from them, than on the reference
GATED_SHARE, GATED_MISS = 0.96, 0.03  # what gated counts reach over what counts do, and the half width of that
# of a mixture over its better model, how fast it fades with their distance, half width
GAIN, FADES, MIXED = 0.053, 10.5, 0.01
PERCENT = 80
SHARE, LEAST = 0.05, 1.5e10  # of a budget, for the pilot of a network, and the FLOPs below which it says little: that is a hundred steps
MOST = 5e11  # for a pilot: more would be longer than one waits for advice
GATED_FLOPS = 10**10  # for gated counts: ten times as many lower their NLL by 0.002 on the reference
OUTRIGHT = 10  # a budget so many times that has them trained to the end before anything is advised
PILOTED = (TRANSFORMER,)  # networks that are tried; on the reference every other one is 5 % or more above it from 1e11 FLOPs on
Curve = Mapping[float, float]  # NLL by budget
Runs = Mapping[int, Sequence[RunRecord]]  # by budget


def curve(runs: Runs) -> dict[float, float]:
    """The reference's mean valid NLL by budget, from the records of the Transformer's recipe there."""
    return {float(budget): _mean(records) for budget, records in runs.items()}


def _mean(records: Sequence[RunRecord]) -> float:
    return float(np.mean([record.valid.nll for record in records]))


def at(curve: Curve, budget: float) -> float:
    """The NLL of a curve at a budget, between two of its points on a line in logarithms; beyond its ends that of the nearest."""
    budgets = sorted(curve)
    return math.exp(np.interp(math.log(budget), np.log(budgets), np.log([curve[one] for one in budgets])))


def from_pilot(runs: Runs, budget: float, reference: Curve, level: float, reference_level: float) -> Expected | None:
    """What the largest run below a budget, moved along the reference's curve, lets expect of it; `level` is the NLL of counts.

    None where there is no such run, and where the curve does not reach down to it.
    """
    pilot = max((known for known in runs if known <= budget), default=0)
    if not pilot or not reference or pilot < min(reference):
        return None
    decades = math.log10(budget / pilot)
    first = _mean(runs[pilot])
    floor = FLOOR * min(level, first)
    before, after = (math.log(at(reference, one) / (FLOOR * reference_level)) for one in (pilot, budget))
    height = after * (math.log(first / floor) / before) ** max(0.0, 1 - CONVERGES * decades)
    half = MISS + DECADE * decades + UNLIKE * abs(before - math.log(first / (FLOOR * level)))
    return Expected(*(floor * math.exp(height + sign * half) for sign in (0, -1, 1)), len(runs[pilot]), (pilot,), False, PERCENT)


def of_gated(level: float) -> Expected:
    """What gated counts of GATED_FLOPS or more should reach on a text where counts reach a level."""
    nll = GATED_SHARE * level
    return Expected(nll, nll * (1 - GATED_MISS), nll * (1 + GATED_MISS), 0, (), is_outside=False, percent=PERCENT)


def mixed(network: Expected, counted: Expected) -> Expected:
    """What a network and counts reach together, by how far one is from the other."""

    def together(one: float, two: float) -> float:
        low, high = sorted((one, two))
        return low * (1 - GAIN * math.exp(-FADES * (high / low - 1)))

    nll = together(network.nll, counted.nll)
    low, high = (together(getattr(network, end), _end(counted, end)) for end in ("low", "high"))
    half = MIXED * nll
    return replace(network, nll=nll, low=min(low, nll) - half, high=max(high, nll) + half, percent=PERCENT, is_outside=False)


def _end(seen: Expected, end: str) -> float:
    """One end of an interval, the NLL itself where it has none."""
    value = getattr(seen, end)
    return seen.nll if math.isnan(value) else value


def planned(budget: float) -> dict[str, int]:
    """The runs, recipe and FLOPs, that a plan makes for a budget: a pilot of each network tried, and gated counts where they are cheap."""
    pilot = rounded(min(SHARE * budget, MOST))
    found = dict.fromkeys(PILOTED, pilot) if pilot >= LEAST else {}
    return found | ({GATED: GATED_FLOPS} if budget >= OUTRIGHT * GATED_FLOPS else {})


def rounded(flops: float) -> int:
    """FLOPs down to two digits, as one types them."""
    if flops < 1:
        return 0
    unit = 10 ** max(0, math.floor(math.log10(flops)) - 1)
    return int(flops // unit) * unit
