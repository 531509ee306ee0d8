"""Is a difference real? Tests over seeds with the text's own noise, closeness, and many claims at once. Needs no torch.

Seeds measure the noise of training, blocks of text the noise of the test. A standard error here adds the variances of both; its degrees
of freedom are those of the seeds, n - 1 or Welch's (1947), or fewer where the text has few blocks. Without the text's part the tests are
the usual t tests.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats
from statsmodels.stats.multitest import multipletests

from tinylm.analysis import summaries
from tinylm.analysis.text_noise import Part
from tinylm.ledger import RunRecord

TEXT_ALONE = "paired blocks of text"  # of one seed each
UNKNOWN = Part(variance=float("nan"), df=1.0)
WILCOXON_MIN = 6  # below six pairs no signed-rank p value can be under 0.05


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A mean difference in nats with its standard error and degrees of freedom; `test` names the test that its p values are of.

    `n` is the number of seeds, of the smaller row where there is no pairing. `gaps` are the paired differences, one a seed.
    `text` is the part of the noise that is the text's. A lower bound shows only what is above something.
    """

    n: int
    mean: float
    se: float
    df: float
    test: str
    gaps: tuple[float, ...] = ()
    text: Part = UNKNOWN
    is_lower_bound: bool = False

    @property
    def text_se(self) -> float:
        """The part of the standard error that is the text's, NaN where it is not known."""
        return float(np.sqrt(self.text.variance))

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

    def p_other(self, null: float = 0.0) -> float:
        """Two-sided p value for a true mean other than `null`."""
        return float(2 * np.minimum(self.p_above(null), self.p_below(null)))  # NaN stays NaN

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
    return Estimate(n=len(gaps), mean=float(np.mean(gaps)), se=se, df=df, test=test, gaps=tuple(gaps), text=_sum(text))


def welch(first: Sequence[float], second: Sequence[float], text: Sequence[Part] = ()) -> Estimate:
    """The mean of `first` minus that of `second`, rows that share no seeds or tokens; without `text` it is Welch's t test."""
    se, df = _combined([_mean_variance(first), _mean_variance(second)], text)
    mean = float(np.mean(first) - np.mean(second))
    return Estimate(n=min(len(first), len(second)), mean=mean, se=se, df=df, test="Welch t", text=_sum(text))


def difference(first: Sequence[RunRecord], second: Sequence[RunRecord], block_length: int = 0) -> Estimate:
    """Test NLL of `first` minus `second`: paired over common seeds on the same tokens, else Welch. Counts pair with every seed.

    The text's noise is that of blocks as long as it needs, or of `block_length` tokens.
    """
    is_paired = bool(common_seeds(first, second))
    return contrast([(1.0, first), (-1.0, second)], block_length) if is_paired else _unpaired(first, second)


def contrast(terms: Sequence[tuple[float, Sequence[RunRecord]]], block_length: int = 0) -> Estimate:
    """A weighted sum of the test NLLs of rows, paired over the seeds that all share; counts, which have no seed, go with every one.

    ValueError unless all were scored on the same tokens and share a seed.
    """
    first = terms[0][1][0]
    by_seed = [(weight, {r.spec.seed: r for r in row}) for weight, row in terms if not row[0].spec.is_counts]
    fixed = [(weight, row[0]) for weight, row in terms if row[0].spec.is_counts]
    seeds = [seed for seed in by_seed[0][1] if all(seed in row for _, row in by_seed)] if by_seed else []
    if not seeds or not all(summaries.same_tokens(first, row[0]) for _, row in terms):
        raise ValueError("a contrast needs rows of the same scored tokens and a seed that all networks share")
    chosen = [[*fixed, *((weight, row[seed]) for weight, row in by_seed)] for seed in seeds]
    blocks = [sum(weight * np.array(record.test.blocks) for weight, record in records) for records in chosen]
    # The mean over seeds first: what single seeds do to single blocks is training noise.
    text = summaries.text_part(np.mean(blocks, axis=0), [record for _, record in chosen[0]], block_length)
    sums = [float(np.average(sums, weights=summaries.block_sizes(first.test))) for sums in blocks]
    return paired(sums, [text], "one-sample t" if fixed else "paired t")


