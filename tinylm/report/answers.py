"""Records -> the Answer of each section, and the abstract made of them: findings in short sentences, each with its numbers."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from tinylm import data
from tinylm.analysis import agreement, factorial, fits, folds, forecasts, gaps, positions, significance, summaries, techniques
from tinylm.analysis.claims import LACKS, UNDECIDED, VERDICTS, claim_grade, whole_verdicts
from tinylm.analysis.families import BEFORE, CLEAR
from tinylm.analysis.numbers import distance, interval, percent, perplexity, power
from tinylm.analysis.summaries import Result
from tinylm.config.models import UNBOUNDED
from tinylm.ledger import RunRecord
from tinylm.report import mixtures, sentences, timings
from tinylm.study import Planned, reported, select, titles

STUDY = "[(Bhatti 2025)](https://arxiv.org/abs/2512.20877)"
LOOKUP = (factorial.LOOKUP, factorial.AGAINST["LSTM"][True], factorial.AGAINST["LSTM"][False])  # lookup or architecture, in effects
SHAPED = (("depth", "n_layer", "numbers of layers"), ("context", "context_length", "windows"))  # roles, fields, and what they are called
LARGER = {"Linear": "a longer context", "MLP": "a wider layer", "Self-Attention": "a larger number of heads", "Transformer": "more depth"}


def abstract(found: Sequence[Result], bought: Sequence[Result], everything: Sequence[Result], corpus: str) -> str:
    """The report's abstract, one finding a sentence: what to train on a corpus, the study's rows and costs, words, and what carries over.

    `found` are the study's baselines, `bought` the recipes with their rivals, `everything` all rows that the study has too.
    """
    return " ".join(findings(found, bought, everything, corpus))


def findings(found: Sequence[Result], bought: Sequence[Result], everything: Sequence[Result], corpus: str) -> list[str]:
    """The findings of `abstract`, one by one."""
    pointed = _pointed(bought, brief=True)
    words = f"On words, {pointed}." if pointed else ""
    carried = _carried_over(select(everything, section="transfer"))
    return list(filter(None, [answer(bought, corpus), _lookup(bought), _retrained(found, everything), words, carried]))


def answer(bought: Sequence[Result], corpus: str) -> str:
    """The title's question answered for a corpus: what counts reach, what they reach with a network, and when a network does alone.

    Networks may read a text made from the corpus; all are scored on the same tokens.
    """
    networks, counts = _rivals(bought, corpus)
    if not networks:
        return ""
    frames, _ = sentences.brackets(networks, counts.record.valid.nll, counts.record.test.nll)
    if any(frame.empty or math.isnan(frame.iloc[0]["misses"]) for frame in frames):
        return sentences.worth_training(bought, corpus)
    cache = counts.run.spec.model.cache
    how = "Kneser-Ney counts" + (f" with {'an unbounded' if cache == UNBOUNDED else 'a'} cache" if cache else "")
    how += f" reach {counts.record.test.nll:.3f} nats per {data.info(corpus).level} on the whole test split"
    how += _in_time([counts.run], " in {}")
    first = frames[1].iloc[0]
    which = "the counts with a cache" if cache else "those counts"
    alone = f"Alone, the {first['architecture']} passes {which} only from {power(first['reaches'])} FLOPs on, in the mean"
    gated = _mixed(networks, counts, gated=True)
    mixed = gated or _mixed(networks, counts)
    if mixed:
        best, partner = min(mixed, key=lambda run: _valid(mixed[run])), _gated(bought, counts.record)[0] if gated else counts.run
        which = f"{'Gated counts m' if gated else 'M'}ixed with the {best.architecture} of {power(best.budget)} FLOPs"
        return (
            f"On {titles.corpus(corpus)}, count and train. {how}. {_weighed(bought, counts)}{which}{'' if gated else ' they'} reach "
            f"{_nll(mixed[best]):.3f} ({_in_time([partner, best], '{}, ') if partner else ''}n = {len(mixed[best])}). {alone}."
        )
    best, records = min(summaries.by_row(networks).items(), key=lambda row: _valid(row[1]))
    return (
        f"On {titles.corpus(corpus)}, do not train with {power(min(frame.iloc[0]['misses'] for frame in frames))} FLOPs or less: {how}. "
        f"{alone}; the best recipe has {_nll(records):.3f} at {power(records[0].flops)} ({_in_time([best], '{}, ')}"
        f"n = {len(records)})."
    )


def _weighed(bought: Sequence[Result], counts: Result) -> str:
    """What the cheapest network that weighs counts brings their loss to; nothing where none is recorded."""
    run, records = _gated(bought, counts.record)
    if run is None:
        return ""
    cost = f"{_in_time([run], '{}, ')}n = {len(records)}"
    return f"A network of {records[0].n_params:,} parameters that weighs them (*gated counts*) reaches {_nll(records):.3f} ({cost}). "


def _gated(bought: Sequence[Result], other: RunRecord) -> tuple[Planned | None, list[RunRecord]]:
    """The cheapest row of gated counts that is scored on the tokens of another record, and its records."""
    found = [result for result in select(bought, role="gated") if summaries.same_tokens(result.record, other)]
    return min(summaries.by_row(found).items(), key=lambda row: row[0].budget, default=(None, []))


def count_or_train(bought: Sequence[Result], corpus: str) -> str:
    """What counts gain by a network that weighs them, or by one beside them."""
    networks, counts = _rivals(bought, corpus)
    mixed = _mixed(networks, counts) if networks else {}
    if not mixed:
        return ""
    cheapest = min(mixed, key=lambda run: run.budget)
    run, records = _gated(bought, counts.record)
    weighed = (
        f"a network of {records[0].n_params:,} parameters that weighs what counts predict lowers their test NLL of "
        f"{counts.record.test.nll:.3f} to {_nll(records):.3f} for {power(run.budget)} FLOPs ({_in_time([run], '{}, ')}n = {len(records)})"
        if run
        else ""
    )
    gains = (
        f"from {power(cheapest.budget)} FLOPs on, mixing a network in lowers the loss of counts, there to {_nll(mixed[cheapest]):.3f} "
        f"({_in_time([counts.run, cheapest], '{}, ')}n = {len(mixed[cheapest])})"
    )
    return _told("both", weighed or gains)


def _rivals(bought: Sequence[Result], corpus: str) -> tuple[list[Result], Result | None]:
    """The recipes that are scored on the tokens of the counts that are best on valid, and those counts."""
    counts = select(bought, role=["counts", "tuned"], corpus=corpus)
    rival = min(counts, key=lambda result: result.record.valid.nll, default=None)
    recipes = select(bought, role=["frontier", "purchase"])
    return [r for r in recipes if rival and summaries.same_tokens(r.record, rival.record)], rival


def _mixed(networks: Sequence[Result], counts: Result, gated: bool = False) -> dict[Planned, list[RunRecord]]:
    """The networks that mixed with counts, or with gated ones, are better on valid than counts; rows of one seed are left out."""
    rows = {run: records for run, (_, records) in mixtures.by_row(networks, gated).items() if len(records) > 1}
    return {run: records for run, records in rows.items() if _valid(records) < counts.record.valid.nll}


def architectures(found: Sequence[Result]) -> str:
    """The study's losses and ours, its costs and the true ones, and what counts say of its best network."""
    lines, rows = summaries.summary(summaries.networks(found)), agreement.rows(found)
    if lines.empty or rows.empty:
        return ""
    costs = _charged(dict(zip(lines["name"], lines["flops_2nd"] / lines["flops_textbook"], strict=True)))
    return _told(
        f"the study's losses come back, at most {rows['deviation'].abs().max():.3f} nats from the mean of {sentences.seeds(rows['n'])}",
        f"its stated costs are not those of its own computation (the textbook count): they are {costs}",
        _beaten(found),
    )


