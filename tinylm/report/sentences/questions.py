"""Records -> sentences on positions, depth, more text, and architecture or lookup."""

import itertools
import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pandas as pd

from tinylm.analysis import depth as layers
from tinylm.analysis import families, folds, forecasts, gaps, positions, significance, summaries
from tinylm.analysis.claims import at_largest_cost
from tinylm.analysis.families import CLEAR
from tinylm.analysis.numbers import interval, power
from tinylm.analysis.summaries import Result
from tinylm.config.shown import amount
from tinylm.report.sentences.phrases import listed, mean
from tinylm.study import select, titles
from tinylm.study.titles import ATTENTION, MLP

SHAPED = (("depth", "n_layer", "number of layers"), ("context", "context_length", "window"))  # roles, fields, and what they are called


def growth_with_length(found: Sequence[Result], kind: str) -> str:
    """By how much windows of twice the length change the gain of a kind of positions, which was expected to grow."""
    slopes = positions.slopes(found)
    rows = slopes[slopes["positions"] == kind].dropna(subset="gain")
    told = [f"{interval(row.gain, row.low, row.high)} on {titles.corpus(row.corpus)}" for row in rows.itertuples()]
    came = "came" if (rows["low"] > 0).all() else "did not come"
    which = f"twice the length changes the gain of {titles.POSITIONS[kind]} by {' and by '.join(told)}"
    return f"The growth that was expected {came}: {which}." if told else ""


def factorial_effects(effects: pd.DataFrame, mixed: pd.DataFrame) -> str:
    """How many effects of a factorial, and of its mixtures with counts, are clear at each budget."""
    told = [
        f"of {len(part)} effects at {power(budget)} FLOPs{beside} {(part['verdict'] == CLEAR).sum()} are clear"
        + ("" if beside else f", {families.clear_alone(part)} of them by the seeds of their own cells alone")
        for frame, beside in ((effects, ""), (mixed, ", mixed with counts,"))
        for budget, part in frame.groupby("budget")
    ]
    text = "; ".join(told)
    return f"After Holm's correction, {text}." if text else ""


def over_folds(frame: pd.DataFrame) -> str:
    """How each architecture compares with the next better one over parts of a text that were left out: wins, and the mean difference."""
    names = sorted(folds.architectures(frame), key=lambda name: folds.weighted_mean(frame, name))
    told = []
    for better, worse in itertools.pairwise(names):
        gap = folds.over_folds(frame, worse, better)
        wins = sum(value > 0 for value in gap.gaps)
        gain = interval(gap.mean, *gap.interval(), plus="")
        told.append(f"{better} {'are' if better.endswith('s') else 'is'} ahead of {worse} on {wins} of {gap.n} parts, by {gain}")
    text = "; ".join(told)
    return f"{text[:1].upper()}{text[1:]} (nats; means weighted by length; 95 % over the parts)." if told else ""


def best_shapes(found: Sequence[Result]) -> str:
    """The best of other depths, and of other windows, by valid, beside the usual shape of the same width, at their largest budget."""
    told = "; ".join(filter(None, (_varied(found, role, field, name) for role, field, name in SHAPED)))
    return f"{told[:1].upper()}{told[1:]}." if told else ""


def _varied(found: Sequence[Result], role: str, field: str, name: str) -> str:
    """What the best value of a field that a role varies does to the valid NLL, by text; nothing where no budget has two seeds of it."""
    seeds = Counter(result.run.row for result in select(found, role=role))
    budget = max((row.budget for row, n in seeds.items() if n > 1), default=0)
    told, n, width, before = [], [], 0, 0
    for corpus in dict.fromkeys(result.run.spec.corpus for result in select(found, role=role, budget=budget)):
        others = summaries.by_row(select(found, role=role, corpus=corpus, budget=budget))
        width = next(iter(others)).spec.model.d_model
        usual = summaries.by_row(select(found, role=forecasts.ROLE, corpus=corpus, budget=budget, d_model=width))
        for plain, beside in usual.items():
            run, records = min(others.items(), key=lambda row: mean(row[1], "valid"))
            gap = significance.welch(*([record.valid.nll for record in group] for group in (records, beside)))
            best, before = (getattr(one.spec.model, field) for one in (run, plain))
            told.append(f"{best} on {titles.corpus(corpus)} ({interval(gap.mean, *gap.interval())})")
            n += [len(records), len(beside)]
    which = f"at {power(budget)} FLOPs and width {width} the best {name} other than {before} is"
    return f"{which} {listed(told)} (valid, n = {min(n)})" if told else ""


