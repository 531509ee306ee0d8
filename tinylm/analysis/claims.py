"""What a claim is and how the records judge it: supported, refuted or undecided. Needs no torch.

A claim says in which range a measured effect lies. It is supported when the effect is shown to lie inside, refuted when it is shown
to lie outside, and undecided in every other case and always below three seeds. "Shown" means a two-sided p value, twice the smaller
one-sided one, of at most 0.05 after Holm's adjustment over all claims, those whose runs are missing included: a claim that is
decided cannot be undone by the arrival of another one.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from tinylm import study
from tinylm.analysis import families, significance, summaries
from tinylm.analysis.numbers import amount
from tinylm.analysis.significance import Estimate
from tinylm.analysis.summaries import Result
from tinylm.ledger import RunRecord
from tinylm.study import Planned, reported

MIN_SEEDS = 3
LEVEL = 0.05
NBSP = "\N{NO-BREAK SPACE}"  # a bound stays on the line of its sign
SUPPORTED, REFUTED, UNDECIDED = "supported", "refuted", "undecided"
DECIDED = (SUPPORTED, REFUTED)
VERDICTS = (*DECIDED, UNDECIDED)
LACKS = "lacks seeds or runs"

Records = Sequence[RunRecord]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What the records show of a claim's effect; `reported` is the effect in the paper's own numbers, NaN where it has none."""

    estimate: Estimate | None
    note: str = ""
    reported: float = math.nan


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """An effect in nats with its 95 % interval; `p_for` and `p_against` are one-sided, for and against the claimed range."""

    n: int = 0
    effect: float = math.nan
    low: float = math.nan
    high: float = math.nan
    text_se: float = math.nan
    p_for: float = math.nan
    p_against: float = math.nan
    test: str = ""
    note: str = ""
    reported: float = math.nan

    @property
    def p(self) -> float:
        """Two-sided p value of the claimed range's nearest bound; NaN where there is nothing to test."""
        return min(1.0, 2 * min(self.p_for, self.p_against))

    @property
    def is_testable(self) -> bool:
        """Whether there are seeds enough, and a p value."""
        return self.n >= MIN_SEEDS and not math.isnan(self.p_for + self.p_against)


@dataclass(frozen=True)
class Which:
    """One row of the study by what it is: `fields` are those of `study.select`; `label` is what a claim calls it, and `where` its text and
    context, which a claim says once of two rows that share them.
    """

    label: str
    fields: dict[str, Any]
    where: str = ""

    @property
    def name(self) -> str:
        """What the row is called alone."""
        return f"{self.label} {self.where}".strip()

    def records(self, groups: Mapping[Planned, Records]) -> Records:
        """The records of the row, none where it is not recorded; ValueError where the fields are those of several rows."""
        rows = study.select(groups, **self.fields)
        if len(rows) > 1:
            raise ValueError(f"{self.name} may be any of {', '.join(row.name for row in rows)}; say more of it")
        return groups[rows[0]] if rows else []


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A claim: that the effect which `measure` finds in the records of `runs` lies above `above` and below `below`, in nats.

    `contrast` says in short what the effect is, and is the claim's name. A claim that `follows` another's contrast rests on the
    same evidence and is not tested again; `remark` says what its evidence leaves out. Its runs read `n_texts` corpora.
    """

    text: str
    source: str
    contrast: str
    runs: tuple[Which, ...]
    measure: Callable[..., Finding]
    above: float = -math.inf
    below: float = math.inf
    follows: str = ""
    remark: str = ""
    n_texts: int = 1

    @property
    def statement(self) -> str:
        """The contrast and the range that is claimed of it."""
        if math.isinf(self.above):
            claimed = f"<{NBSP}{self.below:g}"
        elif math.isinf(self.below):
            claimed = f">{NBSP}{self.above:g}"
        else:
            claimed = f"in{NBSP}[{self.above:g}, {self.below:g}]"
        return f"{self.contrast} {claimed.replace('-', '−')}"

    def weigh(self, groups: Mapping[Planned, Records]) -> Evidence:
        """The evidence in the records of each row; its note says which runs or seeds the claim waits for."""
        found = [which.records(groups) for which in self.runs]
        missing = [which for which, records in zip(self.runs, found, strict=True) if not records]
        if missing:
            return Evidence(note=_sentences(_waiting(missing), self.remark))
        if len({record.spec.corpus for records in found for record in records}) != self.n_texts:
            return Evidence(note=_sentences("the runs read different texts", self.remark))
        finding = self.measure(*found)
        if finding.estimate is None:
            return Evidence(note=_sentences(finding.note, self.remark), reported=finding.reported)
        return self._evidence(finding, finding.estimate)

    def _evidence(self, finding: Finding, estimate: Estimate) -> Evidence:
        low, high = estimate.interval()
        few = f"waits for seeds, {estimate.n} of {MIN_SEEDS}" if estimate.n < MIN_SEEDS else ""
        return Evidence(
            n=estimate.n,
            effect=estimate.mean,
            low=low,
            high=high,
            text_se=estimate.text_se,
            p_for=significance.p_inside(estimate, self.above, self.below),
            p_against=significance.p_outside(estimate, self.above, self.below),
            test=estimate.test if math.isinf(self.above) or math.isinf(self.below) else f"TOST, {estimate.test}",
            note=_sentences(few, finding.note, self._companion(estimate), self.remark),
            reported=finding.reported,
        )

    def _companion(self, estimate: Estimate) -> str:
        bounds = [bound for bound in (self.above, self.below) if math.isfinite(bound)]
        p = estimate.wilcoxon(bounds[0]) if len(bounds) == 1 else math.nan
        return "" if math.isnan(p) else f"Wilcoxon p = {p:.2g}"


def _waiting(missing: Sequence[Which]) -> str:
    """Which runs are not recorded, and which of them no study plans."""
    plan = study.plan("full")
    unplanned = [which.name for which in missing if not study.select(plan, **which.fields)]
    planned = [which.name for which in missing if which.name not in unplanned]
    waits = f"waits for {' and '.join(planned)}" if planned else ""
    return _sentences(waits, f"no study plans {' or '.join(unplanned)}" if unplanned else "")


def _sentences(*parts: str) -> str:
    return "; ".join(part for part in parts if part)


def judge(claims: Sequence[Claim], results: Sequence[Result]) -> pd.DataFrame:
    """One row per claim, in order: what it says, the evidence, p before and after Holm's adjustment, and the verdict."""
    groups = summaries.by_row(results)
    tested = [claim for claim in claims if not claim.follows]
    evidence = {claim.contrast: claim.weigh(groups) for claim in tested}
    adjusted = significance.holm([found.p if found.is_testable else 1.0 for found in evidence.values()])
    p_holm = dict(zip(evidence, adjusted, strict=True))
    rows = []
    for claim in claims:
        tested_as = claim.follows or claim.contrast
        rows.append(_row(claim, evidence[tested_as], float(p_holm[tested_as])))
    return pd.DataFrame(rows)


