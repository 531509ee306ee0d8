"""Do the study's single runs fall where ours do? A joint test of deviations over pooled seed SDs, and margins. Needs no torch."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from tinylm.analysis import families, summaries
from tinylm.analysis.summaries import Result
from tinylm.study import reported

COLUMNS = ["run", "n", "theirs", "deviation", "sd", "df", "p", "margin"]
LEVEL = 0.05


@dataclass(frozen=True)
class Joint:
    """p values of all rows together, by Fisher's sum of logarithms and by Kolmogorov and Smirnov against a uniform distribution."""

    n_rows: int
    fisher: float
    ks: float

    @property
    def is_alike(self) -> bool:
        """Whether neither test tells the study's runs from ours."""
        return min(self.fisher, self.ks) > LEVEL


def rows(results: Sequence[Result]) -> pd.DataFrame:
    """One row per row of the study: how far its run's test NLL lies from our mean, the p value of that, and the row's margin.

    A row's seed SD `sd` is pooled over the rows of its section and architecture, which gives a row of one seed one too. The `margin` is the
    smallest shift between the study's protocol and ours that the row rules out with 95 % (two one-sided tests, Schuirmann 1987).
    """
    groups = {run: [r.test.nll for r in records] for run, records in summaries.by_row(results).items() if reported.paper_row(run.spec)}
    kinds: dict[tuple[str, str], list[list[float]]] = {}
    for run, nlls in groups.items():
        kinds.setdefault((run.section, run.architecture), []).append(nlls)
    spreads = {kind: families.pooled_variance(found) for kind, found in kinds.items()}
    found = []
    for run, nlls in groups.items():
        spread, theirs = spreads[run.section, run.architecture], reported.paper_row(run.spec).test_nll
        se, gap = math.sqrt(spread.variance * (1 + 1 / len(nlls))), theirs - float(np.mean(nlls))
        p = float(2 * stats.t.sf(abs(gap) / se, spread.df)) if se > 0 else math.nan
        margin = abs(gap) + float(stats.t.ppf(1 - LEVEL, spread.df)) * se
        found.append([run, len(nlls), theirs, gap, math.sqrt(spread.variance), spread.df, p, margin])
    return pd.DataFrame(found, columns=COLUMNS)


def joint(frame: pd.DataFrame) -> Joint | None:
    """The joint test of `rows`; None where no row has a spread."""
    p = frame["p"].dropna().to_numpy(dtype=float)
    if not len(p):
        return None
    return Joint(len(p), float(stats.combine_pvalues(p, "fisher").pvalue), float(stats.kstest(p, "uniform").pvalue))