def block_length(first: Sequence[RunRecord], second: Sequence[RunRecord]) -> int:
    """How many tokens a block of text holds in the `difference` of rows that are paired."""
    gaps = np.mean([summaries.block_gaps(a, b) for a, b in common_seeds(first, second)], axis=0)
    return summaries.block_length(gaps, [*first, *second])


def with_seed_noise(estimate: Estimate, *seeds: Part) -> Estimate:
    """The estimate with another measure of the seeds' noise than its own seeds give, and the same noise of the text."""
    se, df = _combined(seeds, [estimate.text])
    return replace(estimate, se=se, df=df, test="pooled t")


def _unpaired(first: Sequence[RunRecord], second: Sequence[RunRecord]) -> Estimate:
    text = [summaries.text_part(summaries.mean_blocks(row), row) for row in (first, second)]
    return welch([r.test.nll for r in first], [r.test.nll for r in second], text)


def compared(first: Sequence[RunRecord], second: Sequence[RunRecord]) -> Estimate:
    """As `difference`, of the `matched` runs on the tokens that all have scored; with fewer than two seeds of a row the text's error alone.

    Rows that share one seed of several are compared as rows that share none.
    """
    first, second = matched(first, second)
    if first[0].spec.is_counts and not second[0].spec.is_counts:
        turned = compared(second, first)
        return replace(turned, mean=-turned.mean, gaps=tuple(-gap for gap in turned.gaps))
    first, second = summaries.on_common_tokens(first, second)
    pairs = common_seeds(first, second)
    if len(pairs) > 1:
        return difference(first, second)
    if min(len(first), len(second)) > 1:
        return _unpaired(first, second)
    gaps = summaries.mean_blocks(first) - summaries.mean_blocks(second)
    text = summaries.text_part(gaps, [*first, *second])
    mean = float(np.average(gaps, weights=summaries.block_sizes(first[0].test)))
    return Estimate(n=1, mean=mean, se=float(np.sqrt(text.variance)), df=text.df, test=TEXT_ALONE, text=text)


def matched(first: Sequence[RunRecord], second: Sequence[RunRecord]) -> tuple[list[RunRecord], list[RunRecord]]:
    """The runs of two rows that may be compared, each once: where one row has one seed and the other has it too, that seed of both."""
    rows = [list({record.spec.key: record for record in row}.values()) for row in (first, second)]
    if min(map(len, rows)) == 1 and not any(row[0].spec.is_counts for row in rows):
        (seed,) = {record.spec.seed for record in min(rows, key=len)}
        if all(any(record.spec.seed == seed for record in row) for row in rows):
            rows = [[record for record in row if record.spec.seed == seed] for row in rows]
    return rows[0], rows[1]


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


def _sum(text: Sequence[Part]) -> Part:
    """Independent parts as one; not known where there is none."""
    if not text:
        return UNKNOWN
    return Part(variance=sum(part.variance for part in text), df=min(part.df for part in text))


def _combined(seeds: Sequence[Part], text: Sequence[Part]) -> tuple[float, float]:
    """Standard error of a sum of independent sources of noise, and its degrees of freedom, at most those of the seeds' part alone.

    A text may have many blocks; were their degrees of freedom mixed in, a few seeds that happen to agree would make the interval narrower
    than it is without the text's noise.
    """
    parts = [*seeds, *text]
    se = float(np.sqrt(sum(part.variance for part in parts)))
    if not sum(part.variance for part in seeds) > 0:  # no spread, or NaN from a single seed
        return se, float(max(seeds[0].df, 1))
    return se, min(_welch_satterthwaite(seeds), _welch_satterthwaite(parts))


def _welch_satterthwaite(parts: Sequence[Part]) -> float:
    """Degrees of freedom of a sum of variances."""
    spread = [part for part in parts if part.variance > 0]
    return float(sum(part.variance for part in spread) ** 2 / sum(part.variance**2 / part.df for part in spread))
