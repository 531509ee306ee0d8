"""Which tokens of a split are scored, how exact their mean is, and what it is made of. Needs no torch."""

from collections.abc import Sequence

import numpy as np

from tinylm.config import ConfigError, RunSpec
from tinylm.ledger import Score

BLOCK_SIZE = 250
RESAMPLES = 2_000


def eval_context(spec: RunSpec) -> int:
    """Tokens in each scoring window."""
    return spec.train.eval_context or spec.model.context_length


def scored_range(spec: RunSpec, n_split: int) -> range:
    """Indices of the scored tokens of a split of `n_split` tokens; ConfigError when there are none or the first lacks its context."""
    scored = spec.scored(n_split)
    if not scored:
        raise ConfigError(
            f"nothing to score: the split of {spec.corpus} has {n_split:,} tokens and scoring starts at token {scored.start}; "
            f"take a longer text, or lower eval_start or context_length"
        )
    if scored.start < eval_context(spec) and spec.train.loss_at == "last":  # trained on full windows only
        raise ConfigError(f"eval_start={scored.start} leaves the first window short of its {eval_context(spec)} tokens; raise it")
    return scored


def short_window(scored: range, context: int) -> range:
    """The first of the scored tokens, those with less than a context before them: one window that begins with the text scores them."""
    return range(scored.start, min(scored.stop, context + 1) if scored.start < context else scored.start)


def least_context(spec: RunSpec) -> int:
    """How many tokens each scored one sees at least: a window's, less its stride, or all there are before the first one."""
    context = eval_context(spec)
    return min(spec.train.eval_start or context, context - spec.train.eval_stride + 1)


def check_scoring(spec: RunSpec, n_tokens: dict[str, int]) -> None:
    """Raise ConfigError for a model's spec whose scoring would fail only after training; `n_tokens` per split."""
    for split in ("valid", "test"):
        scored_range(spec, n_tokens[split])
    context, stride, length = eval_context(spec), spec.train.eval_stride, spec.model.context_length
    if not stride <= context <= length:
        raise ConfigError(
            f"scoring needs eval_stride <= eval_context <= context_length, got {stride}, {context}, {length}; lower the first two"
        )
    if not spec.model.predicts_every_position and context < length:
        raise ConfigError(f"{spec.model.kind} reads exactly {length} tokens; set eval_context=0")


def summarise(
    spec: RunSpec,
    split: str,
    nll_N: np.ndarray,
    min_context: int,
    stride: int,
    classes: tuple[Sequence[int] | np.ndarray, Sequence[str]] = ((), ()),
) -> Score:
    """The Score of the NLLs (N,) of the scored range, in order; nats per token.

    `classes`: a label for each token of the whole split, and the names that the labels count through.
    """
    start = spec.train.eval_start or eval_context(spec)
    labels, names = classes
    starts = np.arange(0, len(nll_N), BLOCK_SIZE)
    sums, sizes = np.add.reduceat(nll_N.astype(np.float64), starts), np.diff(np.append(starts, len(nll_N)))
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
    )


def class_means(nll_N: np.ndarray, labels_N: np.ndarray, names: Sequence[str]) -> dict[str, list]:
    """Number of tokens and mean NLL of each class that occurs; counts times means add up to the sum of the NLLs."""
    chosen = {name: nll_N[labels_N == i] for i, name in enumerate(names)}
    return {name: [len(nlls), float(nlls.mean(dtype=np.float64))] for name, nlls in chosen.items() if len(nlls)}


def block_bootstrap_se(sums: np.ndarray, sizes: np.ndarray) -> float:
    """Standard error of sum(sums) / sum(sizes) when whole blocks are resampled (Kunsch 1989), with a fixed generator."""
    draws = np.random.default_rng(0).integers(len(sums), size=(RESAMPLES, len(sums)))
    return float(np.std(sums[draws].sum(1) / sizes[draws].sum(1), ddof=1))