def _charged(ratios: Mapping[str, float]) -> str:
    """By how many times each is charged too much or too little; those that are charged alike are told together."""
    alike: dict[str, list[str]] = {}
    for name, ratio in ratios.items():
        alike.setdefault(f"{ratio:.2g} times too high for" if ratio > 1 else f"{1 / ratio:.2g} times too low for", []).append(name)
    return ", ".join(f"{how} {' and '.join(names)}" for how, names in alike.items())


def _beaten(found: Sequence[Result], brief: bool = False) -> str:
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
        verdict = f"makes {last.architecture} {which}" if low > 0 or high < 0 else f"leaves {last.architecture} undecided, {which}"
        what = LARGER.get(last.architecture, "a larger size")
        told.append(f"{what} {verdict} by {distance(gap.mean, low, high)}")
        n.append(gap.n)
    return _told(f"in test NLL, largest against smallest size (n = {min(n)}, uncorrected): {'; '.join(told)}") if told else ""


def rope(found: Sequence[Result]) -> str:
    """How far rotary positions are from learned ones, in our runs and in the study's, and at which lengths of our own training."""
    return _told(_rope_pair(select(found, role="ablation")), _rope_by_length(positions.gains(found)))


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
    return f"{ours[0].upper()}{ours[1:]} are {where} {other}{apart} nats on the same text and seeds (n = {gap.n}, uncorrected){theirs}"


