"""Records -> sentences on what budgets buy: recipes, the ladder, mixtures, searches."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from tinylm import data
from tinylm.analysis import budgets, families, significance, summaries
from tinylm.analysis.families import BEFORE, CLEAR, ENOUGH, OPEN
from tinylm.analysis.numbers import interval, perplexity, power, signed
from tinylm.analysis.summaries import Result
from tinylm.evaluation.probes import COMPRESSION
from tinylm.ledger import RunRecord
from tinylm.report import mixtures
from tinylm.report.sentences.phrases import mean, seeds
from tinylm.study import Planned, select, teachers, titles

LITTLE = 0.01  # nats


def best_purchases(found: Sequence[Result]) -> dict[str, list[RunRecord]]:
    """The purchase that is best on valid, by training text."""
    texts: dict[str, list[list[RunRecord]]] = {}
    for run, records in summaries.by_row(select(found, role="purchase")).items():
        texts.setdefault(run.spec.corpus, []).append(records)
    return {text: min(groups, key=lambda records: np.mean([r.valid.nll for r in records])) for text, groups in texts.items()}


def purchases(found: Sequence[Result]) -> str:
    """For each training text the recipe that is best on valid: cost, size, test NLL and n, and counts of the same tokens.

    Those are the best without a cache, and with one no longer than the network's window.
    """
    sentences = []
    for text, best in best_purchases(found).items():
        nll, by_word = float(np.mean([r.test.nll for r in best])), data.info(text).level == "word"
        plain, cached = summaries.rivals([r.record for r in found], best[0])
        size = f"{power(best[0].flops)} FLOPs and {best[0].n_params:,} parameters"
        counted = [record for record in (plain, cached if cached is not plain else None) if record]
        beside = "".join(f", {record.spec.model.title} {_score(record.test.nll, by_word)}" for record in counted)
        sentences.append(f"{best[0].spec.corpus}, {size}: {_score(nll, by_word)} (n = {len(best)}){beside}")
    return f"The best recipes reach on whole test splits: {'; '.join(sentences)}." if sentences else ""


def worth_training(found: Sequence[Result], corpus: str) -> str:
    """Between which budgets a network comes to reach the NLL of a corpus's best counts, on valid and on test; what follows.

    Counts cost no training, and are tuned as the networks' recipes are.
    """
    networks, counts = (select(found, role=role, corpus=corpus) for role in (["frontier", "purchase"], ["counts", "tuned"]))
    if not networks or not counts:
        return ""
    rival = min(counts, key=lambda result: result.record.valid.nll)
    frames, told = brackets(networks, rival.record.valid.nll, rival.record.test.nll)
    read = f"{data.info(corpus).level}s"
    text = f"The best counts of {read} by valid are {rival.run.spec.model.title}. The cheapest network without counts that reaches their "
    text += f"loss in the mean is {told}."
    misses = [frame.iloc[0]["misses"] for frame in frames if len(frame)]
    if any(frame.empty for frame in frames):
        text = f"{text} Where no network reaches it, count."
    elif not any(map(math.isnan, misses)):
        text = f"{text} With {power(min(misses))} FLOPs or less, counts alone have the lower mean loss on both splits."
    compressed = COMPRESSION.best(corpus)
    if compressed is None:
        return text
    reached = brackets(networks, compressed.valid, compressed.test)[1]
    scored = f"{compressed.name} has {compressed.valid:.3f} on valid and {compressed.test:.3f} on test"
    return f"{text} {scored}; the cheapest network that reaches that is {reached}."


def together(found: Sequence[Result]) -> str:
    """How far each architecture lowers the test NLL of the best counts when it is mixed with them, at its largest budget.

    Architectures that change it little at every budget are told together. A single seed has no interval.
    """
    rival = mixtures.best_counts(found)
    rows: dict[str, list[tuple[Planned, significance.Estimate]]] = {}
    for run, (_, records) in sorted(mixtures.by_row(found).items(), key=lambda row: row[0].budget) if rival else ():
        gap = significance.difference([rival.record], records)
        rows.setdefault(run.architecture, []).append((run, gap))
    most = {name: max(abs(gap.mean) for _, gap in each) for name, each in rows.items()}
    largest = sorted((name for name in rows if most[name] >= LITTLE), key=lambda name: -rows[name][-1][1].mean)
    told = [f"the {name} lowers the counts' test NLL by {_at(*rows[name][-1])}" for name in largest[:1]]
    told += [f"the {name} by {_at(*rows[name][-1])}" for name in largest[1:]]
    little = [name for name in rows if most[name] < LITTLE]
    if little:
        what = "it" if told else "the counts' test NLL"
        change = "changes" if len(little) == 1 else "change"
        told.append(f"{', '.join(little)} {change} {what} by at most {max(most[name] for name in little):.3f}")
    return f"In a mixture {'; '.join(told)}." if told else ""


def _at(run: Planned, gap: significance.Estimate) -> str:
    """A gap, its budget and n."""
    return f"{interval(gap.mean, *gap.interval(), plus='')} at {power(run.budget)} FLOPs (n = {gap.n})"


def brackets(networks: Sequence[Result], valid: float, test: float) -> tuple[list[pd.DataFrame], str]:
    """The architectures that reach a loss on valid and on test, cheapest first, and the cheapest in words."""
    nlls = {"valid": valid, "test": test}
    frames = {split: budgets.to_target(networks, nll, split).dropna(subset="reaches").sort_values("reaches") for split, nll in nlls.items()}
    return list(frames.values()), ", and ".join(f"on {split} {_reaching(frame)}" for split, frame in frames.items())


def _reaching(frame: pd.DataFrame) -> str:
    """The cheapest architecture that reaches a loss, and how many of its seeds do."""
    if frame.empty:
        return "none here"
    first = frame.iloc[0]
    smallest = ", its smallest budget" if math.isnan(first["misses"]) else ""
    which = f"the {first['architecture']} of {power(first['reaches'])} FLOPs{smallest}"
    return f"{which} ({first['n_reach']:.0f} of {first['n']:.0f} seeds)"


def improvement(found: Sequence[Result], without: str, whole: str) -> str:
    """For each text and budget that two architectures were bought for, how far the second lowers the test NLL of the first."""
    groups, sentences = summaries.by_row(select(found, role="purchase")), []
    for run in select(groups, architecture=without):
        records = groups[run]
        for partner in select(groups, architecture=whole, corpus=run.spec.corpus, budget=run.budget):
            gap = significance.difference(records, groups[partner])
            told = interval(gap.mean, *gap.interval(), plus="")
            sentences.append(f"on {titles.corpus(run.spec.corpus)} at {power(run.budget)} FLOPs by {told} (n = {gap.n})")
    return f"{whole} lowers the test NLL of {without}, in nats with 95 % intervals, {'; '.join(sentences)}." if sentences else ""


def rivals(found: Sequence[Result], base: str) -> str:
    """For each text and budget that recipes are compared at: the best by valid, its test loss and n, and how clearly it beats the base."""
    groups, sentences = summaries.by_row(found), []
    for _, rows in budgets.rivals(found, base).groupby("place"):
        best, run = rows.iloc[0], rows.iloc[0]["run"]
        score = _score(mean(groups[run], "test"), data.info(run.spec.corpus).level == "word")
        where = f"on {titles.corpus(run.spec.corpus)} at {power(run.budget)} FLOPs"
        if len(rows) == 1:
            sentences.append(f"{where} {run.architecture} alone is recorded")
            continue
        ahead = "" if run.architecture == base else f", {'clearly' if best['verdict'] == CLEAR else 'not clearly'} ahead of the {base}"
        sentences.append(f"{where} the {run.architecture} is best, with {score} on test (n = {len(groups[run])}){ahead}")
    return f"Recipes are compared by valid at equal FLOPs: {'; '.join(sentences)}." if sentences else ""


def _score(nll: float, by_word: bool) -> str:
    return f"a perplexity of {perplexity(nll)}" if by_word else f"{nll:.3f} nats"


def climb(frame: pd.DataFrame) -> str:
    """How many rungs change the test NLL clearly, after Holm's correction or only before it, and how many have too few seeds to say."""
    tested = frame.dropna(subset="gain")
    if tested.empty:
        return ""
    clear, before, still_open = (tested[tested["verdict"] == verdict] for verdict in (CLEAR, BEFORE, OPEN))
    kinds = f"{len(tested)} changes, kept or only tried ({seeds(tested['n'])} each)"
    parts = [f"Of {kinds}, {len(clear)} make a clear difference after Holm's correction."]
    if len(clear):
        better, alone = int((clear["gain"] > 0).sum()), families.clear_alone(tested)
        parts = [f"{parts[0][:-1]}, {better} for the better and {len(clear) - better} for the worse."]
        parts += [f"By the spread of their own seeds alone, {alone} of these {'is' if alone == 1 else 'are'} clear."]
    parts += [f"{len(before)} more {'is' if len(before) == 1 else 'are'} clear only before the correction."] if len(before) else []
    few = still_open[still_open["n"] < ENOUGH]
    which = f"{'all' if len(few) == len(still_open) else f'{len(few)} of them'} with fewer than {ENOUGH} seeds"
    parts += [f"The other {len(still_open)} are open{f', {which}' if len(few) else ''}."] if len(still_open) else []
    return " ".join(parts)


