"""What sentences of several themes share."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from tinylm.analysis import summaries
from tinylm.analysis.numbers import power
from tinylm.analysis.summaries import Result
from tinylm.ledger import RunRecord


def seeds(n: pd.Series) -> str:
    """How many seeds some rows have."""
    few, many = n.min(), n.max()
    return f"{few} seeds" if few == many else f"{few} to {many} seeds"


def seeds_of(rows: pd.DataFrame) -> str:
    """Of how many seeds some rows are, least and most."""
    few, many = int(rows["n"].min()), int(rows["n"].max())
    return f"{few}{f' to {many}' if many > few else ''}"


def mean(records: Sequence[RunRecord], split: str) -> float:
    """Mean NLL over seeds on a split."""
    return float(np.mean([getattr(record, split).nll for record in records]))


def records_of(found: Sequence[Result]) -> list[RunRecord]:
    """The finished records of results of one row."""
    return [record for records in summaries.by_row(found).values() for record in records]


def listed(parts: Sequence[str]) -> str:
    """Parts of a sentence, the last after *and*."""
    return f"{', '.join(parts[:-1])} and {parts[-1]}" if len(parts) > 1 else "".join(parts)


def on_each(told: Sequence[tuple[str, str]]) -> str:
    """What is told of each text, once where it is the same."""
    if len(told) > 1 and len({what for what, _ in told}) == 1:
        return f"{told[0][0]} on {' and on '.join(text for _, text in told)}"
    return " and ".join(f"{what} on {text}" for what, text in told)


def tested_at(rows: Mapping[str, pd.DataFrame]) -> str:
    """At which budgets the gains on some texts are, and of how many seeds."""
    budgets = dict.fromkeys(power(of["budget"].iloc[0]) for of in rows.values())
    return f"{listed([*budgets])} FLOPs, n = {seeds_of(pd.concat(rows.values()))}"