def _rope_by_length(gains: pd.DataFrame) -> str:
    """At which lengths rotary positions are clearly ahead of learned ones, and behind, and by how much at both ends."""
    rotary = gains[(gains["positions"] == "rope") & (gains["n"] > 1)]
    if not len(rotary):
        return ""
    n_texts, lengths = rotary["corpus"].nunique(), sorted(rotary["length"].unique())
    numbers = f"{_at_both_lengths(rotary)} (n = {rotary['n'].min()})"
    span = f"windows of {lengths[0]:,} to {lengths[-1]:,} and the loss at every position"
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


def capacity(found: Sequence[Result]) -> str:
    """How the best size of each text grows with the budget, what came of the last forecasts made before the runs, and other shapes."""
    texts = {corpus: fits.points(forecasts.fitted(found, corpus)) for corpus in forecasts.corpora(found)}
    shared = [set(points.budget.astype(int)) for points in texts.values()]
    grown, best, largest = [], [], max(set.intersection(*shared), default=0) if shared else 0
    for corpus, points in texts.items():
        laws = [fits.fit(points, form) for form in fits.FORMS]
        powers = [value for value in [*(fits.growth(law, points) for law in laws), fits.growth_of_parabolas(points)] if value > 0]
        tried = summaries.by_row(select(found, role=[forecasts.ROLE, forecasts.TEST], corpus=corpus, budget=largest))
        grown.append(f"{10 ** min(powers):.1f} to {10 ** max(powers):.1f} times the parameters on {titles.corpus(corpus)}")
        if tried:
            best.append(f"{min(tried.values(), key=_valid)[0].n_params:,} on {titles.corpus(corpus)}")
    if not grown:
        return ""
    sizes = f"; of the sizes tried at {power(largest)}, those of forecasts too, the best have {_and(best)}" if best else ""
    return _told(f"ten times the FLOPs pay for {_and(grown)}, by several fits to the same runs{sizes}", _came(found), _best_shapes(found))


def _best_shapes(found: Sequence[Result]) -> str:
    """The best of other depths, and of other windows, by valid, beside the usual shape of the same width, at their largest budget."""
    return "; ".join(filter(None, (_varied(found, role, field, name) for role, field, name in SHAPED)))


def _varied(found: Sequence[Result], role: str, field: str, name: str) -> str:
    """What the best value of a field that a role varies does to the valid NLL, by text; nothing where no budget has two seeds of it."""
    seeds = Counter(result.run.row for result in select(found, role=role))
    budget = max((row.budget for row, n in seeds.items() if n > 1), default=0)
    told, n, width = [], [], 0
    for corpus in dict.fromkeys(result.run.spec.corpus for result in select(found, role=role, budget=budget)):
        others = summaries.by_row(select(found, role=role, corpus=corpus, budget=budget))
        width = next(iter(others)).spec.model.d_model
        usual = summaries.by_row(select(found, role=forecasts.ROLE, corpus=corpus, budget=budget, d_model=width))
        for plain, beside in usual.items():
            run, records = min(others.items(), key=lambda row: _valid(row[1]))
            gap = significance.welch(*([record.valid.nll for record in group] for group in (records, beside)))
            best, before = (getattr(one.spec.model, field) for one in (run, plain))
            told.append(f"{best} instead of {before} on {titles.corpus(corpus)} ({interval(gap.mean, *gap.interval())})")
            n += [len(records), len(beside)]
    return f"at {power(budget)} FLOPs and width {width} the best of other {name} is {_and(told)} (valid, n = {min(n)})" if told else ""


def _came(found: Sequence[Result]) -> str:
    """What came of the forecasts for the largest budget that any was tested at, by the law and in brackets by its other form."""
    law, other = fits.FORMS
    tested = [one for one in forecasts.recorded() if all(forecasts.outcome(found, one, form) for form in fits.FORMS)]
    last = [one for one in tested if one["flops"] == max(each["flops"] for each in tested)]
    if not last:
        return ""
    at, texts = power(last[0]["flops"]), [titles.corpus(one["corpus"]) for one in last]
    misses, others = ([percent(forecasts.miss(found, one, form)) for one in last] for form in (law, other))
    shown = [f"{miss} on {text}" for miss, text in zip(misses, texts, strict=True)]
    told = f"at {at} FLOPs the losses missed forecasts made before the runs by {_and(shown)} (another form of the law: {_and(others)})"
    above = [forecasts.above_best(found, one, form) for one in last for form in fits.FORMS]
    if any(map(math.isnan, above)):
        return told
    n = min(len(forecasts.outcome(found, one, form)) for one in last for form in fits.FORMS)
    sizes = "the best" if max(above) == 0 else f"at most {max(above):.3f} nats above the best"
    return f"{told}; the sizes foreseen (n = {n}) are {sizes} of those tried there, by valid NLL"


