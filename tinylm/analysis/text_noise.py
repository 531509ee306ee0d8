"""How far the test text's own noise moves a mean over it: blocks of text, merged until they are long enough. Needs no torch.

Records keep the means of short blocks. Neighbouring ones are alike, so that short blocks understate the error of a mean: what a model
gains in one of them, by copying for instance, it gains in the next. Blocks are therefore merged two by two until neighbours are no
longer alike (Flyvbjerg and Petersen 1989).
"""

from dataclasses import dataclass

import numpy as np

ALIKE = 0.05  # the largest lag-1 correlation of blocks that counts as none
COPYING = 2_000  # tokens of a block, at least, where a model looks up what the text said before
FEWEST = 10  # blocks that merging leaves: the spread of fewer is too rough
FEWEST_COPYING = 4  # where blocks have to be long


@dataclass(frozen=True, kw_only=True)
class Part:
    """One source of noise: the variance that it gives the mean, and its degrees of freedom."""

    variance: float
    df: float


def part(means: np.ndarray, sizes: np.ndarray, at_least: int = 0) -> Part:
    """The noise of the mean of blocks of text that hold `sizes` tokens, from merged blocks of `at_least` so many."""
    return of_blocks(*merged(means, sizes, block_length(means, sizes, at_least)))


def of_blocks(means: np.ndarray, sizes: np.ndarray) -> Part:
    """The noise of the mean of blocks that are independent of each other; NaN for a single block."""
    if len(means) < 2:
        return Part(variance=float("nan"), df=1.0)
    squares = (means - np.average(means, weights=sizes)) ** 2
    return Part(variance=float(np.average(squares, weights=sizes)) / (len(means) - 1), df=len(means) - 1)


def block_length(means: np.ndarray, sizes: np.ndarray, at_least: int = 0) -> int:
    """How many tokens a merged block should hold: at least so many, then twice as many until neighbours are no longer alike.

    A short text is cut into a few blocks all the same, shorter ones.
    """
    total = int(sizes.sum())
    length = max(int(sizes[0]), min(at_least, total // FEWEST_COPYING))
    while total // (2 * length) >= FEWEST and _likeness(merged(means, sizes, length)[0]) > ALIKE:
        length *= 2
    return length


def merged(means: np.ndarray, sizes: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Means and sizes of runs of neighbouring blocks that hold `length` tokens each or somewhat more; two runs are left at least."""
    n = len(means) if length <= sizes[0] else min(len(means), max(2, int(sizes.sum()) // length))
    if n == len(means):
        return np.array(means), np.array(sizes)
    short, n_longer = divmod(len(means), n)  # runs of `short` blocks, but the first ones of one more
    starts = np.arange(n) * short + np.minimum(np.arange(n), n_longer)
    totals = np.add.reduceat(sizes, starts)
    return np.add.reduceat(means * sizes, starts) / totals, totals


def _likeness(means: np.ndarray) -> float:
    """Lag-1 correlation of neighbours; the mean is taken from the same blocks, which lowers it by about 1 / n."""
    gaps = means - means.mean()
    squares = float(gaps @ gaps)
    return float(gaps[1:] @ gaps[:-1]) / squares + 1 / len(means) if squares > 0 else 0.0
