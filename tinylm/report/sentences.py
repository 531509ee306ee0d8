"""Records -> the sentences of the report that hold numbers. Each says n, and no more than its records show."""

import itertools
import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from tinylm import data
from tinylm.analysis import agreement, budgets, families, folds, gaps, positions, significance, summaries
from tinylm.analysis import depth as layers
from tinylm.analysis.claim_list import Expectation
from tinylm.analysis.claims import DECIDED, UNDECIDED, VERDICTS, at_largest_cost, whole_verdicts
from tinylm.analysis.families import BEFORE, CLEAR, ENOUGH, OPEN
from tinylm.analysis.numbers import interval, p_value, perplexity, power, signed
from tinylm.analysis.summaries import Result
from tinylm.config.shown import amount
from tinylm.evaluation.probes import COMPRESSION
from tinylm.ledger import RunRecord
from tinylm.report import mixtures
from tinylm.study import Planned, select, teachers, titles
from tinylm.study.titles import ATTENTION, MLP

LITTLE = 0.01  # nats


def control(found: Sequence[Result], floor: dict[str, float]) -> str:
    """Which model comes closest to the floor, and whether any falls below it."""
    lines = summaries.summary(found).sort_values("test_nll")
    best = lines.iloc[0]
    below = lines[lines["test_nll"] < floor["test"] - 2 * lines["test_se"]]
    verdict = (
        "no model is below that"
        if below.empty
        else f"**below it, by more than two standard errors of the test text, which must be an error: {', '.join(below['name'])}**"
    )
    n = "" if best["run"].spec.is_counts else f" (n = {best['n']})"
    return (
        f"On {found[0].record.spec.corpus} the least possible test NLL is {floor['test']:.3f} nats; {verdict}, and the best, "
        f"{best['name']}, has {best['test_nll']:.3f}{n}."
    )


def cost(found: Sequence[Result]) -> str:
    """How far the stated costs are from the true ones, and what that does to the ranking by cost."""
    lines = summaries.summary(summaries.networks(found))
    if lines.empty:
        return ""
    ranked = {convention: ", ".join(lines.sort_values(convention)["name"]) for convention in ("flops", "flops_textbook", "flops_2nd")}
    ratios = "; ".join(
        f"{name}, {stated / textbook:.2g} times its textbook cost and {stated / executed:.2g} times its executed one"
        for name, stated, textbook, executed in zip(lines["name"], lines["flops_2nd"], lines["flops_textbook"], lines["flops"], strict=True)
    )
    return (
        f"In the study's convention $2ND$ a run is charged: {ratios}. From cheapest to most expensive, $2ND$ ranks {ranked['flops_2nd']}; "
        f"textbook FLOPs rank {ranked['flops_textbook']}; executed FLOPs rank {ranked['flops']}. {equal_cost(found)} {_best_counts(found)}"
    )


def reproduction(found: Sequence[Result]) -> str:
    """Whether the study's runs fall where ours do, tested on all rows together, and how large a shift the rows rule out."""
    rows = agreement.rows(found)
    joint = agreement.joint(rows)
    if joint is None:
        return ""
    margins = rows["margin"].dropna()
    alike = "lie where further seeds of ours would" if joint.is_alike else "differ from further seeds of ours"
    return (
        f"The study states {joint.n_rows} losses, sweeps and words included. Taken together they {alike} (Fisher "
        f"p = {p_value(joint.fisher)}, Kolmogorov-Smirnov p = {p_value(joint.ks)}). Differences below the margins, "
        f"{margins.median():.3f} nats in the median ({margins.min():.3f} to {margins.max():.3f}), could be missed."
    )


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
    text = f"The best counts of {read} by valid are {rival.run.spec.model.title}. The first network of {read} to reach their loss is, "
    text += f"{told}."
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
    return f"{text} {scored}; the first network to reach that is, {reached}."


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
    return list(frames.values()), ", and ".join(f"on {split}, {_reaching(frame)}" for split, frame in frames.items())


