"""What counts of a text and short runs on it say of a longer run: the study's curve, moved to the text. Needs no torch.

A recipe's NLL falls from a pilot's towards a floor as it does on Tiny Shakespeare; on both texts the floor is the same share of what
counts reach there. How far this misses was measured on texts that the study does not use, which docs/plan.md names.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from tinylm.analysis.budgets import Expected
from tinylm.ledger import RunRecord

REFERENCE, TRANSFORMER, GATED = "tiny_shakespeare", "transformer", "gated-counts"
COUNTED = ("counts", GATED)
SMALL = {  # valid NLL of recipes there at budgets below their records: one seed, outside the ledger
    "transformer": {5e9: 2.43, 1.5e10: 2.13, 5e10: 1.87},
    "gated-counts": {2.5e9: 1.514},
}
FLOOR = 0.6  # of what counts reach
REACH = 100  # a pilot says nothing of a budget so many times its own
# Half widths of the 80 % interval over the NLL: of any forecast, for each factor of ten, of a network without a pilot.
MISS, DECADE, UNPILOTED = 0.02, 0.02, 0.15
PERCENT = 80
ONLY_COUNTED = (GATED,)  # recipes whose NLL follows from that of counts, without a pilot
PILOTED = (TRANSFORMER,)  # networks that are tried; on the reference every other one is 5 % or more above it from 1e11 FLOPs on
SHARE, LEAST = 0.05, 5e9  # of a budget, for the pilot of a network, and the FLOPs below which it says nothing
GATED_FLOPS = 10**10  # for gated counts: ten times as many lower their NLL by 0.002 on the reference
OUTRIGHT = 10  # a budget so many times that has them trained to the end before anything is advised
GAIN, FADES = 0.053, 10.5  # of a mixture over the better of its two models, and how fast it fades with their relative distance
MIXED = 0.005  # half width for what mixing gains, over the NLL
Curve = Mapping[float, float]  # NLL by budget
Runs = Mapping[int, Sequence[RunRecord]]  # by budget


def curve(recipe: str, runs: Runs) -> dict[float, float]:
    """The reference's mean valid NLL by budget, from its records and, below them, from what is noted here."""
    if not runs:
        return {}
    recorded = {float(budget): float(np.mean([record.valid.nll for record in records])) for budget, records in runs.items()}
    return {budget: nll for budget, nll in SMALL.get(recipe, {}).items() if budget < min(recorded)} | recorded


def at(curve: Curve, budget: float) -> float | None:
    """The NLL of a curve at a budget, between two of its points on a line in logarithms; None beyond its ends."""
    if not curve or not min(curve) <= budget <= max(curve):
        return None
    budgets = sorted(curve)
    return math.exp(np.interp(math.log(budget), np.log(budgets), np.log([curve[one] for one in budgets])))


def from_pilot(runs: Runs, budget: float, reference: Curve, level: float, reference_level: float) -> Expected | None:
    """What the largest run below a budget, moved along the reference's curve, lets expect of it; `level` is the NLL of counts.

    None where there is no such run, and where the curve does not reach from it to the budget.
    """
    below = [known for known in runs if known <= budget]
    pilot = max(below, default=0)
    ends = at(reference, pilot), at(reference, budget)
    if not below or None in ends or budget > REACH * pilot:
        return None
    first = float(np.mean([record.valid.nll for record in runs[pilot]]))
    floor = min(FLOOR * level, 0.9 * first)
    left = [end - FLOOR * reference_level for end in ends]
    nll = floor + (first - floor) * left[1] / left[0]
    return _within(nll, MISS + DECADE * math.log10(budget / pilot), len(runs[pilot]), (pilot,))


def from_counts(budget: float, reference: Curve, level: float, reference_level: float, is_close: bool) -> Expected | None:
    """What counts alone let expect: the same multiple of their NLL as on the reference; `is_close` where it hardly varies."""
    reached = at(reference, budget)
    return reached and _within(reached * level / reference_level, MISS if is_close else UNPILOTED, 0, ())


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


def _within(nll: float, half: float, n: int, known: tuple[int, ...]) -> Expected:
    """An NLL with an interval of so much of it to both sides."""
    return Expected(nll, nll * (1 - half), nll * (1 + half), n, known, is_outside=False, percent=PERCENT)


def wanted(budget: float) -> dict[str, int]:
    """The runs, recipe and FLOPs, that a plan makes for a budget: a pilot of each network tried, and gated counts where they are cheap."""
    pilot = rounded(SHARE * budget)
    found = dict.fromkeys(PILOTED, pilot) if pilot >= LEAST else {}
    return found | ({GATED: GATED_FLOPS} if budget >= OUTRIGHT * GATED_FLOPS else {})


def rounded(flops: float) -> int:
    """FLOPs down to two digits, as one types them."""
    if flops < 1:
        return 0
    unit = 10 ** max(0, math.floor(math.log10(flops)) - 1)
    return int(flops // unit) * unit