def depth(found: Sequence[Result]) -> str:
    """Below how many steps a parameter one more layer raises the test NLL at equal FLOPs, by text, what it does at the best width of the
    largest budget, and whether steps or tokens order the pairs.
    """
    told, orders, pairs = [], [], layers.pairs(found)
    for corpus in dict.fromkeys(pair.corpus for pair in pairs):
        own = [pair for pair in pairs if pair.corpus == corpus]
        last = min(own, key=lambda pair: (-pair.budget, pair.valid))
        told.append(
            f"on {titles.corpus(corpus)} {_hurting(own)} ({amount(len(own), 'pair')} of runs, {_amount(min(p.steps for p in own))} to "
            f"{_amount(max(p.steps for p in own))}); at {power(last.budget)} FLOPs and width {last.width}, with {_amount(last.steps)}, it "
            f"changes the loss by {interval(last.gap.mean, *last.gap.interval())} (n = {last.gap.n})"
        )
        orders.append((layers.explained(own, "tokens"), layers.explained(own, "steps")))
    return f"One more layer at equal FLOPs: {'; '.join(told)}. {_order(orders)}".strip() if told else ""


def _order(explained: Sequence[tuple[float, float]]) -> str:
    """How much of what a layer does tokens and steps a parameter explain, on each text."""
    tokens, steps = (" and ".join(f"{100 * share:.0f} %" for share in shares) for shares in zip(*explained, strict=True))
    if "nan" in tokens:
        return ""
    return (
        "Steps are larger at larger budgets, so that their number is no measure across budgets: "
        f"a line over log tokens a parameter explains {tokens} of the differences, one over log steps {steps}."
    )


def _hurting(pairs: Sequence[layers.Pair]) -> str:
    """Below how many steps a parameter one more layer hurts, as far as the pairs of a text tell."""
    at, effects = layers.threshold(pairs), [pair.gap.mean for pair in pairs]
    if not math.isnan(at.steps):
        return f"it hurts below {_steps(at, max(pair.steps for pair in pairs))} a parameter"
    if min(effects) > 0:
        return "it hurts at every number of steps a parameter tried"
    return "it hurts at none" if max(effects) <= 0 else "no number of steps a parameter tells where it hurts"


def _steps(at: layers.Threshold, most: float) -> str:
    """Steps a parameter with their interval, which may have no ends; an end beyond the most that were tried is no number."""
    if not at.low or math.isinf(at.high):
        return f"{_amount(at.steps)} steps (95 %: not bounded)"
    return f"{_amount(at.steps)} steps ({_amount(at.low)} to {_amount(at.high) if at.high <= most else 'more than were tried'})"


def _amount(value: float) -> str:
    """A number with two digits and no exponent."""
    return f"{float(f'{value:.2g}'):.10f}".rstrip("0").rstrip(".")


def studied_depth(swept: Sequence[Result]) -> str:
    """What one more layer does under the study's own recipe: after equally many steps, at equal FLOPs, with equal steps a parameter,
    and after as many of both.
    """
    rows = summaries.by_row(select(swept, architecture="Transformer"))
    by_depth = {(run.role, run.spec.model.n_layer): records for run, records in rows.items()}
    depths = sorted(n_layer for role, n_layer in by_depth if role == "sweep")[-2:]
    if len(depths) < 2:
        return ""
    shallow, deep = (by_depth["sweep", n_layer] for n_layer in depths)
    after, cost = significance.difference(deep, shallow), at_largest_cost(deep, shallow, "flops")
    told = [f"{interval(after.mean, *after.interval())} on test after {deep[0].steps:,} steps of both (n = {after.n})"]
    if cost.estimate:
        told.append(f"{interval(cost.estimate.mean, *cost.estimate.interval())} on valid {_where(cost.note)} (n = {cost.estimate.n})")
    if longer := by_depth.get(("depth", depths[1])):
        more = significance.difference(longer, shallow)
        steps = f"{longer[0].steps:,} steps of the deeper, as many a parameter"
        told.append(f"{interval(more.mean, *more.interval())} on test with {steps} (n = {more.n})")
    if longer and (both := by_depth.get(("depth", depths[0]))):
        alike = significance.difference(longer, both)
        told.append(f"{interval(alike.mean, *alike.interval())} on test after {both[0].steps:,} steps of both (n = {alike.n})")
    return f"Under the study's own recipe {depths[1]} layers change the NLL of {depths[0]} by {'; by '.join(told)}."