def _reaching(frame: pd.DataFrame) -> str:
    """The cheapest architecture that reaches a loss, and how many of its seeds do."""
    if frame.empty:
        return "none here"
    first = frame.iloc[0]
    smallest = ", its smallest budget" if math.isnan(first["misses"]) else ""
    return f"{first['architecture']} at {power(first['reaches'])} FLOPs{smallest} ({first['n_reach']:.0f} of {first['n']:.0f} seeds)"


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
    """For each text and budget that recipes are compared at: the best by valid, its test loss and n."""
    groups, sentences = summaries.by_row(found), []
    for _, rows in budgets.rivals(found, base).groupby("place"):
        run = rows.iloc[0]["run"]
        score = _score(_mean(groups[run], "test"), data.info(run.spec.corpus).level == "word")
        beaten = f"the {run.architecture}, {score} (n = {len(groups[run])})" if len(rows) > 1 else f"{run.architecture} alone is recorded"
        sentences.append(f"on {titles.corpus(run.spec.corpus)} at {power(run.budget)} FLOPs {beaten}")
    return f"Best on valid at equal FLOPs: {'; '.join(sentences)}." if sentences else ""


def _score(nll: float, by_word: bool) -> str:
    return f"a perplexity of {perplexity(nll)}" if by_word else f"{nll:.3f} nats"


def climb(frame: pd.DataFrame) -> str:
    """How many rungs change the test NLL clearly, after Holm's correction or only before it, and how many have too few seeds to say."""
    tested = frame.dropna(subset="gain")
    if tested.empty:
        return ""
    clear, before, still_open = (tested[tested["verdict"] == verdict] for verdict in (CLEAR, BEFORE, OPEN))
    parts = [
        f"Of {len(tested)} changes, kept or only tried ({seeds(tested['n'])} each), {len(clear)} make a clear difference after Holm's "
        + (f"correction, {families.clear_alone(tested)} of them by their own seeds' spread alone." if len(clear) else "correction.")
    ]
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


def growth_with_length(found: Sequence[Result], kind: str) -> str:
    """By how much windows of twice the length change the gain of a kind of positions, which was expected to grow."""
    slopes = positions.slopes(found)
    rows = slopes[slopes["positions"] == kind].dropna(subset="gain")
    told = [f"{interval(row.gain, row.low, row.high)} on {titles.corpus(row.corpus)}" for row in rows.itertuples()]
    came = "came" if (rows["low"] > 0).all() else "did not come"
    which = f"twice the length changes the gain of {titles.POSITIONS[kind]} by {' and by '.join(told)}"
    return f"The growth that was expected {came}: {which}." if told else ""


def seeds(n: pd.Series) -> str:
    """How many seeds some rows have."""
    few, many = n.min(), n.max()
    return f"{few} seeds" if few == many else f"{few} to {many} seeds"


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


def buried(found: Sequence[Result]) -> str:
    """How the study's MLP compares once it is trained on, and the sister project's best model with the study's."""
    baselines = summaries.by_row(select(found, section="architectures", role="baseline"))
    longer = _records(select(found, role="long", architecture="MLP"))
    transformer = [record for run, records in baselines.items() if run.architecture == "Transformer" for record in records]
    told = [_trained_on(longer, transformer)] if longer and transformer else []
    sister = summaries.by_row(select(found, section="claims", role="sister"))
    if sister and baselines:
        run, records = min(sister.items(), key=lambda item: _mean(item[1], "valid"))
        order = "below" if _mean(records, "test") < min(_mean(study, "test") for study in baselines.values()) else "not below"
        told.append(
            f"On the same slice the sister project's best model on valid, {run.name}, has {_mean(records, 'test'):.3f} for "
            f"{power(records[0].flops)} FLOPs (n = {len(records)}), {order} every network of the study."
        )
    return " ".join(told)


def _trained_on(mlp: Sequence[RunRecord], transformer: Sequence[RunRecord]) -> str:
    """The valid NLL of the two at each validation of the second that both have paid for, and their test NLL."""
    first, last = summaries.spent(mlp[0], "flops")[[0, -1]]
    shared = [cost for cost in summaries.spent(transformer[0], "flops") if first <= cost <= last]
    gaps = [
        np.mean([summaries.best_valid_at(r, c, "flops") for r in mlp])
        - np.mean([summaries.best_valid_at(r, c, "flops") for r in transformer])
        for c in shared
    ]
    below = sum(gap < 0 for gap in gaps)
    return (
        f"Trained longer, the study's MLP is ahead of its Transformer on valid, at {below} of {len(gaps)} equal executed costs. On the "
        f"test slice only their ends can be compared, at unequal costs: the MLP {_mean(mlp, 'test'):.3f} ({power(mlp[0].flops)} FLOPs), "
        f"the Transformer {_mean(transformer, 'test'):.3f} ({power(transformer[0].flops)})."
    )


