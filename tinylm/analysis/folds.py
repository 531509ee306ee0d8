"""Each part of a text left out once: losses by part, and differences whose unit is the part. Needs no torch."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from tinylm.analysis.significance import Estimate
from tinylm.analysis.summaries import Result
from tinylm.study import recipes

TOKENS, SEARCHED = "n_tokens", "searched"


def by_fold(results: Sequence[Result]) -> pd.DataFrame:
    """One row per corpus: the scored tokens of its test, whether recipes were searched on them, and each architecture's mean test NLL."""
    rows: dict[str, dict[str, list[float]]] = {}
    tokens: dict[str, int] = {}
    for result in results:
        if result.record.test is not None:
            corpus = result.record.spec.corpus
            rows.setdefault(corpus, {}).setdefault(result.run.architecture, []).append(result.record.test.nll)
            tokens[corpus] = result.record.test.n_tokens
    frame = pd.DataFrame({corpus: {name: np.mean(nlls) for name, nlls in row.items()} for corpus, row in rows.items()}).T
    frame.insert(0, TOKENS, pd.Series(tokens))
    frame.insert(1, SEARCHED, [recipes.searched_on(corpus) for corpus in frame.index])
    return frame.rename_axis("corpus")


def architectures(frame: pd.DataFrame) -> list[str]:
    """The architectures of a frame of `by_fold`."""
    return [name for name in frame.columns if name not in (TOKENS, SEARCHED)]


def weighted_mean(frame: pd.DataFrame, architecture: str) -> float:
    """An architecture's test NLL over the parts that it has, each weighted by its scored tokens."""
    known = frame.dropna(subset=architecture)
    return float(np.average(known[architecture], weights=known[TOKENS]))


def over_folds(frame: pd.DataFrame, first: str, second: str) -> Estimate:
    """The mean difference in test NLL, first minus second, over the parts that both have, each weighted by its scored tokens.

    Parts are drawn at random: the standard error is that of a weighted mean, with one degree of freedom less than parts.
    """
    both = frame.dropna(subset=[first, second])
    gaps, weights = (both[first] - both[second]).to_numpy(float), both[TOKENS].to_numpy(float) / both[TOKENS].sum()
    n, mean = len(gaps), float(gaps @ weights)
    se = math.sqrt(n / (n - 1) * float(weights**2 @ (gaps - mean) ** 2)) if n > 1 else math.nan
    return Estimate(n=n, mean=mean, se=se, df=n - 1, test="weighted t over parts", gaps=tuple(gaps))
