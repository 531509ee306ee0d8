"""Records -> sentences on techniques of large models and on regularisation."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from tinylm.analysis import summaries, techniques
from tinylm.analysis.families import CLEAR
from tinylm.analysis.numbers import interval, power
from tinylm.analysis.summaries import Result
from tinylm.report.sentences.phrases import listed, seeds_of, tested_at
from tinylm.study import select
from tinylm.study.techniques import FRESH, REPEATED, regime


def only_repeated(found: Sequence[Result], names: Sequence[str]) -> str:
    """Which techniques clearly gain on repeated characters and on fresh ones, of those that were expected to gain on the former only."""
    gains, told = techniques.gains(found), []
    for corpus in techniques.corpora(found):
        rows = gains[(gains["corpus"] == corpus) & gains["technique"].isin(names)]
        kind, rows = regime(select(found, corpus=corpus)[0].run.spec), rows[rows["budget"] == techniques.fullest_budget(rows)]
        if kind in (FRESH, REPEATED) and len(rows):
            clear = list(rows["technique"][(rows["verdict"] == CLEAR) & (rows["gain"] > 0)])
            told.append(f"on {kind} {', '.join(clear) or 'none'}")
    return f"Of the techniques that were expected to gain on {REPEATED} only, these clearly gain: {'; '.join(told)}." if told else ""


def clear_gains(found: Sequence[Result]) -> str:
    """By how much techniques clearly lower the test NLL on each text, at the fullest budget and at the largest."""
    told = [_by_text(rows) for rows in (techniques.tested(select(found, role=role)) for role in techniques.ROLES) if rows]
    return f"These clearly lower the test NLL, in nats, {'; '.join(told)}." if told else ""


def _by_text(rows: Mapping[str, pd.DataFrame]) -> str:
    """What clearly gains on each text, most first."""
    gains = {name: [f"{one} {by:.3f}" for one, by in techniques.clear(of).items()] or ["none"] for name, of in rows.items()}
    return f"at {tested_at(rows)}: {', '.join(f'on {name} {listed(told)}' for name, told in gains.items())}"


def growth_with_budget(found: Sequence[Result]) -> str:
    """Whose gain clearly grows and whose falls with the budget, by text, where two budgets are recorded."""
    slopes, texts, told = techniques.slopes(found), techniques.texts(found), []
    for corpus, rows in slopes[slopes["verdict"] == CLEAR].groupby("corpus", sort=False):
        names = {how: list(rows["technique"][sign * rows["slope"] > 0]) for how, sign in (("grows", 1), ("falls", -1))}
        told.append(f"on {texts[corpus]} {' and '.join(f'that of {listed(who)} clearly {how}' for how, who in names.items() if who)}")
    if told:
        return f"With ten times the budget the gain, which may be below zero, changes: {'; '.join(told)}."
    return "No technique's gain clearly changes with the budget." if (slopes["n"] > 1).any() else ""


def on_every_text(tried: Sequence[Result]) -> str:
    """Which changes that read the same words lower the test NLL on every text at the smaller budget."""
    gains, _ = _by_kind(tried)
    if not len(gains):
        return ""
    lower = gains[gains["gain"] > 0]["technique"].value_counts()
    names = list(lower.index[lower == gains["corpus"].nunique()])
    where = "both texts" if gains["corpus"].nunique() > 1 else "the text"
    at = f"at {power(gains['budget'].max())} FLOPs (n = {seeds_of(gains)})"
    which = f"of {gains['technique'].nunique()} changes that bring no more text {listed(names) or 'none'}"
    return f"{at}, {which} lower{'s' * (len(names) < 2)} it on {where}"


def changes(tried: Sequence[Result]) -> str:
    """How many changes lower each NLL on each text, the largest gain, and what all of the text brings."""
    alike, longer = (rows.sort_values("gain") for rows in _by_kind(tried))
    texts = techniques.texts(tried)
    told = [_best_change(select(tried, corpus=corpus), alike[alike["corpus"] == corpus], text) for corpus, text in texts.items()]
    best = longer.drop_duplicates("corpus", keep="last").set_index("corpus")
    brings = [f"{interval(*best.loc[corpus, ['gain', 'low', 'high']])} on {text}" for corpus, text in texts.items() if corpus in best.index]
    if brings:
        told.append(f"{best['technique'].iloc[0]} bring {listed(brings)}")
    at = f"At {power(alike['budget'].max())} FLOPs (n = {seeds_of(alike)}) " if len(alike) else ""
    return f"{at}{'; '.join(filter(None, told))}." if at else ""


def _by_kind(tried: Sequence[Result]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The gains of changes that read the same words, and of those that read all of a text."""
    gains, more = techniques.gains(tried), {one.run.rung for one in tried if not one.run.spec.train.train_tokens}
    is_longer = gains["technique"].isin(more)
    return gains[~is_longer], gains[is_longer]


def _best_change(tried: Sequence[Result], gains: pd.DataFrame, text: str) -> str:
    """The change of a text with the largest gain, and how many lower each NLL."""
    if not len(gains):
        return ""
    best, changed = gains.iloc[-1], select(tried, rung=list(gains["technique"]))
    lower = {split: _lowered(changed, tried, split) for split in ("test", "valid")}
    most = f"most {best['technique']} ({interval(*best[['gain', 'low', 'high']])} nats)"
    return f"on {text} {lower['test']} of {len(gains)} changes lower the test NLL, {most}, and {lower['valid']} the valid NLL"


def _lowered(changed: Sequence[Result], tried: Sequence[Result], split: str) -> int:
    """How many changes have a lower mean NLL on a split than the baseline."""
    means = [np.mean([getattr(one, split).nll for one in records]) for records in summaries.by_row(changed).values()]
    (plain,) = summaries.by_row(select(tried, rung=techniques.BASELINE.name)).values()
    return sum(mean < np.mean([getattr(one, split).nll for one in plain]) for mean in means)
