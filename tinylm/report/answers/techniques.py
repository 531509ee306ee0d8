"""Records -> the answers of the sections on techniques of large models and on regularisation."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from tinylm.analysis import families, summaries, techniques
from tinylm.analysis.families import CLEAR
from tinylm.analysis.numbers import interval, power
from tinylm.analysis.summaries import Result
from tinylm.report.answers.phrases import mean_nll, say, seeds_of
from tinylm.report.sentences.phrases import listed, on_each
from tinylm.study import Planned, select, titles
from tinylm.study.techniques import rates_are_of


def transfer(found: Sequence[Result], planned: Sequence[Planned] = ()) -> str:
    """How many techniques gain and lose clearly on each text, what gains on all, what gains most, and what the budget does.

    Each text at its largest budget of those with most gains known. Says which of the planned runs are not recorded.
    """
    changes = _with_budget(techniques.slopes(found), techniques.texts(found))
    return say(*_clear_gains(_tested(found)), changes, _not_recorded(found, planned))


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


def carried_over(found: Sequence[Result]) -> str:
    """How many techniques of large models clearly gain on each text, and what does on all; a sentence of the abstract."""
    rows = _tested(found)
    if not rows:
        return ""
    up, everywhere = _helpful(rows)
    budgets = {power(of["budget"].iloc[0]): None for of in rows.values()}
    at = f"{listed([*budgets])} FLOPs, n = {seeds_of(pd.concat(rows.values()))}"
    first, *others = [(len(names) or "none", name) for name, names in up.items()]
    told = [f"{first[0]} clearly help on {first[1]}", *(f"{number} on {name}" for number, name in others)]
    on_all = f"; {listed(everywhere) or 'none'} on all of them" if others else ""
    return f"Of {max(map(len, rows.values()))} techniques of large models {listed(told)}{on_all} ({at})."


def _clear_gains(rows: Mapping[str, pd.DataFrame]) -> Iterator[str]:
    """What the gains on each text say."""
    if not rows:
        return
    up, everywhere = _helpful(rows)
    numbers = {name: (len(up[name]), int((of["verdict"] == CLEAR).sum()) - len(up[name])) for name, of in rows.items()}
    where = {name: f"on {name} ({power(of['budget'].iloc[0])} FLOPs, n = {seeds_of(of)})" for name, of in rows.items()}
    counts = [f"{better} and {worse} {where[name]}" for name, (better, worse) in numbers.items()]
    first = next(iter(rows))
    counts[0] = f"{numbers[first][0]} clearly lower the test NLL and {numbers[first][1]} clearly raise it {where[first]}"
    alone = sum(families.clear_alone(of) for of in rows.values())
    counts[-1] += f"; {alone} of these are clear by the spread of their own seeds alone"
    yield f"of {max(map(len, rows.values()))} techniques, each at its own learning rate{_older_rates(rows)}, {', '.join(counts)}"
    if len(rows) > 1:
        yield f"a clear gain on every text comes from {', '.join(everywhere)}" if everywhere else "none clearly gains on every text"
    if most := [f"{names[0]} on {name} ({_gain(rows[name], names[0]):.3f} nats)" for name, names in up.items() if names]:
        yield f"the most is gained by {', by '.join(most)}"


def _older_rates(rows: Mapping[str, pd.DataFrame]) -> str:
    """On which of the texts the rates are those of a smaller budget."""
    older = [name for name, of in rows.items() if not rates_are_of(of["corpus"].iloc[0], int(of["budget"].iloc[0]))]
    return f" (on {listed(older)} that of a smaller budget)" if older else ""


def _gain(rows: pd.DataFrame, technique: str) -> float:
    return float(rows["gain"][rows["technique"] == technique].iloc[0])


def regularisation(found: Sequence[Result], studied: Sequence[Result] = (), planned: Sequence[Planned] = ()) -> str:
    """What the changes that were kept bring at the larger budget, what was tried at the smaller one, what counts bring, and when the valid
    NLL is lowest, beside `studied`, the study's own runs. Says which of the planned runs are not recorded.
    """
    tried, kept = (select(found, role=role) for role in techniques.ROLES)
    plain = select(tried, rung=techniques.BASELINE.name)
    missing = _not_recorded([*tried, *kept], select(planned, role=list(techniques.ROLES)))
    counted = _counted(select(found, role="counts"), plain)
    return say(_confirmed(kept), *_changes(tried), counted, _minima(plain, studied), missing)


def _changes(tried: Sequence[Result]) -> Iterator[str]:
    """How many changes lower each NLL on each text, the largest gain, and what all of the text brings."""
    gains, more = techniques.gains(tried), {one.run.rung for one in tried if not one.run.spec.train.train_tokens}
    alike, longer = (gains[gains["technique"].isin(more) == is_longer].sort_values("gain") for is_longer in (False, True))
    texts = techniques.texts(tried)
    told = [_best_change(select(tried, corpus=corpus), alike[alike["corpus"] == corpus], text) for corpus, text in texts.items()]
    if len(alike):
        at = f"at {power(gains['budget'].max())} FLOPs (n = {seeds_of(gains)}) "
        yield at + "; ".join([*filter(None, told), *_on_every_text(alike)])
    best = longer.drop_duplicates("corpus", keep="last").set_index("corpus")
    brings = [f"{interval(*best.loc[corpus, ['gain', 'low', 'high']])} on {text}" for corpus, text in texts.items() if corpus in best.index]
    if brings:
        yield f"{best['technique'].iloc[0]} bring {listed(brings)}"


def _best_change(tried: Sequence[Result], gains: pd.DataFrame, text: str) -> str:
    """The change of a text with the largest gain, and how many lower each NLL."""
    if not len(gains):
        return ""
    best, changed = gains.iloc[-1], select(tried, rung=list(gains["technique"]))
    lower = {split: _lowered(changed, tried, split) for split in ("test", "valid")}
    most = f"most {best['technique']} ({interval(*best[['gain', 'low', 'high']])} nats)"
    return f"on {text} {lower['test']} of {len(gains)} changes lower the test NLL, {most}, and {lower['valid']} the valid NLL"


def _on_every_text(gains: pd.DataFrame) -> list[str]:
    """Which changes lower the test NLL on every text, of several."""
    n_texts, lower = gains["corpus"].nunique(), gains[gains["gain"] > 0]["technique"].value_counts()
    names = list(lower.index[lower == n_texts])
    return [f"{listed(names) or 'no change'} does so on every text"] if n_texts > 1 else []


def _lowered(changed: Sequence[Result], tried: Sequence[Result], split: str) -> int:
    """How many changes have a lower mean NLL on a split than the baseline."""
    means = [np.mean([getattr(one, split).nll for one in records]) for records in summaries.by_row(changed).values()]
    (plain,) = summaries.by_row(select(tried, rung=techniques.BASELINE.name)).values()
    return sum(mean < np.mean([getattr(one, split).nll for one in plain]) for mean in means)


def _counted(counts: Sequence[Result], plain: Sequence[Result]) -> str:
    """What counts of the same words have beside the plain Transformer, on test."""
    nets = {records[0].spec.corpus: mean_nll(records) for records in summaries.by_row(plain).values()}
    beside = [one for one in counts if one.run.spec.corpus in nets]
    told = [f"{one.record.test.nll:.3f} against {nets[one.run.spec.corpus]:.3f} on {titles.corpus(one.run.spec.corpus)}" for one in beside]
    return f"on test {beside[0].run.spec.model.title} of the same words and the plain Transformer have {listed(told)}" if told else ""


def _confirmed(kept: Sequence[Result]) -> str:
    """What the changes that went to the larger budget bring there, most first."""
    rows, texts = techniques.gains(kept), techniques.texts(kept)
    order = rows.groupby("technique")["gain"].mean().sort_values(ascending=False)
    told = []
    for name in order.index:
        on = [
            f"{interval(one.gain, one.low, one.high, plus='')}{'' if one.verdict == CLEAR else ' (open)'} on {texts[one.corpus]}"
            for one in rows[rows["technique"] == name].itertuples()
        ]
        told.append(f"{name} {listed(on)}")
    at = f"with {power(rows['budget'].max())} FLOPs (n = {seeds_of(rows)})" if told else ""
    return f"{at} the test NLL is below the plain Transformer's by: {'; '.join(told)}" if told else ""


def _minima(plain: Sequence[Result], studied: Sequence[Result]) -> str:
    """After which pass the valid NLL is lowest in the study's runs and in those of the plain Transformer."""
    ours, theirs = (
        on_each([(f"{row.best_pass:.0f} of {row.passes:.0f}", titles.corpus(row.corpus)) for row in techniques.minima(runs).itertuples()])
        for runs in (plain, studied)
    )
    beside = f", in the study's runs after {theirs}" if theirs else ""
    return f"the plain Transformer's valid NLL is lowest after pass {ours}{beside}" if ours else ""


def _with_budget(slopes: pd.DataFrame, texts: Mapping[str, str]) -> str:
    """What clearly does better and worse beside the plain model with ten times the budget, by text, where two budgets are recorded."""
    told = []
    for corpus, rows in slopes[slopes["verdict"] == CLEAR].groupby("corpus", sort=False):
        names = {how: list(rows["technique"][sign * rows["slope"] > 0]) for how, sign in (("grows", 1), ("falls", -1))}
        told.append(f"on {texts[corpus]} {' and '.join(f'that of {listed(who)} clearly {how}' for how, who in names.items() if who)}")
    if told:
        return f"with ten times the budget the gain changes: {'; '.join(told)}"
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
