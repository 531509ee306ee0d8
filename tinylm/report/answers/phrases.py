"""What several answers say alike, and the rows that they speak of."""

import math
from collections.abc import Sequence

import pandas as pd

from tinylm import data
from tinylm.analysis import summaries
from tinylm.analysis.numbers import interval, perplexity, power
from tinylm.analysis.summaries import Result
from tinylm.config.models import UNBOUNDED
from tinylm.ledger import RunRecord
from tinylm.report import sentences, timings
from tinylm.report.sentences.phrases import mean
from tinylm.study import Planned, select, titles


def cheapest_gated(bought: Sequence[Result], other: RunRecord) -> tuple[Planned | None, list[RunRecord]]:
    """The cheapest row of gated counts that is scored on the tokens of another record, and its records."""
    found = [result for result in select(bought, role="gated") if summaries.same_tokens(result.record, other)]
    return min(summaries.by_row(found).items(), key=lambda row: row[0].budget, default=(None, []))


def rivals_of(bought: Sequence[Result], corpus: str) -> tuple[list[Result], Result | None]:
    """The recipes that are scored on the tokens of the counts that are best on valid, and those counts."""
    counts = select(bought, role=["counts", "tuned"], corpus=corpus)
    rival = min(counts, key=lambda result: result.record.valid.nll, default=None)
    recipes = select(bought, role=["frontier", "purchase"])
    return [r for r in recipes if rival and summaries.same_tokens(r.record, rival.record)], rival


def with_intervals(effects: pd.DataFrame, *names: str) -> list[str]:
    """Effects of a factorial with their intervals, those that are known."""
    by_name = effects.set_index("contrast")
    return [interval(*by_name.loc[name, ["effect", "low", "high"]], plus="") for name in names if name in by_name.index]


def say(*findings: str) -> str:
    """Findings as the Answer of a section; nothing where there are none."""
    told = [f"{one[:1].upper()}{one[1:]}." for one in findings if one]
    return f"**Answer.** {' '.join(told)}" if told else ""


def mean_nll(records: Sequence[RunRecord]) -> float:
    """Mean test NLL over seeds."""
    return mean(records, "test")


def mean_valid(records: Sequence[RunRecord]) -> float:
    """Mean valid NLL over seeds."""
    return mean(records, "valid")


def in_time(runs: Sequence[Planned], told: str) -> str:
    """How long runs take together, told; nothing where it is not known."""
    return "" if math.isnan(timings.seconds(*runs)) else told.format(timings.shown(*runs))


def with_pointer(bought: Sequence[Result], brief: bool = False) -> str:
    """The best recipe on words of each text, in perplexity, and unless in brief gated counts of the same tokens; without those the best
    counts.
    """
    ours, theirs, weighed, costs, weights = [], [], [], [], {}
    for records in sentences.best_purchases(bought).values():
        if data.info(records[0].spec.corpus).level == "word":
            cached = summaries.best_counts([r.record for r in bought], records[0], UNBOUNDED)
            ours.append(f"{perplexity(mean_nll(records))} on {titles.corpus(records[0].spec.corpus)}")
            costs.append(f"{power(records[0].spec.train.flops)} FLOPs, n = {len(records)}")
            theirs += [perplexity(cached.test.nll)] if cached else []
            run, gated = cheapest_gated(bought, records[0])
            weighed += [perplexity(mean_nll(gated))] if run else []
            weights |= {f"{power(run.budget)} FLOPs, n = {len(gated)}": None} if run else {}
    beside = f"; counts with a cache {' and '.join(theirs)}" if theirs else ""
    beside = f"; gated counts {' and '.join(weighed)} ({'; '.join(weights)})" if weighed and len(weighed) == len(ours) else beside
    if not ours:
        return ""
    cost = "; ".join(dict.fromkeys(costs))
    return f"Transformers with a *pointer* reach perplexity {' and '.join(ours)} ({cost}){'' if brief else beside}"