def transfer(found: Sequence[Result], planned: Sequence[Planned] = ()) -> str:
    """How many techniques gain and lose clearly on each text, what gains on all, what gains most, and what the budget does.

    Each text at its largest budget of those with most gains known. Says which of the planned runs are not recorded.
    """
    return _told(*_clear_gains(_tested(found)), _with_budget(techniques.slopes(found)), _not_recorded(found, planned))


def _tested(found: Sequence[Result]) -> dict[str, pd.DataFrame]:
    """The gains on each text at its largest budget of those with most gains known, of texts whose differences can be tested."""
    gains = techniques.gains(found)
    texts = {title: gains[gains["corpus"] == corpus] for corpus, title in techniques.texts(found).items()}
    rows = {name: of[of["budget"] == techniques.fullest_budget(of)] for name, of in texts.items()}
    return {name: of for name, of in rows.items() if of["n"].max() > 1}


def _helpful(rows: Mapping[str, pd.DataFrame]) -> tuple[dict[str, list[str]], list[str]]:
    """What clearly gains on each text, most first, and what does on all."""
    clear = {name: of[(of["verdict"] == CLEAR) & (of["gain"] > 0)].sort_values("gain", ascending=False) for name, of in rows.items()}
    up = {name: list(of["technique"]) for name, of in clear.items()}
    return up, [name for name in next(iter(up.values())) if all(name in names for names in up.values())]


def _carried_over(found: Sequence[Result]) -> str:
    """How many techniques of large models clearly gain on each text, and what does on all; a sentence of the abstract."""
    rows = _tested(found)
    if not rows:
        return ""
    up, everywhere = _helpful(rows)
    budgets = {power(of["budget"].iloc[0]): None for of in rows.values()}
    at = f"{_and([*budgets])} FLOPs, n = {_n_seeds(pd.concat(rows.values()))}"
    first, *others = [(len(names) or "none", name) for name, names in up.items()]
    told = [f"{first[0]} clearly help on {first[1]}", *(f"{number} on {name}" for number, name in others)]
    on_all = f"; on all {_and(everywhere) or 'none'}" if others else ""
    return f"Of {max(map(len, rows.values()))} techniques of large models {_and(told)}{on_all} ({at})."


def _clear_gains(rows: Mapping[str, pd.DataFrame]) -> Iterator[str]:
    """What the gains on each text say."""
    if not rows:
        return
    up, everywhere = _helpful(rows)
    numbers = {name: (len(up[name]), int((of["verdict"] == CLEAR).sum()) - len(up[name])) for name, of in rows.items()}
    where = {name: f"on {name} ({power(of['budget'].iloc[0])} FLOPs, n = {_n_seeds(of)})" for name, of in rows.items()}
    counts = [f"{better} and {worse} {where[name]}" for name, (better, worse) in numbers.items()]
    first = next(iter(rows))
    counts[0] = f"{numbers[first][0]} clearly lower the test NLL and {numbers[first][1]} clearly raise it {where[first]}"
    yield f"of {max(map(len, rows.values()))} techniques, at rates searched at the smallest budget, {', '.join(counts)}"
    if len(rows) > 1:
        yield f"a clear gain on every text comes from {', '.join(everywhere)}" if everywhere else "none clearly gains on every text"
    if most := [f"{names[0]} on {name} ({_gain(rows[name], names[0]):.3f} nats)" for name, names in up.items() if names]:
        yield f"the most is gained by {', by '.join(most)}"


def _gain(rows: pd.DataFrame, technique: str) -> float:
    return float(rows["gain"][rows["technique"] == technique].iloc[0])


def _n_seeds(rows: pd.DataFrame) -> str:
    """Of how many seeds some rows are, least and most."""
    few, many = int(rows["n"].min()), int(rows["n"].max())
    return f"{few}{f' to {many}' if many > few else ''}"


def regularisation(found: Sequence[Result], studied: Sequence[Result] = (), planned: Sequence[Planned] = ()) -> str:
    """What lowers the test NLL most on each text without more of it, what more of it and counts bring, what a larger budget says, and when
    the valid NLL is lowest, beside `studied`, the study's own runs. Says which of the planned runs are not recorded.
    """
    tried, kept = (select(found, role=role) for role in techniques.ROLES)
    told = [_best_change(select(tried, corpus=corpus), title) for corpus, title in techniques.texts(tried).items()]
    plain = select(tried, rung=techniques.BASELINE.name)
    counted = _counted(select(found, role="counts"), plain)
    missing = _not_recorded(tried, select(planned, role=techniques.ROLES[0]))
    return _told(*told, counted, _confirmed(kept), _minima(plain, studied), missing)


