"""How exact the mean of a split's scored tokens is, and what it is made of. Needs no torch."""

import functools
from collections.abc import Sequence

import numpy as np

from tinylm.config import RunSpec
from tinylm.config.scored import eval_context
from tinylm.ledger import Score

BLOCK_SIZE = 250
RESAMPLES = 2_000


def summarise(
    spec: RunSpec,
    split: str,
    nll_N: np.ndarray,
    min_context: int,
    stride: int,
    classes: tuple[Sequence[int] | np.ndarray, Sequence[str]] = ((), ()),
    characters: int = 0,
) -> Score:
    """The Score of the NLLs (N,) of the scored range, in order; nats per token.

    `classes`: a label for each token of the whole split, and the names that the labels count through. `characters`: those that scored
    subwords stand for.
    """
    start = spec.train.eval_start or eval_context(spec)
    labels, names = classes
    starts = np.arange(0, len(nll_N), BLOCK_SIZE)
    # Below zero by rounding only, of a text that is known for certain.
    sums = np.maximum(0, np.add.reduceat(nll_N.astype(np.float64), starts))
    sizes = np.diff(np.append(starts, len(nll_N)))
    return Score(
        split=split,
        nll=float(sums.sum() / sizes.sum()),
        se=block_bootstrap_se(sums, sizes),
        n_tokens=len(nll_N),
        start=start,
        stride=stride,
        min_context=min_context,
        block_size=BLOCK_SIZE,
        blocks=[round(float(value), 5) for value in sums / sizes],
        parts=class_means(nll_N, np.asarray(labels)[start : start + len(nll_N)], names),
        characters=characters,
    )


def class_means(nll_N: np.ndarray, labels_N: np.ndarray, names: Sequence[str]) -> dict[str, list]:
    """Number of tokens and mean NLL of each class that occurs; counts times means add up to the sum of the NLLs."""
    chosen = {name: nll_N[labels_N == i] for i, name in enumerate(names)}
    return {name: [len(nlls), float(nlls.mean(dtype=np.float64))] for name, nlls in chosen.items() if len(nlls)}


def block_bootstrap_se(sums: np.ndarray, sizes: np.ndarray) -> float:
    """Standard error of sum(sums) / sum(sizes) when whole blocks are resampled (Kunsch 1989), with a fixed generator."""
    times = _times_drawn(len(sums)).astype(np.float64)
    return float(np.std((times @ sums) / (times @ sizes), ddof=1))


@functools.lru_cache(maxsize=8)  # the splits of a study are few, and its records many
def _times_drawn(n_blocks: int) -> np.ndarray:
    """How often each resample draws each block, (RESAMPLES, n_blocks) uint8."""
    draws = np.random.default_rng(0).integers(n_blocks, size=(RESAMPLES, n_blocks))
    return np.stack([np.bincount(row, minlength=n_blocks) for row in draws]).astype(np.uint8)
