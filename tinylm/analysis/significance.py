"""Is a difference real? Tests over seeds with the text's own noise, closeness, and many claims at once. Needs no torch.

Seeds measure the noise of training, blocks of text the noise of the test. A standard error here adds the variances of both; its degrees
of freedom are those of the seeds, n - 1 or Welch's (1947). Without the text's part the tests are the usual t tests.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats
from statsmodels.stats.multitest import multipletests

from tinylm.analysis import summaries
from tinylm.ledger import RunRecord

TEXT_ALONE = "paired blocks of text"  # of one seed each
WILCOXON_MIN = 6  # below six pairs no signed-rank p value can be under 0.05


@dataclass(frozen=True, kw_only=True)
class Part:
    """One source of noise: the variance that it gives the mean, and its degrees of freedom."""

    variance: float
    df: float


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A mean difference in nats with its standard error and degrees of freedom; `test` names the test that its p values are of.

    `n` is the number of seeds, of the smaller row where there is no pairing. `gaps` are the paired differences, one a seed.
    `text_se` is the part of `se` that is the text's, NaN where it is not known. A lower bound shows only what is above something.
    """

    n: int
    mean: float
    se: float
    df: float
    test: str
    gaps: tuple[float, ...] = ()
    text_se: float = float("nan")
    is_lower_bound: bool = False

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """Student's t interval; NaN where one seed leaves no standard error."""
        half = stats.t.ppf(0.5 + confidence / 2, self.df) * self.se
        return float(self.mean - half), float("inf") if self.is_lower_bound else float(self.mean + half)

    def p_above(self, null: float) -> float:
        """One-sided p value for a true mean above `null`."""
        return float(stats.t.sf(self._t(null), self.df))

    def p_below(self, null: float) -> float:
        """One-sided p value for a true mean below `null`."""
        return 1.0 if self.is_lower_bound else float(stats.t.cdf(self._t(null), self.df))

    def wilcoxon(self, null: float = 0.0) -> float:
        """Two-sided p value of the signed-rank test of the gaps against `null`; NaN where too few pairs differ for it to say anything."""
        shifted = np.array(self.gaps) - null
        if np.count_nonzero(shifted) < WILCOXON_MIN:
            return float("nan")
        return float(stats.wilcoxon(shifted).pvalue)

    def _t(self, null: float) -> float:
        with np.errstate(divide="ignore", invalid="ignore"):  # no spread at all: the t value is infinite
            return np.float64(self.mean - null) / np.float64(self.se)


def paired(gaps: Sequence[float], text: Sequence[Part] = (), test: str = "paired t") -> Estimate:
    """The mean of paired differences, one a seed; without `text` it is the paired t test."""
    se, df = _combined([_mean_variance(gaps)], text)
    return Estimate(n=len(gaps), mean=float(np.mean(gaps)), se=se, df=df, test=test, gaps=tuple(gaps), text_se=_text_se(text))


def welch(first: Sequence[float], second: Sequence[float], text: Sequence[Part] = ()) -> Estimate:
    """The mean of `first` minus that of `second`, rows that share no seeds or tokens; without `text` it is Welch's t test."""
    se, df = _combined([_mean_variance(first), _mean_variance(second)], text)
    mean = float(np.mean(first) - np.mean(second))
    return Estimate(n=min(len(first), len(second)), mean=mean, se=se, df=df, test="Welch t", text_se=_text_se(text))


def difference(first: Sequence[RunRecord], second: Sequence[RunRecord]) -> Estimate:
    """Test NLL of `first` minus `second`: paired over common seeds on the same tokens, else Welch. Counts pair with every seed."""
    pairs = common_seeds(first, second)
    if not pairs:
        text = [_text_part([record.test.se for record in row], row[0]) for row in (first, second)]
        return welch([r.test.nll for r in first], [r.test.nll for r in second], text)
    blocks = [summaries.block_gaps(a, b) for a, b in pairs]
    sizes = blocks[0][1]
    gaps = [float(np.average(gap, weights=sizes)) for gap, _ in blocks]
    # The mean over seeds first: what single seeds do to single blocks is training noise.
    text_se = summaries.block_se(np.mean([gap for gap, _ in blocks], axis=0), sizes)
    is_counts = second[0].spec.is_counts
    return paired(gaps, [Part(variance=text_se**2, df=len(sizes) - 1)], "one-sample t" if is_counts else "paired t")


