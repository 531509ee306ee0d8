"""Records -> the answers of the sections on size, more text, and architecture or lookup."""

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from tinylm import data
from tinylm.analysis import fits, folds, forecasts, gaps
from tinylm.analysis.families import CLEAR
from tinylm.analysis.numbers import distance, interval, percent, power
from tinylm.analysis.summaries import Result
from tinylm.report.answers.headline import LOOKUP
from tinylm.report.answers.phrases import say, with_intervals
from tinylm.report.sentences.phrases import listed
from tinylm.study import select, titles


def capacity(found: Sequence[Result]) -> str:
    """How the best size of each text grows with the budget, and what came of the last forecasts made before the runs."""
    grown = []
    for corpus in forecasts.corpora(found):
        points = fits.points(forecasts.fitted(found, corpus))
        laws = [fits.fit(points, form) for form in fits.FORMS]
        powers = [value for value in [*(fits.growth(law, points) for law in laws), fits.growth_of_parabolas(points)] if value > 0]
        grown.append(f"{10 ** min(powers):.1f} to {10 ** max(powers):.1f} times the parameters on {titles.corpus(corpus)}")
    if not grown:
        return ""
    return say(f"ten times the FLOPs pay for {listed(grown)}, by several fits to the same runs", _came(found))


def _came(found: Sequence[Result]) -> str:
    """What came of the forecasts for the largest budget that any was tested at, by each form of the law, and of the sizes foreseen."""
    tested = [one for one in forecasts.recorded() if all(forecasts.outcome(found, one, form) for form in fits.FORMS)]
    last = [one for one in tested if one["flops"] == max(each["flops"] for each in tested)]
    if not last:
        return ""
    by_form = [[percent(forecasts.miss(found, one, form)) for form in fits.FORMS] for one in last]
    misses = [f"{' and '.join(forms)} on {titles.corpus(one['corpus'])}" for forms, one in zip(by_form, last, strict=True)]
    laws = f"two forms of the law ({' and '.join(fits.FORMS)})"
    told = f"at {power(last[0]['flops'])} FLOPs the valid losses missed the forecasts of {laws} by {' and by '.join(misses)}"
    above = [forecasts.above_best(found, one, form) for one in last for form in fits.FORMS]
    if any(map(math.isnan, above)):
        return told
    n = min(len(forecasts.outcome(found, one, form)) for one in last for form in fits.FORMS)
    sizes = "the best" if max(above) == 0 else f"at most {max(above):.3f} nats above the best"
    return f"{told}; the sizes that they foresaw (n = {n}) are {sizes} of those tried there"


def ten_times(found: Sequence[Result]) -> str:
    """The leads of both pairs of models on a part of a text and on all of it, and who is ahead by context."""
    by_text, by_context = (frame[frame["n"] > 1] for frame in (gaps.gaps(found), gaps.by_context(found)))
    pairs = [_lead(found, rows) for _, rows in by_text.groupby(["first", "second"], sort=False)]
    at = f"at {power(select(found, role='gap')[0].run.budget)} FLOPs (n = {by_text['n'].min()}) " if pairs else ""
    alike: dict[str, list[str]] = {}
    for corpus, rows in by_context.groupby("corpus", sort=False):
        alike.setdefault(_contexts(rows), []).append(titles.corpus(corpus))
    texts = [f"on {listed(where)} {who}" for who, where in alike.items()]
    flops = power(select(found, role="context")[0].run.budget) if texts else ""
    contexts = f"at {flops} FLOPs, by characters of context (n = {by_context['n'].min()}), {'; '.join(texts)}" if texts else ""
    return say(at + "; ".join(pairs), contexts)


def _lead(found: Sequence[Result], rows: pd.DataFrame) -> str:
    """By how much the second model of a pair is ahead on a part of a text, and on all of it; on every text where none is read in part."""
    (first, second), texts, grown = rows.iloc[0][["first", "second"]], rows[rows["than"] == 0], rows[rows["than"] > 0]
    if first == titles.MLP:
        first = f"the {first}'s recipe ({select(found, role='gap', rung=first)[0].run.spec.model.context_length} characters)"
    told = [_with_more_text(texts, row) for row in grown.itertuples()]
    told = told or [f"{_size(row)} nats on {titles.text(row.corpus, row.tokens)}" for row in texts.itertuples()]
    return f"the lead of {second} over {first} is {listed(told)}"


def _size(row: Any) -> str:
    """A lead in nats with its interval."""
    return interval(row.gap, row.low, row.high, plus="")


def _with_more_text(texts: pd.DataFrame, row: Any) -> str:
    """A lead on a part of a text and on all of it, and whether both differ clearly."""
    whole, part = (next(texts[(texts["corpus"] == row.corpus) & (texts["tokens"] == n)].itertuples()) for n in (0, row.than))
    clearly = f"clearly {'more' if row.gap > 0 else 'less'}" if row.verdict == CLEAR else "no clear change"
    first = f"the first {row.than:,} {data.info(row.corpus).level}s of {titles.text(row.corpus, 0)}"
    change = f"{clearly}: {interval(row.gap, row.low, row.high)}"
    return f"{_size(part)} nats on {first}, and {_size(whole)} on all of it ({change})"


def _contexts(rows: pd.DataFrame) -> str:
    """With which contexts attention and the MLP are clearly ahead, and with which neither is."""
    clear = rows["verdict"] == CLEAR
    ahead, behind = (rows[clear & (sign * rows["gap"] > 0)] for sign in (1, -1))
    cases = (("Self-Attention is ahead", ahead), ("the MLP", behind), ("neither", rows[~clear]))
    told = [f"{who} with {listed([*map(str, of['length'])])}" for who, of in cases if len(of)]
    return ", ".join(told)


def copying(effects: pd.DataFrame, by_fold: pd.DataFrame, fold_budget: int) -> str:
    """What induction and the architecture are worth at the largest budget, and what induction is on parts that were left out."""
    told = []
    if len(effects):
        frame, (lookup, with_it, without) = effects[effects["budget"] == effects["budget"].max()], LOOKUP
        told.append(
            f"at {power(frame['budget'].max())} FLOPs (n = {frame['n'].min()}) induction and its long window lower the test NLL by "
            f"{with_intervals(frame, lookup)[0]} nats in the mean of three architectures; a Transformer is {_ahead(frame, with_it)} with "
            f"induction and {_ahead(frame, without)} without"
        )
    names = [titles.title(name) for name in ("transformer-no-induction", "transformer")]
    if set(names) <= set(folds.architectures(by_fold)):
        gap = folds.over_folds(by_fold, *names)
        wins = sum(value > 0 for value in gap.gaps)
        worth = interval(gap.mean, *gap.interval(), plus="")
        told.append(
            f"on {wins} of {gap.n} parts of the text that were left out induction helps the Transformer's recipe, by {worth} in the mean "
            f"({power(fold_budget)} FLOPs, one seed each)"
        )
    return say(*told)


def _ahead(effects: pd.DataFrame, name: str) -> str:
    """By how far a Transformer is ahead of an LSTM, or behind, in an effect of that name, with its interval."""
    effect, low, high = effects.set_index("contrast").loc[name, ["effect", "low", "high"]]
    if low < 0 < high:
        return f"level with an LSTM ({interval(effect, low, high)})"
    return f"{'behind' if effect < 0 else 'ahead of'} an LSTM by {distance(effect, low, high)}"
