"""Records -> the answers of the sections that reproduce the study, and of its claims."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from tinylm import data
from tinylm.analysis import agreement, positions, significance, summaries
from tinylm.analysis.claims import LACKS, UNDECIDED, VERDICTS, claim_grade, whole_verdicts
from tinylm.analysis.families import BEFORE, CLEAR
from tinylm.analysis.numbers import distance, interval, power
from tinylm.analysis.summaries import Result
from tinylm.ledger import RunRecord
from tinylm.report import sentences
from tinylm.report.answers.phrases import say, with_pointer
from tinylm.report.sentences.phrases import listed, on_each
from tinylm.study import Planned, reported, select, titles

LARGER = {"Linear": "a longer context", "MLP": "a wider layer", "Self-Attention": "a larger number of heads", "Transformer": "more depth"}
STILL = {BEFORE: "lean", LACKS: "lack seeds or runs"}  # what undecided claims do


def architectures(found: Sequence[Result]) -> str:
    """The study's losses and ours, its costs and the true ones, and what counts say of its best network."""
    lines, rows = summaries.summary(summaries.networks(found)), agreement.rows(found)
    if lines.empty or rows.empty:
        return ""
    costs = _charged(dict(zip(lines["name"], lines["flops_2nd"] / lines["flops_textbook"], strict=True)))
    return say(
        f"the study's losses come back, at most {rows['deviation'].abs().max():.3f} nats from the mean of {sentences.seeds(rows['n'])}",
        f"its stated costs are not those of its own computation (the textbook count): they are {costs}",
        beaten_by_counts(found),
    )


def _charged(ratios: Mapping[str, float]) -> str:
    """By how many times each is charged too much or too little; those that are charged alike are told together."""
    alike: dict[str, list[str]] = {}
    for name, ratio in ratios.items():
        alike.setdefault(f"{ratio:.2g} times too high for" if ratio > 1 else f"{1 / ratio:.2g} times too low for", []).append(name)
    return ", ".join(f"{how} {' and '.join(names)}" for how, names in alike.items())


def beaten_by_counts(found: Sequence[Result], brief: bool = False) -> str:
    """What counts have on the study's slice, beside its best network as stated and, unless in brief, retrained; nothing without counts."""
    lines = summaries.summary(summaries.networks(found))
    best = lines.loc[lines["valid_nll"].idxmin()]
    counts = summaries.best_counts([result.record for result in found], summaries.by_row(found)[best["run"]][0])
    if not counts:
        return ""
    how, stated = "with" if counts.spec.model.cache else "without", reported.paper_row(best["run"].spec)
    reach = f"counts {how} a cache reach {counts.test.nll:.3f} nats"
    if brief and stated:
        return f"on its test slice {reach}, its best network {stated.test_nll:.3f}"
    ours = f"{stated.test_nll:.3f}, retrained {best['test_nll']:.3f}" if stated else f"{best['test_nll']:.3f}"
    whose = "its" if brief else "the study's"
    return f"on its test slice ({_sliced(best['run'])}) {reach}, {whose} best network {ours}"


def _sliced(run: Planned) -> str:
    """How long the part of the test split is that a run is scored on."""
    return f"{run.spec.train.eval_tokens:,} {data.info(run.spec.corpus).level}s" if run.spec.train.eval_tokens else "all of the split"


def sweeps(found: Sequence[Result]) -> str:
    """How the test NLL changes from the smallest size of each architecture to the largest."""
    told, n = [], []
    families: dict[str, list[tuple[Planned, list[RunRecord]]]] = {}
    for run, records in summaries.by_row(summaries.networks(found)).items():
        families.setdefault(run.architecture, []).append((run, records))
    for rows in families.values():
        (_, a), (last, b) = rows[0], rows[-1]
        gap = significance.difference(b, a)
        low, high = gap.interval()
        which = "better" if gap.mean < 0 else "worse"
        verdict = (
            f"makes {last.architecture} {which}" if low > 0 or high < 0 else f"makes no clear difference to {last.architecture}, {which}"
        )
        what = LARGER.get(last.architecture, "a larger size")
        told.append(f"{what} {verdict} by {distance(gap.mean, low, high)}")
        n.append(gap.n)
    return say(f"in test NLL, largest against smallest size (n = {min(n)}, uncorrected): {'; '.join(told)}") if told else ""


def rope(found: Sequence[Result]) -> str:
    """How far rotary positions are from learned ones, in our runs and in the study's, and at which lengths of our own training."""
    budgets = {result.run.budget: None for result in select(found, role="length")}
    return say(
        _rope_pair(select(found, role="ablation")), _rope_by_length(positions.gains(found), listed([power(each) for each in budgets]))
    )


