"""Records -> the abstract, and the answers to what to train: counts, a recipe, or both."""

import math
from collections.abc import Sequence

import pandas as pd

from tinylm import data
from tinylm.analysis import agreement, factorial, summaries
from tinylm.analysis.families import CLEAR
from tinylm.analysis.numbers import power
from tinylm.analysis.summaries import Result
from tinylm.config.models import UNBOUNDED
from tinylm.ledger import RunRecord
from tinylm.report import mixtures, sentences
from tinylm.report.answers.phrases import cheapest_gated, in_time, mean_nll, mean_valid, rivals_of, say, with_intervals, with_pointer
from tinylm.report.answers.reproduced import beaten_by_counts
from tinylm.report.answers.techniques import carried_over
from tinylm.study import Planned, select, titles

STUDY = "[(Bhatti 2025)](https://arxiv.org/abs/2512.20877)"
LOOKUP = (factorial.LOOKUP, factorial.AGAINST["LSTM"][True], factorial.AGAINST["LSTM"][False])  # lookup or architecture, in effects


def abstract(found: Sequence[Result], bought: Sequence[Result], everything: Sequence[Result], corpus: str) -> str:
    """The report's abstract, one finding a sentence: what to train on a corpus, the study's rows and costs, words, and what carries over.

    `found` are the study's baselines, `bought` the recipes with their rivals, `everything` all rows that the study has too.
    """
    return " ".join(findings(found, bought, everything, corpus))


def findings(found: Sequence[Result], bought: Sequence[Result], everything: Sequence[Result], corpus: str) -> list[str]:
    """The findings of `abstract`, one by one."""
    pointed = with_pointer(bought, brief=True)
    words = f"On words, {pointed}." if pointed else ""
    carried = carried_over(select(everything, section="transfer"))
    return list(filter(None, [answer(bought, corpus), _lookup(bought), _retrained(found, everything), words, carried]))


def answer(bought: Sequence[Result], corpus: str) -> str:
    """The title's question answered for a corpus: what counts reach, what they reach with a network, and when a network does alone.

    Networks may read a text made from the corpus; all are scored on the same tokens.
    """
    networks, counts = rivals_of(bought, corpus)
    if not networks:
        return ""
    frames, _ = sentences.brackets(networks, counts.record.valid.nll, counts.record.test.nll)
    if any(frame.empty or math.isnan(frame.iloc[0]["misses"]) for frame in frames):
        return sentences.worth_training(bought, corpus)
    cache = counts.run.spec.model.cache
    how = "Kneser-Ney counts" + (f" with {'an unbounded' if cache == UNBOUNDED else 'a'} cache" if cache else "")
    how += f" reach {counts.record.test.nll:.3f} nats per {data.info(corpus).level} on the whole test split"
    how += in_time([counts.run], " in {}")
    first = frames[1].iloc[0]
    which = "the counts with a cache" if cache else "those counts"
    alone = f"Alone, the {first['architecture']} is ahead of {which} only from {power(first['reaches'])} FLOPs on in the mean"
    alone += _clearly(select(networks, corpus=corpus), counts, first["architecture"])
    gated = _mixed(networks, counts, gated=True)
    mixed = gated or _mixed(networks, counts)
    if mixed:
        best = min(mixed, key=lambda run: mean_valid(mixed[run]))
        partner = cheapest_gated(bought, counts.record)[0] if gated else counts.run
        which = f"{'Gated counts m' if gated else 'M'}ixed with the {best.architecture} of {power(best.budget)} FLOPs"
        return (
            f"On {titles.corpus(corpus)}, count and train. {how}. {_weighed(bought, counts)}{which}{'' if gated else ' they'} reach "
            f"{mean_nll(mixed[best]):.3f} ({in_time([partner, best], '{}, ') if partner else ''}n = {len(mixed[best])}). {alone}."
        )
    best, records = min(summaries.by_row(networks).items(), key=lambda row: mean_valid(row[1]))
    return (
        f"On {titles.corpus(corpus)}, do not train with {power(min(frame.iloc[0]['misses'] for frame in frames))} FLOPs or less: {how}. "
        f"{alone}; the best recipe has {mean_nll(records):.3f} at {power(records[0].flops)} ({in_time([best], '{}, ')}"
        f"n = {len(records)})."
    )


def _clearly(networks: Sequence[Result], counts: Result, architecture: str) -> str:
    """From which budget on an architecture is clearly ahead of counts, which are measured on one test text."""
    gaps = mixtures.against_counts([*networks, counts], architecture)
    clear = [run.budget for run, gap in gaps.items() if gap.interval()[1] < 0]
    return f", clearly from {power(min(clear))}" if clear else ""


def _weighed(bought: Sequence[Result], counts: Result) -> str:
    """What the cheapest network that weighs counts brings their loss to; nothing where none is recorded."""
    run, records = cheapest_gated(bought, counts.record)
    if run is None:
        return ""
    cost = f"{in_time([run], '{}, ')}n = {len(records)}"
    return f"A network of {records[0].n_params:,} parameters that weighs them (*gated counts*) reaches {mean_nll(records):.3f} ({cost}). "


def _mixed(networks: Sequence[Result], counts: Result, gated: bool = False) -> dict[Planned, list[RunRecord]]:
    """The networks that mixed with counts, or with gated ones, are better on valid than counts; rows of one seed are left out."""
    rows = {run: records for run, (_, records) in mixtures.by_row(networks, gated).items() if len(records) > 1}
    return {run: records for run, records in rows.items() if mean_valid(records) < counts.record.valid.nll}