def _mean(records: Sequence[RunRecord], split: str) -> float:
    """Mean NLL over seeds on a split."""
    return float(np.mean([getattr(record, split).nll for record in records]))


def claims(judged: pd.DataFrame) -> str:
    """How many effects of each source have which verdict, which claims are decided, and which single effects of undecided ones."""
    tested = judged[judged["follows"] == ""]
    n_tested = int(tested["p"].notna().sum())
    tally = "; ".join(f"{source}: {_verdicts(rows)}" for source, rows in tested.groupby("source", sort=False))
    parts = [f"Of {len(tested)} claimed effects {n_tested} are tested; the others wait for runs or seeds. By source, {tally}."]
    whole = whole_verdicts(judged)
    parts += [f"**{verdict.capitalize()}:** {'; '.join(whole.index[whole == verdict])}." for verdict in DECIDED if (whole == verdict).any()]
    still_open = tested[tested["text"].map(whole) == UNDECIDED]
    for verdict in DECIDED:
        contrasts = still_open.loc[still_open["verdict"] == verdict, "contrast"]
        if not contrasts.empty:
            parts.append(f"Of claims that are undecided as a whole, {verdict} in part: {'; '.join(contrasts)}.")
    return " ".join(parts)


def expectations(judged: pd.DataFrame, expected: Sequence[Expectation]) -> str:
    """Which expectations hold in the mean effects of judged claims, and which do not; those without records are left out."""
    held: dict[bool, list[str]] = {True: [], False: []}
    for one in expected:
        rows = judged[judged["contrast"].isin([claim.contrast for claim in one.claims])]
        if len(rows) and rows["effect"].notna().all():
            held[one.holds(rows)].append(one.text)
    told = [f"As expected, in the means of the effects: {'; '.join(held[True])}."] if held[True] else []
    told += [f"Also expected, and not found: {'; '.join(held[False])}."] if held[False] else []
    return " ".join(told)


def _verdicts(rows: pd.DataFrame) -> str:
    counts = rows["verdict"].value_counts()
    return ", ".join(f"{counts.get(verdict, 0)} {verdict}" for verdict in VERDICTS)


def turning(found: Sequence[Result]) -> str:
    """At which budget the order of the longest and the shortest context of the long Linear runs turns, seed by seed."""
    groups = summaries.by_row(select(found, role="long", architecture="Linear"))
    ordered = sorted(groups, key=lambda run: run.spec.model.context_length)
    if len(ordered) < 2:
        return "The long Linear runs, which would show at which budget the order of the context lengths turns, are not recorded yet."
    shortest, longest = ordered[0], ordered[-1]
    short, long = groups[shortest], groups[longest]
    best = {run: np.mean([_best_so_far(record) for record in groups[run]], axis=0) for run in ordered}
    first, last = (min(best, key=lambda run: best[run][i]) for i in (0, -1))
    partners = {record.spec.seed: record for record in short}
    pairs = [(record, partners[record.spec.seed]) for record in long if record.spec.seed in partners]
    turns = [_first_below(_best_so_far(a), _best_so_far(b)) for a, b in pairs]
    epochs = [turn for turn in turns if turn is not None]
    text = (
        f"After the first of {len(best[first])} epochs {first.name} has the lowest mean valid NLL ({best[first][0]:.4f}), after the last "
        f"{last.name} ({best[last][-1]:.4f}). {longest.name} falls below {shortest.name} at equal updates in {len(epochs)} of {len(pairs)} "
        "seeds"
    )
    if not epochs:
        return f"{text}; at the end it is at {signed(float(best[longest][-1] - best[shortest][-1]))} from it."
    epoch = int(np.median(epochs))
    costs = " and ".join(power(group[0].curve[epoch - 1]["flops"]) for group in (long, short))
    return f"{text}, first after epoch {epoch} (median), when the two have cost {costs} executed FLOPs."