def _best_change(tried: Sequence[Result], text: str) -> str:
    """The change of a text with the largest gain, how many lower each NLL, and what more of the text brings."""
    gains, more = techniques.gains(tried), {one.run.rung for one in tried if not one.run.spec.train.train_tokens}
    alike, longer = (gains[gains["technique"].isin(more) == is_longer].sort_values("gain") for is_longer in (False, True))
    if not len(alike):
        return ""
    best, changed = alike.iloc[-1], select(tried, rung=list(alike["technique"]))
    lower = {split: _lowered(changed, tried, split) for split in ("test", "valid")}
    told = f"on {text} ({power(best['budget'])} FLOPs, n = {_n_seeds(gains)}) {lower['test']} of {len(alike)} changes lower the test NLL "
    told += f"and {lower['valid']} the valid NLL, on test most {best['technique']} ({interval(*best[['gain', 'low', 'high']])} nats)"
    told += f"; {longer.iloc[-1]['technique']} bring {interval(*longer.iloc[-1][['gain', 'low', 'high']])}" if len(longer) else ""
    return told


def _lowered(changed: Sequence[Result], tried: Sequence[Result], split: str) -> int:
    """How many changes have a lower mean NLL on a split than the baseline."""
    means = [np.mean([getattr(one, split).nll for one in records]) for records in summaries.by_row(changed).values()]
    (plain,) = summaries.by_row(select(tried, rung=techniques.BASELINE.name)).values()
    return sum(mean < np.mean([getattr(one, split).nll for one in plain]) for mean in means)


def _counted(counts: Sequence[Result], plain: Sequence[Result]) -> str:
    """What counts of the same words have beside the plain Transformer, on test."""
    nets = {records[0].spec.corpus: _nll(records) for records in summaries.by_row(plain).values()}
    told = [
        f"{one.run.spec.model.title} has {one.record.test.nll:.3f} on {titles.corpus(corpus)}, the plain Transformer {nets[corpus]:.3f}"
        for one in counts
        if (corpus := one.run.spec.corpus) in nets
    ]
    return f"counts of the same words, on test: {_and(told)}" if told else ""


def _confirmed(kept: Sequence[Result]) -> str:
    """What the changes that went to the larger budget bring there."""
    rows, texts = techniques.gains(kept), techniques.texts(kept)
    told = [f"{row.technique} {interval(row.gain, row.low, row.high)} on {texts[row.corpus]}" for row in rows.itertuples()]
    return f"with {power(rows['budget'].max())} FLOPs (n = {_n_seeds(rows)}): {', '.join(told)}" if told else ""


def _minima(plain: Sequence[Result], studied: Sequence[Result]) -> str:
    """After which pass the valid NLL is lowest in the study's runs and in those of the plain Transformer."""
    ours, theirs = (
        [f"{row.best_pass:.0f} of {row.passes:.0f} passes on {titles.corpus(row.corpus)}" for row in techniques.minima(runs).itertuples()]
        for runs in (plain, studied)
    )
    told, beside = [f"after {one}" for one in ours], f"; that of the study's runs after {_and(theirs)}" if theirs else ""
    return f"the plain Transformer's valid NLL is lowest {_and(told)}{beside}" if told else ""


def _with_budget(slopes: pd.DataFrame) -> str:
    """What clearly does better and worse beside the plain model with ten times the budget, where two budgets are recorded."""
    grown = {name: _growing(slopes, sign) for name, sign in (("grows", 1), ("falls", -1))}
    changes = [f"the gain of {', '.join(names)} clearly {how}" for how, names in grown.items() if names]
    if changes:
        return f"with ten times the budget {' and '.join(changes)}"
    return "no technique's gain clearly changes with the budget" if (slopes["n"] > 1).any() else ""


def _not_recorded(found: Sequence[Result], planned: Sequence[Planned]) -> str:
    """The planned budgets of which runs are missing, and what follows where fewer than two have any."""
    numbers, recorded = Counter(run.budget for run in planned), Counter(one.run.budget for one in found)
    none = [power(budget) for budget in sorted(numbers) if not recorded[budget]]
    some = [f"{recorded[b]:,} of {numbers[b]:,} runs at {power(b)}" for b in sorted(numbers) if 0 < recorded[b] < numbers[b]]
    told = [f"no run at {' or '.join(none)} FLOPs is recorded yet"] if none else []
    told += [f"only {', '.join(some)} FLOPs are recorded"] if some else []
    alone = ["with one seed no difference can be tested"] if found and max(Counter(one.run.row for one in found).values()) == 1 else []
    alone += ["with one budget whether a gain grows with the budget is not known"] if len(recorded) == 1 else []
    return "; ".join([*alone, *told])