def compared(first: Sequence[RunRecord], second: Sequence[RunRecord]) -> Estimate:
    """As `difference`, on the tokens that all have scored, each run once; with fewer than two seeds of a row the text's error alone.

    Rows that share one seed of several are compared as rows that share none.
    """
    first, second = (list({record.spec.key: record for record in row}.values()) for row in (first, second))
    if first[0].spec.is_counts and not second[0].spec.is_counts:
        turned = compared(second, first)
        return replace(turned, mean=-turned.mean, gaps=tuple(-gap for gap in turned.gaps))
    first, second = summaries.on_common_tokens(first, second)
    pairs = common_seeds(first, second)
    if len(pairs) > 1:
        return difference(first, second)
    if min(len(first), len(second)) > 1:
        text = [_text_part([record.test.se for record in row], row[0]) for row in (first, second)]
        return welch([r.test.nll for r in first], [r.test.nll for r in second], text)
    means = [replace(row[0].test, blocks=list(np.mean([record.test.blocks for record in row], axis=0))) for row in (first, second)]
    mean, se = summaries.paired_difference(*(replace(row[0], test=score) for row, score in zip((first, second), means, strict=True)))
    return Estimate(n=1, mean=mean, se=se, df=len(means[0].blocks) - 1, test=TEXT_ALONE, text_se=se)


def common_seeds(first: Sequence[RunRecord], second: Sequence[RunRecord]) -> list[tuple[RunRecord, RunRecord]]:
    """The pairs of records that may be subtracted: same seed, same scored tokens; counts have no seed and pair with each."""
    if not summaries.same_tokens(first[0], second[0]):
        return []
    if second[0].spec.is_counts:
        return [(record, second[0]) for record in first]
    partners = {record.spec.seed: record for record in second}
    return [(record, partners[record.spec.seed]) for record in first if record.spec.seed in partners]


def p_inside(estimate: Estimate, above: float, below: float) -> float:
    """One-sided p value for a true mean between two bounds, one of which may be infinite; with two it is TOST (Schuirmann 1987)."""
    return float(np.max([estimate.p_above(above), estimate.p_below(below)]))


def p_outside(estimate: Estimate, above: float, below: float) -> float:
    """One-sided p value for a true mean beyond the nearer of two bounds."""
    return float(np.min([estimate.p_below(above), estimate.p_above(below)]))


def holm(p_values: Sequence[float]) -> np.ndarray:
    """The p values of a family of tests, adjusted so that all of them together err with the stated probability (Holm 1979)."""
    return multipletests(p_values, method="holm")[1] if len(p_values) else np.array([])


def _mean_variance(values: Sequence[float]) -> Part:
    n = len(values)
    return Part(variance=float(np.var(values, ddof=1) / n) if n > 1 else float("nan"), df=n - 1)


def _text_part(errors: Sequence[float], record: RunRecord) -> Part:
    return Part(variance=float(np.mean(errors)) ** 2, df=len(record.test.blocks) - 1)


def _text_se(text: Sequence[Part]) -> float:
    return float(np.sqrt(sum(part.variance for part in text))) if text else float("nan")


def _combined(seeds: Sequence[Part], text: Sequence[Part]) -> tuple[float, float]:
    """Standard error of a sum of independent sources of noise, and the degrees of freedom of the seeds' part alone.

    A text has many blocks; were their degrees of freedom mixed in, a few seeds that happen to agree would make the interval narrower
    than it is without the text's noise.
    """
    variance = sum(part.variance for part in seeds)
    se = float(np.sqrt(variance + sum(part.variance for part in text)))
    if not variance > 0:  # no spread, or NaN from a single seed
        return se, float(max(seeds[0].df, 1))
    return se, float(variance**2 / sum(part.variance**2 / part.df for part in seeds if part.variance > 0))