def _rope_pair(found: Sequence[Result]) -> str:
    rows = list(summaries.by_row(found).items())
    if len(rows) < 2:
        return ""
    (first, a), (second, b) = rows[:2]
    gap = significance.difference(b, a)
    stated = [reported.paper_row(run.spec) for run in (first, second)]
    where = "behind" if gap.interval()[0] > 0 else "ahead of" if gap.interval()[1] < 0 else "level with"
    known, sign = (gap.mean, *gap.interval()), -1 if where == "ahead of" else 1
    apart = f": {interval(*known)}" if where == "level with" else f", by {distance(*known)}"
    told = f"{sign * (stated[1].test_nll - stated[0].test_nll):.3f}".replace("-", "−") if all(stated) else ""
    theirs = f"; in the study's single runs by {told}" if told else ""
    ours, other = (titles.POSITIONS[run.spec.model.position] for run in (second, first))
    return (
        f"{ours[0].upper()}{ours[1:]} are {where} {other}{apart} nats on the study's slice, seed by seed (n = {gap.n}, uncorrected){theirs}"
    )


def _rope_by_length(gains: pd.DataFrame, budget: str) -> str:
    """At which lengths rotary positions are clearly ahead of learned ones, and behind, and by how much at both ends."""
    rotary = gains[(gains["positions"] == "rope") & (gains["n"] > 1)]
    if not len(rotary):
        return ""
    n_texts, lengths = rotary["corpus"].nunique(), sorted(rotary["length"].unique())
    numbers = f"{_at_both_lengths(rotary)} (n = {rotary['n'].min()})"
    span = f"windows of {lengths[0]:,} to {lengths[-1]:,} and the loss at every position, at {budget} FLOPs,"
    if all(rotary["verdict"] == CLEAR) and all(rotary["gain"] > 0):
        return f"with {span} they are ahead at every length on {n_texts} texts: by {numbers}"
    ahead, behind = (rotary[(rotary["verdict"] == CLEAR) & (sign * rotary["gain"] > 0)] for sign in (1, -1))
    cases = f"clearly ahead in {len(ahead)} and behind in {len(behind)} of {len(rotary)} cases"
    return f"with {span} they are {cases}: by {numbers}"


def _at_both_lengths(rotary: pd.DataFrame) -> str:
    """The gain of rotary positions with the shortest and the longest windows of each text."""
    told = []
    for corpus, rows in rotary.groupby("corpus", sort=False):
        ends = rows.sort_values("length").iloc[[0, -1]].itertuples()
        gains = [f"{interval(row.gain, math.nan, math.nan, plus='')} at {row.length:,}" for row in ends]
        told.append(f"{' and '.join(gains)} on {titles.corpus(corpus)}")
    return ", by ".join(told)


def words(found: Sequence[Result], bought: Sequence[Result]) -> str:
    """When the study's networks over-fit, what counts of the same words have, and what recipes reach on whole texts."""
    epochs, beaten, pointed = [], [], with_pointer(bought)
    for run, records in summaries.by_row(summaries.networks(select(found, role="baseline"))).items():
        valid = np.mean([[point["valid_nll"] for point in record.curve] for record in records], axis=0)
        epochs.append((f"{int(valid.argmin()) + 1} of {len(valid)}", titles.corpus(run.spec.corpus)))
        counts = summaries.best_counts([result.record for result in found], records[0])
        if counts:
            gap = significance.difference(records, [counts])
            beaten.append(f"{interval(gap.mean, *gap.interval(), plus='')} on {titles.corpus(run.spec.corpus)}")
    return say(
        f"the valid loss of the study's Transformer, averaged over seeds, is lowest after epoch {on_each(epochs)}; then it overfits"
        if epochs
        else "",
        f"on its slice counts of the same words are better, by {' and by '.join(beaten)}, in nats per word" if beaten else "",
        f"trained on the whole texts, {pointed}" if pointed else "",
    )


def claims(judged: pd.DataFrame) -> str:
    """How many claims have which verdict, and what those that are open lack."""
    whole = whole_verdicts(judged)
    grades = judged.groupby("text", sort=False)["grade"].agg(claim_grade)
    tally = ", ".join(f"{(whole == verdict).sum()} are {verdict}" for verdict in VERDICTS)
    unsettled = grades[whole == UNDECIDED].value_counts()
    lacking = [f"{n} {STILL.get(grade, f'are {grade}')}" for grade, n in unsettled.items()]
    return say(f"of {len(whole)} claims {tally}", f"of the undecided, {', '.join(lacking)}")