def _growing(slopes: pd.DataFrame, sign: int) -> list[str]:
    """The techniques whose gain clearly grows, or falls, with the budget on some text, and on how many where on several."""
    rows = slopes[(slopes["verdict"] == CLEAR) & (np.sign(slopes["slope"]) == sign)]
    numbers = rows["technique"].value_counts(sort=False)
    return [f"{name}{f' ({number} texts)' if number > 1 else ''}" for name, number in numbers.items()]


def ten_times(found: Sequence[Result]) -> str:
    """The leads of both pairs of models on all of a text and on a part, who is ahead by context, and how both compare at best."""
    by_text, by_context = (frame[frame["n"] > 1] for frame in (gaps.gaps(found), gaps.by_context(found)))
    pairs = [_lead(found, rows) for _, rows in by_text.groupby(["first", "second"], sort=False)]
    at = f"at {power(select(found, role='gap')[0].run.budget)} FLOPs (n = {by_text['n'].min()}) " if pairs else ""
    alike: dict[str, list[str]] = {}
    for corpus, rows in by_context.groupby("corpus", sort=False):
        alike.setdefault(_contexts(rows), []).append(titles.corpus(corpus))
    texts = [f"on {_and(where)} {who}" for who, where in alike.items()]
    flops = power(select(found, role="context")[0].run.budget) if texts else ""
    contexts = f"at {flops} FLOPs, by characters of context (n = {by_context['n'].min()}), {'; '.join(texts)}" if texts else ""
    return _told(at + "; ".join(pairs), contexts, sentences.at_best_contexts(found))


def _lead(found: Sequence[Result], rows: pd.DataFrame) -> str:
    """By how much the second model of a pair is ahead on all of a text, and on its part; on every text where none is read in part."""
    (first, second), texts, grown = rows.iloc[0][["first", "second"]], rows[rows["than"] == 0], rows[rows["than"] > 0]
    if first == titles.MLP:
        first = f"the {first}'s recipe ({select(found, role='gap', rung=first)[0].run.spec.model.context_length} characters)"
    told = [_with_more_text(texts, row) for row in grown.itertuples()]
    told = told or [f"{_size(row)} on {titles.text(row.corpus, row.tokens)}" for row in texts.itertuples()]
    return f"the lead of {second} over {first} is {_and(told)}"


def _size(row: Any) -> str:
    """A lead in nats with its interval."""
    return interval(row.gap, row.low, row.high, plus="")


def _with_more_text(texts: pd.DataFrame, row: Any) -> str:
    """A lead on all of a text and on its part, and whether both differ clearly."""
    whole, part = (next(texts[(texts["corpus"] == row.corpus) & (texts["tokens"] == n)].itertuples()) for n in (0, row.than))
    clearly = f"clearly {'more' if row.gap > 0 else 'less'}" if row.verdict == CLEAR else "no clear change"
    text = f"{titles.text(row.corpus, 0)}, {_size(part)} on its first {row.than:,} tokens"
    return f"{_size(whole)} nats on {text} ({clearly}: {interval(row.gap, row.low, row.high)})"


def _and(parts: Sequence[str]) -> str:
    """Parts of a sentence, the last after *and*."""
    return f"{', '.join(parts[:-1])} and {parts[-1]}" if len(parts) > 1 else "".join(parts)


def _contexts(rows: pd.DataFrame) -> str:
    """With which contexts attention and the MLP are clearly ahead, and with which neither is."""
    clear = rows["verdict"] == CLEAR
    ahead, behind = (rows[clear & (sign * rows["gap"] > 0)] for sign in (1, -1))
    cases = (("Self-Attention is ahead", ahead), ("the MLP", behind), ("neither", rows[~clear]))
    told = [f"{who} with {_and([*map(str, of['length'])])}" for who, of in cases if len(of)]
    return ", ".join(told)