def _best_so_far(record: RunRecord) -> np.ndarray:
    return np.minimum.accumulate([point["valid_nll"] for point in record.curve])


def _first_below(first: np.ndarray, second: np.ndarray) -> int | None:
    """The first epoch from which on `first` stays below `second`; None where it does not end below."""
    above = np.flatnonzero(first >= second)
    epoch = int(above[-1]) + 2 if len(above) else 1
    return epoch if epoch <= len(first) else None


def equal_cost(found: Sequence[Result]) -> str:
    """Self-Attention's valid NLL where it has spent what the whole MLP run spends, in executed and in textbook FLOPs."""
    mlp, attention = (_records(select(found, role="baseline", architecture=name)) for name in ("MLP", "Self-Attention"))
    if not mlp or not attention:
        return ""
    nll = float(np.mean([record.valid.nll for record in mlp]))
    parts = []
    for name, convention in (("executed", "flops"), ("textbook", "flops_textbook")):
        budget = getattr(mlp[0], convention)
        if budget < summaries.spent(attention[0], convention)[0]:
            parts.append(f"for the same {name} FLOPs it would end before its first validation, so that nothing can be compared")
            continue
        at_budget = float(np.mean([summaries.best_valid_at(record, budget, convention) for record in attention]))
        parts.append(f"for the same {name} FLOPs it has {at_budget:.3f} (n = {len(attention)})")
    return f"The MLP's full run ends at a valid NLL of {nll:.3f} (n = {len(mlp)}). Self-Attention: {'; '.join(parts)}."


def expected_costs(found: Sequence[Result]) -> str:
    """Whether the MLP costs less than stated, in executed FLOPs, and the attention models more, as was expected."""
    lines = summaries.summary(summaries.networks(found))
    if lines.empty:
        return ""
    shares = dict(zip((run.architecture for run in lines["run"]), lines["flops"] / lines["flops_2nd"], strict=True))
    as_expected = {name: share < 1 if name == "MLP" else share > 1 for name, share in shares.items() if name != "Linear"}
    told = [f"{shares[name]:.2g} for {name} ({'' if held else 'not '}as expected)" for name, held in as_expected.items()]
    return f"Executed divided by stated FLOPs: {', '.join(told)}." if told else ""


def _records(found: Sequence[Result]) -> list[RunRecord]:
    """The finished records of results of one row."""
    return [record for records in summaries.by_row(found).values() for record in records]


def _best_counts(found: Sequence[Result]) -> str:
    """The n-gram order chosen on valid against the best network, all of its seeds, on the same test tokens."""
    counts, networks = summaries.by_row(summaries.counts(found)), summaries.by_row(summaries.networks(found))
    if not counts or not networks:
        return ""
    count, network = (min(groups, key=lambda run: np.mean([r.valid.nll for r in groups[run]])) for groups in (counts, networks))
    gap = significance.difference(networks[network], counts[count])
    low, high = gap.interval()
    of_what = f"95 % interval {interval(gap.mean, low, high)}, n = {gap.n}"
    if math.isnan(low):  # one seed: only the text's noise is known
        low, high = gap.mean - 2 * gap.text_se, gap.mean + 2 * gap.text_se
        of_what = f"{signed(gap.mean)}, text SE {gap.text_se:.4f}, n = 1"
    where = "below" if low > 0 else "above" if high < 0 else "level with"
    ours, theirs = (float(np.mean([r.test.nll for r in records])) for records in (networks[network], counts[count]))
    return (
        f"Kneser-Ney counts ({count.name}, no gradient step) score {theirs:.4f} nats per token on the test slice, {where} the best of the "
        f"study's networks, {network.name}, at {ours:.4f} (difference {of_what})."
    )


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
        f"{_mean(rows[run], 'test'):.3f} at {power(run.budget)} FLOPs (n = {len(rows[run])})"
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
    best = f"with the context that is best for each on valid, the MLP's test NLL minus Self-Attention's is {_by_text(rows)}"
    longer = _with_more_flops(found, ATTENTION)
    more = f"; with {power(select(found, role='gap')[0].run.budget)} FLOPs for the MLP alone {_by_text(longer)}" if len(longer) else ""
    return f"{best}{more}"


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