def _lookup(bought: Sequence[Result]) -> str:
    """What induction is worth at the largest budget of the factorial, and what the architecture is worth beside it."""
    effects = factorial.effects(bought)
    if effects.empty:
        return ""
    frame = effects[effects["budget"] == effects["budget"].max()]
    lookup, with_it, without = LOOKUP
    worth = frame.set_index("contrast")["effect"]
    choice, mixed = worth[[with_it, without]].abs().max(), _lookup_mixed(bought, frame["budget"].max())
    more = "more" if worth[lookup] > choice else "no more"
    return (
        f"A lookup is worth {more} than the choice between a Transformer and an LSTM. At {power(frame['budget'].max())} FLOPs copying what "
        f"followed the same characters (*induction*, with its long window) lowers the mean loss of three architectures by "
        f"{with_intervals(frame, lookup)[0]} nats (n = {frame['n'].min()}){mixed}; Transformer and LSTM differ by at most {choice:.3f}."
    )


def _lookup_mixed(bought: Sequence[Result], budget: int) -> str:
    """What is left of the lookup's worth at a budget where every cell is mixed with counts; nothing where that is not recorded."""
    effects = factorial.effects(mixtures.mixed(select(bought, role=["factorial", "factorial-control"])))
    frame = effects[(effects["budget"] == budget) & (effects["contrast"] == LOOKUP[0])]
    return f", with counts mixed in by {with_intervals(frame, LOOKUP[0])[0]} (n = {frame['n'].min()})" if len(frame) else ""


def _retrained(found: Sequence[Result], everything: Sequence[Result]) -> str:
    """Whether a published study's losses are reproduced, how far off its costs are, and what counts say of its best network."""
    lines, joint = summaries.summary(summaries.networks(found)), agreement.joint(agreement.rows(everything))
    if lines.empty or joint is None:
        return ""
    ratios, beaten = lines["flops_2nd"] / lines["flops_textbook"], beaten_by_counts(found, brief=True)
    where = "agree with ours" if joint.is_alike else "differ from ours by more than seeds do"
    return (
        f"A published study {STUDY} was retrained: its {joint.n_rows} losses {where}; by the textbook count its stated costs are from "
        f"{ratios.max():.2g} times too high to {1 / ratios.min():.2g} times too low"
        f"{f'; {beaten}' if beaten else ''}."
    )


def count_or_train(bought: Sequence[Result], corpus: str) -> str:
    """What counts gain by a network that weighs them, or by one beside them."""
    networks, counts = rivals_of(bought, corpus)
    mixed = _mixed(networks, counts) if networks else {}
    if not mixed:
        return ""
    cheapest = min(mixed, key=lambda run: run.budget)
    run, records = cheapest_gated(bought, counts.record)
    weighed = (
        f"a network of {records[0].n_params:,} parameters that weighs what counts predict lowers their test NLL "
        f"of {counts.record.test.nll:.3f} to {mean_nll(records):.3f} for {power(run.budget)} FLOPs "
        f"({in_time([run], '{}, ')}n = {len(records)})"
        if run
        else ""
    )
    gains = (
        f"from {power(cheapest.budget)} FLOPs on, mixing a network in lowers the loss of counts, there to {mean_nll(mixed[cheapest]):.3f} "
        f"({in_time([counts.run, cheapest], '{}, ')}n = {len(mixed[cheapest])})"
    )
    return say("both", weighed or gains)


def budget(found: Sequence[Result], ladder: pd.DataFrame, corpus: str) -> str:
    """The best that was bought for a corpus, beside counts, and the largest steps of the ladder."""
    climbed = ladder[(ladder["verdict"] == CLEAR) & ladder["climbed"]].nlargest(3, "gain")
    steps = ", ".join(f"{row.gain:.3f} ({row.rung})" for row in climbed.itertuples())
    return say(_bought(found, corpus), f"the largest clear gains on the ladder are, in nats, {steps}" if steps else "")


def _bought(found: Sequence[Result], corpus: str) -> str:
    """The purchase that is best on valid of those scored on the tokens of a corpus's best counts, its training text, and the counts."""
    networks, counts = rivals_of(found, corpus)
    rows = summaries.by_row(select(networks, role="purchase"))
    run, records = min(rows.items(), key=lambda row: mean_valid(row[1]), default=(None, []))
    if run is None:
        return ""
    made = "" if run.spec.corpus == corpus else f" when it is trained on {titles.corpus(run.spec.corpus)}"
    return (
        f"for {power(run.budget)} FLOPs the {titles.network(run)} has a test NLL of {mean_nll(records):.3f} (n = {len(records)}){made}; "
        f"the best counts of {data.info(corpus).level}s have {counts.record.test.nll:.3f}"
        f"{_better_mixed(networks, counts, mean_nll(records))}"
    )


def _better_mixed(networks: Sequence[Result], counts: Result, nll: float) -> str:
    """The mixture with gated counts that is best on valid, where it is below a test NLL."""
    mixed = _mixed(networks, counts, gated=True)
    best = min(mixed, key=lambda run: mean_valid(mixed[run]), default=None)
    if best is None or mean_nll(mixed[best]) >= nll:
        return ""
    which = f"the {best.architecture} of {power(best.budget)} FLOPs has {mean_nll(mixed[best]):.3f} (n = {len(mixed[best])}, "
    return f"; trained on {titles.corpus(best.spec.corpus)} and mixed with gated counts, {which}[00_answer](00_answer.ipynb))"