def expected_steps(frame: pd.DataFrame, names: Sequence[str]) -> str:
    """What the steps that were expected to gain most, in this order, gain, and which of those that are kept do gain most."""
    gains = frame[frame["climbed"]].dropna(subset="gain").set_index("rung")["gain"]
    if not set(names) <= set(gains.index):
        return ""
    told = "; ".join(f"{name} ({signed(gains[name], 3)})" for name in names)
    most = "; ".join(gains.nlargest(len(names)).index)
    return f"Expected to gain most, in this order, were {told}. Those that do are {most}."


def searched(records: Sequence[RunRecord], by_architecture: bool = True) -> str:
    """How many runs and FLOPs the searches for recipes and rates took, in all and by architecture."""
    families: dict[str, list[int]] = {}
    for record in records:
        families.setdefault(_family(record), []).append(record.flops)
    parts = [f"{name} {len(flops)} ({power(sum(flops))})" for name, flops in sorted(families.items())]
    total = power(sum(record.flops for record in records))
    by_family = f"; by architecture, runs (FLOPs): {', '.join(parts)}" if by_architecture and len(parts) > 1 else ""
    return f"All searches, of later sections too, took {len(records)} runs of one seed each and {total} FLOPs{by_family}."


def _family(record: RunRecord) -> str:
    """The architecture of a searched run, apart from others with a pointer on words, and with induction on other tokens."""
    lookup = "pointer" if data.info(record.spec.corpus).level == "word" else "induction"
    name, copies = titles.architecture(record.spec.model), bool(getattr(record.spec.model, lookup, ()))
    if name == titles.title("transformer"):  # whose recipe has it
        return name if copies else titles.title(f"transformer-no-{lookup}")
    return name + (f" with {lookup}" if copies else "")