def _where(note: str) -> str:
    """The FLOPs that a comparison at equal cost is made at."""
    return note.partition(";")[0]


def converged(found: Sequence[Result]) -> str:
    """In how many runs of the MLP's larger budget the last validation is the best, by text, and what that budget changes on test."""
    told = []
    for (text, model), records in gaps.by_text(found).items():
        if model == MLP:
            last = sum(record.best_step == record.curve[-1]["step"] for record in records)
            fall = np.mean([record.curve[0]["valid_nll"] - record.curve[-1]["valid_nll"] for record in records])
            told.append(f"on {titles.text(*text)} in {last} of {len(records)} runs, {fall:.3f} below the first")
    if not told:
        return ""
    flops, more = select(found, role="gap", rung=MLP)[0].run.budget, _more_flops(found)
    best = f"The last validation of an MLP of {power(flops)} FLOPs is its best {'; '.join(told)}."
    return f"{best} {more[:1].upper()}{more[1:]}." if more else best


def at_best_contexts(found: Sequence[Result]) -> str:
    """What the MLP lacks to attention on each text, each with the context that is best for it on valid, and with more FLOPs than that."""
    rows = gaps.at_best(found)
    rows = rows[rows["n"] > 1]
    if not len(rows):
        return ""
    longer = _with_more_flops(found, ATTENTION)
    more = f"; with {power(select(found, role='gap')[0].run.budget)} FLOPs for the MLP alone {_by_text(longer)}" if len(longer) else ""
    at = power(select(found, role="context")[0].run.budget)
    which = f"At {at} FLOPs, with the context that is best for each on valid, the MLP's test NLL minus Self-Attention's is"
    return f"{which} {_by_text(rows)}{more}."


def _by_text(rows: pd.DataFrame) -> str:
    """A gap on each text, and the number of seeds."""
    told = [f"{interval(row.gap, row.low, row.high)} on {titles.corpus(row.corpus)}" for row in rows.itertuples()]
    return f"{' and '.join(told)} (n = {rows['n'].min()})"


def _with_more_flops(found: Sequence[Result], against: str) -> pd.DataFrame:
    """The gaps between the MLP of the larger budget and a model of the smaller one, of two seeds or more."""
    rows = gaps.more_flops(found)
    return rows[(rows["against"] == against) & (rows["n"] > 1)]


def searched_mlp(found: Sequence[Result], cells: Sequence[Result]) -> str:
    """What the MLP of a larger search lacks to attention of both budgets."""
    run, apart = gaps.searched(found, cells)
    numbers = [f"{interval(gap.mean, *gap.interval())} at {power(flops)} FLOPs (n = {gap.n})" for flops, gap in apart.items()]
    if run is None or not numbers:
        return ""
    which = f"of {power(run.budget)} FLOPs from the larger search of [13_copying](13_copying.ipynb), which reads "
    which += f"{run.spec.model.context_length} characters"
    return f"With an MLP {which}, the difference on {titles.corpus(run.spec.corpus)} to Self-Attention is {' and '.join(numbers)}."


def _more_flops(found: Sequence[Result]) -> str:
    """How far the test NLL of the MLP of the larger budget is above that of the smaller one with its best context, by text."""
    rows = _with_more_flops(found, MLP)
    if not len(rows):
        return ""
    larger, smaller = (power(select(found, role=role)[0].run.budget) for role in ("gap", "context"))
    which = f"one of {smaller} FLOPs, with the best of its contexts on valid,"
    return f"the test NLL of an MLP of {larger} FLOPs minus that of {which} is {_by_text(rows)}"