def _row(claim: Claim, found: Evidence, p_holm: float) -> dict[str, Any]:
    verdict = UNDECIDED
    if found.is_testable and p_holm <= LEVEL:
        verdict = SUPPORTED if found.p_for < found.p_against else REFUTED
    row = {name: getattr(claim, name) for name in ("text", "source", "contrast", "statement", "above", "below", "follows")}
    row |= {name: getattr(found, name) for name in ("n", "effect", "low", "high", "text_se", "reported", "test", "note")}
    if claim.follows:  # one case can refute what is said in general, and not support it
        verdict = REFUTED if verdict == REFUTED else UNDECIDED
        row["note"] = _sentences(f"follows from {claim.follows}", claim.remark)
    grade = families.verdict(found.p, p_holm) if found.is_testable else families.OPEN
    if grade == families.OPEN and found.n < families.ENOUGH:
        grade = LACKS
    elif verdict == UNDECIDED and grade == families.CLEAR:  # one case is clear, and what is said in general is not
        grade = families.OPEN
    p_values = {"p": found.p, "p_holm": p_holm} if found.is_testable else dict.fromkeys(("p", "p_holm"), math.nan)
    leans = "for" if found.p_for < found.p_against else "against"
    return row | p_values | {"verdict": verdict, "grade": grade, "leans": leans}


def claim_verdict(verdicts: Iterable[str]) -> str:
    """The verdict on a claim that several statements are tested for: one refutes it, and only all of them support it."""
    found = set(verdicts)
    if REFUTED in found:
        return REFUTED
    return SUPPORTED if found == {SUPPORTED} else UNDECIDED


def whole_verdicts(judged: pd.DataFrame) -> pd.Series:
    """The verdict on each claim, by its text."""
    return judged.groupby("text", sort=False)["verdict"].agg(claim_verdict)


def decided(judged: pd.DataFrame) -> list[str]:
    """The texts of the claims that are supported or refuted as a whole."""
    whole = whole_verdicts(judged)
    return list(whole.index[whole.isin(DECIDED)])


def claim_grade(grades: Iterable[str]) -> str:
    """How well a claim is known: as well as the least known of its statements."""
    found = set(grades)
    return next(grade for grade in (LACKS, families.OPEN, families.BEFORE, families.CLEAR) if grade in found)


def test_difference(first: Records, second: Records) -> Finding:
    """Test NLL of `first` minus `second`."""
    rows = [reported.paper_row(records[0].spec) for records in (first, second)]
    theirs = rows[0].test_nll - rows[1].test_nll if all(rows) else math.nan
    return Finding(estimate=significance.difference(first, second), reported=theirs)