def gated(found: Sequence[Result]) -> str:
    """How far networks that weigh counts lower the test NLL of the counts that are best on valid, at each budget."""
    counts = min(select(found, role="tuned"), key=lambda result: result.record.valid.nll, default=None)
    told = []
    for run, records in summaries.by_row(select(found, role="gated")).items():
        if counts and summaries.same_tokens(records[0], counts.record):
            gap = significance.difference([counts.record], records)
            told.append(
                f"{interval(gap.mean, *gap.interval(), plus='')} at {power(run.budget)} FLOPs ({records[0].n_params:,} parameters, "
                f"n = {len(records)})"
            )
    return f"Gated counts lower the test NLL of the best counts by {' and by '.join(told)}." if told else ""


def gated_together(found: Sequence[Result], architecture: str) -> str:
    """The test NLL of gated counts that an architecture's recipe was mixed in with, at the first and the last budget, and n.

    If the last has one seed only, also at the last of several.
    """
    rows = summaries.by_row(mixtures.mixed(select(found, architecture=architecture), gated=True))
    rising = sorted(rows, key=lambda run: run.budget)
    several = [run for run in rising if len(rows[run]) > 1]
    told = [
        f"{mean(rows[run], 'test'):.3f} at {power(run.budget)} FLOPs (n = {len(rows[run])})"
        for run in dict.fromkeys([*rising[:1], *several[-1:], *rising[-1:]])
    ]
    return f"Mixed with the {architecture}, gated counts have a test NLL of {', '.join(told)}." if told else ""