def words(found: Sequence[Result], bought: Sequence[Result]) -> str:
    """When the study's networks over-fit, what counts of the same words have, and what recipes reach on whole texts."""
    epochs, beaten, pointed = [], [], _pointed(bought)
    for run, records in summaries.by_row(summaries.networks(select(found, role="baseline"))).items():
        valid = np.mean([[point["valid_nll"] for point in record.curve] for record in records], axis=0)
        epochs.append((f"{int(valid.argmin()) + 1} of {len(valid)}", titles.corpus(run.spec.corpus)))
        counts = summaries.best_counts([result.record for result in found], records[0])
        if counts:
            gap = significance.difference(records, [counts])
            beaten.append(f"{interval(gap.mean, *gap.interval(), plus='')} on {titles.corpus(run.spec.corpus)}")
    return _told(
        f"the valid loss of the study's Transformer, averaged over seeds, is lowest after epoch {_on_each(epochs)}; then it overfits"
        if epochs
        else "",
        f"on its slice counts of the same words are better, by {' and by '.join(beaten)}, in nats per word" if beaten else "",
        f"trained on the whole texts, {pointed}" if pointed else "",
    )


def _on_each(told: Sequence[tuple[str, str]]) -> str:
    """What is told of each text, once where it is the same."""
    if len(told) > 1 and len({what for what, _ in told}) == 1:
        return f"{told[0][0]} on {' and on '.join(text for _, text in told)}"
    return " and ".join(f"{what} on {text}" for what, text in told)


def budget(found: Sequence[Result], ladder: pd.DataFrame, corpus: str) -> str:
    """The best that was bought for a corpus, beside counts, and the largest steps of the ladder."""
    climbed = ladder[(ladder["verdict"] == CLEAR) & ladder["climbed"]].nlargest(3, "gain")
    steps = ", ".join(f"{row.gain:.3f} ({row.rung})" for row in climbed.itertuples())
    return _told(_bought(found, corpus), f"the largest clear gains on the ladder are, in nats, {steps}" if steps else "")


def _bought(found: Sequence[Result], corpus: str) -> str:
    """The purchase that is best on valid of those scored on the tokens of a corpus's best counts, its training text, and the counts."""
    networks, counts = _rivals(found, corpus)
    rows = summaries.by_row(select(networks, role="purchase"))
    run, records = min(rows.items(), key=lambda row: _valid(row[1]), default=(None, []))
    if run is None:
        return ""
    made = "" if run.spec.corpus == corpus else f" that reads a text made from train ({run.spec.corpus})"
    return (
        f"alone the {titles.network(run)}{made}, trained for {power(run.budget)} FLOPs, has a test NLL of "
        f"{_nll(records):.3f} (n = {len(records)}), the best counts of {data.info(corpus).level}s "
        f"{counts.record.test.nll:.3f}{_better_mixed(networks, counts, _nll(records))}"
    )


def _better_mixed(networks: Sequence[Result], counts: Result, nll: float) -> str:
    """The mixture with gated counts that is best on valid, where it is below a test NLL."""
    mixed = _mixed(networks, counts, gated=True)
    best = min(mixed, key=lambda run: _valid(mixed[run]), default=None)
    if best is None or _nll(mixed[best]) >= nll:
        return ""
    return (
        f"; mixed with gated counts the {best.architecture} of {power(best.budget)} has {_nll(mixed[best]):.3f} "
        "([00_answer](00_answer.ipynb))"
    )


