"""Gains of techniques -> tables."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from tinylm.analysis import families, techniques
from tinylm.analysis.numbers import NONE, p_value, plus_minus, signed, spread
from tinylm.analysis.summaries import Result
from tinylm.config.shown import short
from tinylm.study import select
from tinylm.study.regularisers import REGULARISERS
from tinylm.study.techniques import FRESH, REPEATED, SEPARATOR, TECHNIQUES, factor

NARROW = {FRESH: "fresh", REPEATED: "repeated"}  # what heads one of many columns; the note says that they are characters
WIDEST = "half the widest interval"


def techniques_expected(found: Sequence[Result], expected: Mapping[str, str]) -> pd.DataFrame:
    """One row per technique of which something was expected: that, and its gain on each text at its budget that has most techniques.

    Gains have a 95 % interval, and * where they are not clear after Holm's correction.
    """
    gains = techniques.gains(found)
    budgets = {corpus: techniques.fullest_budget(rows) for corpus, rows in gains.groupby("corpus")}
    cells = {(row.corpus, row.budget, row.technique): _starred(row) for row in gains.itertuples()}
    titles = {corpus: f"{title}, {short(budgets[corpus])}" for corpus, title in techniques.texts(found).items() if corpus in budgets}
    return pd.DataFrame(
        [
            {"technique": name, "expected": what}
            | {title: cells.get((corpus, budgets[corpus], name), NONE) for corpus, title in titles.items()}
            for name, what in expected.items()
        ]
    )


def techniques_by_budget(found: Sequence[Result]) -> pd.DataFrame:
    """One row per technique: on each text its gain at each budget, and by how much ten times the budget raises it.

    *: not clear. The last row has half the widest 95 % interval of each column. Sorted as the figure of the gains is.
    """
    gains, slopes = techniques.gains(found), techniques.slopes(found)
    columns: dict[str, pd.Series] = {}
    for corpus, title in techniques.texts(found).items():
        text = NARROW.get(title, title)
        for budget, rows in gains[gains["corpus"] == corpus].groupby("budget"):
            columns[f"{text}, {short(budget)}"] = _column(rows, rows["gain"])
        grown = slopes[slopes["corpus"] == corpus]
        if len(grown):
            columns[f"{text}, per decade"] = _column(grown, grown["slope"])
    names = [*techniques.order(gains), WIDEST]
    if len(names) == 1:
        return pd.DataFrame([{"technique": "none is recorded"}])
    return pd.DataFrame(columns).reindex(names).fillna(NONE).rename_axis("technique").reset_index()


def _column(rows: pd.DataFrame, values: pd.Series) -> pd.Series:
    """What a table shows of these rows by technique, and under it half their widest interval."""
    cells = {row.technique: signed(value, 3) + families.star(row.verdict) for row, value in zip(rows.itertuples(), values, strict=True)}
    return pd.Series(cells | {WIDEST: spread((rows["high"] - rows["low"]).max() / 2)})


def techniques_together(found: Sequence[Result]) -> pd.DataFrame:
    """One row per text and pair of techniques: what both gain together, and how far that is from the sum of their gains."""
    texts = techniques.texts(found)
    return pd.DataFrame(
        [
            {
                "text": texts[row.corpus],
                "pair": row.pair,
                "FLOPs": short(row.budget),
                "both": plus_minus(row.both, float("nan"), float("nan")),
                "both − sum, 95 %": plus_minus(row.gain, row.low, row.high),
                "n": row.n,
                "p alone": p_value(row.p_alone),
                "p, Holm": p_value(row.p_holm),
            }
            for row in techniques.together(found).itertuples()
        ]
        or [{"pair": "none is recorded"}]
    )


def techniques_tried(found: Sequence[Result]) -> pd.DataFrame:
    """One row per technique of the recorded runs: what it changes, and its multiples of the baseline's learning rate on each text.

    One for all budgets, or several: of each budget from the smallest.
    """
    names = dict.fromkeys(result.run.rung for result in select(found, role=techniques.ROLES))
    texts = techniques.texts(found).items()
    return pd.DataFrame(
        [
            {"technique": name, "what it changes": TECHNIQUES[name].about}
            | {f"rate, {title}": _rates(name, corpus, techniques.budgets(found, corpus)) for corpus, title in texts}
            for name in names
        ]
    )


def _rates(name: str, corpus: str, budgets: Sequence[int]) -> str:
    """A technique's multiples of a text's rate at these budgets, once where all are the same."""
    factors = [f"{factor([name], corpus, budget):g}" for budget in budgets]
    return "; ".join(factors if len({*factors}) > 1 else factors[:1])


def regularisers(found: Sequence[Result]) -> pd.DataFrame:
    """One row per change of the recorded runs: what it is, and on each text after which pass, of how many, its valid NLL is lowest.

    Behind them by how much the valid NLL rises from there to the run's end. At the budget at which all changes are tried.
    """
    minima = techniques.minima(select(found, role=techniques.ROLES[0]))
    texts = techniques.texts(found).items()
    cells = {(row.corpus, row.technique): f"{row.best_pass:.1f} of {row.passes:.1f}, {signed(row.rise, 3)}" for row in minima.itertuples()}
    return pd.DataFrame(
        [
            {"change": name, "what it is": _about(name)} | {title: cells.get((corpus, name), NONE) for corpus, title in texts}
            for name in dict.fromkeys(minima["technique"])
        ]
        or [{"change": "none is recorded"}]
    )


def _about(changes: str) -> str:
    return "; ".join(REGULARISERS[name].about for name in changes.split(SEPARATOR))


def _starred(row: Any) -> str:
    return plus_minus(row.gain, row.low, row.high) + (families.star(row.verdict) if row.n > 1 else "")