def averages(frame: pd.DataFrame) -> str:
    """How far the average of several networks is from one that has cost as much as they together: at best and at worst of a frame of
    `averaged`.
    """
    if frame.empty:
        return ""
    gaps = np.array([row.test - np.mean([record.test.nll_per_character for record in row.one]) for row in frame.itertuples()])
    best, worst = frame.iloc[gaps.argmin()], frame.iloc[gaps.argmax()]
    ends = [
        f"{signed(gap, 3)} ({row['size']} networks of {power(row['budget'])} FLOPs each)"
        for gap, row in ((gaps.min(), best), (gaps.max(), worst))
    ]
    return (
        f"Several networks whose probabilities are averaged are better than one of the same FLOPs in {(gaps < 0).sum()} of {len(gaps)} "
        f"cases: test NLLs differ by {' to '.join(ends)}."
    )


def taught(found: Sequence[Result]) -> str:
    """How far each teacher moves the test NLL of a recipe, for the same FLOPs, by budget."""
    told: dict[str, list[str]] = {}
    for row in budgets.taught(found).itertuples():
        gap = f"{interval(row.effect, row.low, row.high)} at {power(row.run.budget)} FLOPs (n = {row.n})"
        told.setdefault(teachers.title(row.run.spec.teacher), []).append(gap)
    text = "; ".join(f"taught by {who} {', '.join(gaps)}" for who, gaps in told.items())
    return f"Test NLL of the recipe with a teacher minus that of the recipe alone, for the same FLOPs of all: {text}." if text else ""


def vocabularies(found: Sequence[Result], architecture: str) -> str:
    """At each budget the number of subwords that is best on valid, how far from characters its test NLL is, per character, and counts."""
    rows = summaries.by_row(select(found, role=["frontier", "vocabulary"], architecture=architecture))
    characters = {run.budget: records for run, records in rows.items() if run.role == "frontier"}
    cut: dict[int, list[list[RunRecord]]] = {}
    for run, records in rows.items():
        if run.role == "vocabulary" and run.budget in characters and len(records) > 1:
            cut.setdefault(run.budget, []).append(records)
    gaps, n, reached = [], 0, math.nan
    for budget, sizes in sorted(cut.items()):
        best = min(sizes, key=lambda records: np.mean([record.valid.nll_per_character for record in records]))
        first, second = ([record.test.nll_per_character for record in records] for records in (best, characters[budget]))
        gap = significance.welch(first, second)
        n, reached = min(n, gap.n) if gaps else gap.n, float(np.mean(first))
        gaps.append(f"{interval(gap.mean, *gap.interval())} at {power(budget)}")
    counted = summaries.counts(select(found, role="vocabulary"))
    beside = min((result.record for result in counted), key=lambda record: record.valid.nll_per_character, default=None)
    rival = f"; the counts of subwords that are best on valid have {beside.test.nll_per_character:.3f}" if beside else ""
    return (
        f"Reading subwords, their number chosen on valid, changes the {architecture}'s test NLL per character by "
        f"{' and by '.join([*gaps[:1], *gaps[1:][-1:]])} FLOPs (n = {n}), where it reaches {reached:.3f}{rival}."
        if gaps
        else ""
    )


def against_counts(found: Sequence[Result], architecture: str) -> str:
    """How far an architecture's recipes are from the best counts on test at the first and the last budget, and where the order is open."""
    gaps = mixtures.against_counts(found, architecture)
    if not gaps:
        return ""
    undecided = [run.budget for run, gap in gaps.items() if gap.interval()[0] < 0 < gap.interval()[1]]
    ends = dict([*gaps.items()][:1] + [*gaps.items()][-1:])
    told = [f"{interval(gap.mean, *gap.interval())} at {power(run.budget)}" for run, gap in ends.items()]
    between = f" to {power(undecided[-1])}" if len(undecided) > 1 else ""
    note = f"; the order is open at {power(undecided[0])}{between}, since one test text is noisy" if undecided else ""
    return f"The {architecture}'s test NLL minus that of these counts is {' and '.join(told)} FLOPs{note}."