def copying(effects: pd.DataFrame, by_fold: pd.DataFrame, fold_budget: int) -> str:
    """What induction and the architecture are worth at the largest budget, and what induction is on parts that were left out."""
    told = []
    if len(effects):
        frame, (lookup, with_it, without) = effects[effects["budget"] == effects["budget"].max()], LOOKUP
        told.append(
            f"at {power(frame['budget'].max())} FLOPs (n = {frame['n'].min()}) induction and its long window lower the test NLL by "
            f"{_effects(frame, lookup)[0]} nats in the mean of three architectures; a Transformer is {_ahead(frame, with_it)} with "
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
    return _told(*told)


def _effects(effects: pd.DataFrame, *names: str) -> list[str]:
    """Effects of a factorial with their intervals, those that are known."""
    by_name = effects.set_index("contrast")
    return [interval(*by_name.loc[name, ["effect", "low", "high"]], plus="") for name in names if name in by_name.index]


def _ahead(effects: pd.DataFrame, name: str) -> str:
    """By how far a Transformer is ahead of an LSTM, or behind, in an effect of that name, with its interval."""
    effect, low, high = effects.set_index("contrast").loc[name, ["effect", "low", "high"]]
    if low < 0 < high:
        return f"level with an LSTM ({interval(effect, low, high)})"
    return f"{'behind' if effect < 0 else 'ahead of'} an LSTM by {distance(effect, low, high)}"


STILL = {BEFORE: "lean", LACKS: "lack seeds or runs"}  # what undecided claims do


def claims(judged: pd.DataFrame) -> str:
    """How many claims have which verdict, and what those that are open lack."""
    whole = whole_verdicts(judged)
    grades = judged.groupby("text", sort=False)["grade"].agg(claim_grade)
    tally = ", ".join(f"{(whole == verdict).sum()} are {verdict}" for verdict in VERDICTS)
    unsettled = grades[whole == UNDECIDED].value_counts()
    lacking = [f"{n} {STILL.get(grade, f'are {grade}')}" for grade, n in unsettled.items()]
    return _told(f"of {len(whole)} claims {tally}", f"of the undecided, {', '.join(lacking)}")


def _told(*findings: str) -> str:
    """Findings as the Answer of a section; nothing where there are none."""
    told = [f"{one[:1].upper()}{one[1:]}." for one in findings if one]
    return f"**Answer.** {' '.join(told)}" if told else ""


def _nll(records: Sequence[RunRecord]) -> float:
    """Mean test NLL over seeds."""
    return float(np.mean([record.test.nll for record in records]))


def _valid(records: Sequence[RunRecord]) -> float:
    """Mean valid NLL over seeds."""
    return float(np.mean([record.valid.nll for record in records]))


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
        f"A lookup is worth {more} than the choice between a Transformer and an LSTM: copying what followed the same characters "
        f"(*induction*, with its long window) lowers the mean loss of three architectures by "
        f"{_effects(frame, lookup)[0]} nats at {power(frame['budget'].max())} FLOPs (n = {frame['n'].min()}){mixed}; there Transformer and "
        f"LSTM differ by at most {choice:.3f}."
    )


def _lookup_mixed(bought: Sequence[Result], budget: int) -> str:
    """What is left of the lookup's worth at a budget where every cell is mixed with counts; nothing where that is not recorded."""
    effects = factorial.effects(mixtures.mixed(select(bought, role=["factorial", "factorial-control"])))
    frame = effects[(effects["budget"] == budget) & (effects["contrast"] == LOOKUP[0])]
    return f", by {_effects(frame, LOOKUP[0])[0]} where counts are mixed in (n = {frame['n'].min()})" if len(frame) else ""


def _in_time(runs: Sequence[Planned], told: str) -> str:
    """How long runs take together, told; nothing where it is not known."""
    return "" if math.isnan(timings.seconds(*runs)) else told.format(timings.shown(*runs))


def _retrained(found: Sequence[Result], everything: Sequence[Result]) -> str:
    """Whether a published study's losses are reproduced, how far off its costs are, and what counts say of its best network."""
    lines, joint = summaries.summary(summaries.networks(found)), agreement.joint(agreement.rows(everything))
    if lines.empty or joint is None:
        return ""
    ratios, beaten = lines["flops_2nd"] / lines["flops_textbook"], _beaten(found, brief=True)
    where = "agree with ours" if joint.is_alike else "differ from ours by more than seeds do"
    return (
        f"A published study {STUDY} was retrained: its {joint.n_rows} losses {where}; its stated costs are up to "
        f"{ratios.max():.2g} times too high and {1 / ratios.min():.2g} times too low by the textbook count"
        f"{f'; {beaten}' if beaten else ''}."
    )


def _pointed(bought: Sequence[Result], brief: bool = False) -> str:
    """The best recipe on words of each text, in perplexity, and unless in brief gated counts of the same tokens; without those the best
    counts.
    """
    ours, theirs, weighed, costs, weights = [], [], [], [], {}
    for records in sentences.best_purchases(bought).values():
        if data.info(records[0].spec.corpus).level == "word":
            cached = summaries.best_counts([r.record for r in bought], records[0], UNBOUNDED)
            ours.append(f"{perplexity(_nll(records))} on {titles.corpus(records[0].spec.corpus)}")
            costs.append(f"{power(records[0].spec.train.flops)} FLOPs, n = {len(records)}")
            theirs += [perplexity(cached.test.nll)] if cached else []
            run, gated = _gated(bought, records[0])
            weighed += [perplexity(_nll(gated))] if run else []
            weights |= {f"{power(run.budget)} FLOPs, n = {len(gated)}": None} if run else {}
    beside = f"; counts with a cache {' and '.join(theirs)}" if theirs else ""
    beside = f"; gated counts {' and '.join(weighed)} ({'; '.join(weights)})" if weighed and len(weighed) == len(ours) else beside
    if not ours:
        return ""
    cost = "; ".join(dict.fromkeys(costs))
    return f"Transformers with a *pointer* reach perplexity {' and '.join(ours)} ({cost}){'' if brief else beside}"