def gap_growth(first: Records, second: Records, third: Records, fourth: Records) -> Finding:
    """Test NLL of `first` minus `second`, less that of `third` minus `fourth`, over the seeds that all have."""
    rows = (first, second, third, fourth)
    if not set.intersection(*({record.spec.seed for record in row} for row in rows)):
        return Finding(estimate=None, note="the runs share no seed")
    return Finding(estimate=significance.contrast(list(zip((1.0, -1.0, -1.0, 1.0), rows, strict=True))))


def costlier_difference(first: Records, second: Records) -> Finding:
    """Test NLL of `first` minus `second`, with how many times as much `first` costs, counted three ways."""
    finding = test_difference(first, second)
    ratios = {
        name: getattr(first[0], field) / getattr(second[0], field)
        for name, field in (("2ND", "flops_2nd"), ("textbook", "flops_textbook"), ("executed", "flops"))
    }
    note = "cost ratio " + ", ".join(f"{ratio:.2g} ({name})" for name, ratio in ratios.items())
    return Finding(estimate=finding.estimate, note=note, reported=finding.reported)


def at_largest_cost(first: Records, second: Records, convention: str) -> Finding:
    """Best valid NLL of `first` minus `second` where both have spent what the cheaper run spends in all."""
    return _at_cost(first, second, convention, min(getattr(records[0], convention) for records in (first, second)))


def at_smallest_cost(first: Records, second: Records, convention: str) -> Finding:
    """Best valid NLL of `first` minus `second` at the first cost at which both have been validated."""
    return _at_cost(first, second, convention, max(summaries.spent(records[0], convention)[0] for records in (first, second)))


def _at_cost(first: Records, second: Records, convention: str, budget: float) -> Finding:
    """Valid curves at a budget. A `first` validated later only is bounded from below by its first validation."""
    begins = [summaries.spent(records[0], convention)[0] for records in (first, second)]
    ends = [summaries.spent(records[0], convention)[-1] for records in (first, second)]
    note = f"at {amount(budget)} FLOPs"
    tolerance = 1 + 1e-9
    if budget > tolerance * min(ends) or budget * tolerance < begins[1]:
        return Finding(estimate=None, note=f"the runs share no cost, {note} one of them has no validation")
    rows = [{record.spec.seed: summaries.best_valid_at(record, budget, convention) for record in records} for records in (first, second)]
    estimate = _over_seeds(first, second, *rows)
    if budget * tolerance < begins[0]:
        late = f"first validated at {begins[0] / budget:.2g} times that, where its loss bounds the effect from below"
        return Finding(estimate=replace(estimate, is_lower_bound=True), note=f"{note}; {late}")
    return Finding(estimate=estimate, note=note)


def after_first_epoch(first: Records, second: Records) -> Finding:
    """Valid NLL of `first` minus `second` at the first validation, after equally many updates."""
    rows = [{record.spec.seed: record.curve[0]["valid_nll"] for record in records} for records in (first, second)]
    return Finding(estimate=_over_seeds(first, second, *rows), note=f"after {first[0].curve[0]['step']:,} updates")


def _over_seeds(first: Records, second: Records, a: dict[int, float], b: dict[int, float]) -> Estimate:
    """Values of valid curves by seed, subtracted: paired where the records may be, else Welch.

    A curve keeps no blocks of text; the text's noise is taken to be that of the two runs' difference on test.
    """
    text = [significance.difference(first, second).text]
    pairs = significance.common_seeds(first, second)
    if pairs:
        return significance.paired([a[x.spec.seed] - b[y.spec.seed] for x, y in pairs], text)
    return significance.welch(list(a.values()), list(b.values()), text)


def later_than(records: Records, epoch: int) -> Finding:
    """How far the best valid NLL after `epoch` stays above the best one up to it, and how many seeds have their best by then."""
    curves = [[point["valid_nll"] for point in record.curve] for record in records]
    if min(map(len, curves)) <= epoch:
        return Finding(estimate=None, note=f"the runs end with epoch {min(map(len, curves))}")
    by_then = sum(record.best_step <= record.curve[epoch - 1]["step"] for record in records)
    gaps = [min(curve[epoch:]) - min(curve[:epoch]) for curve in curves]
    note = f"best by epoch {epoch} in {by_then} of {len(records)} seeds"
    return Finding(estimate=significance.paired(gaps, test="one-sample t"), note=note)


def excess_difference(first: Records, first_counts: Records, second: Records, second_counts: Records) -> Finding:
    """Test NLL above that of the counts of the same text, for `first` minus for `second`."""
    above = [significance.difference(*rows) for rows in ((first, first_counts), (second, second_counts))]
    return Finding(estimate=significance.welch(above[0].gaps, above[1].gaps, [estimate.text for estimate in above]))
