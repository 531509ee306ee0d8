"""Timings -> tables."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from tinylm.analysis.numbers import NONE
from tinylm.analysis.summaries import Result
from tinylm.config.shown import duration
from tinylm.report import minutes, timings

LIMITS = (1, 5, 15)  # minutes


def timed(facts: dict[str, Any]) -> pd.DataFrame:
    """One row per comparison of the benchmark: both sides, the gain, the gain worth having."""
    header, *lines = timings.cells(facts)
    return pd.DataFrame(lines, columns=header)


def in_minutes(found: Sequence[Result], limits: Sequence[float] = LIMITS) -> pd.DataFrame:
    """One row per text and time: the test NLL of the best of each kind on valid that trains within it, with its seeds and its time."""
    rows = [*minutes.trained(found), *minutes.own()]
    table = []
    for text in dict.fromkeys(row.text for row in rows):
        for limit in limits:
            best = {kind: minutes.best(rows, text, kind, limit) for kind in minutes.KINDS}
            cells = {kind: f"{row.test:.3f} ({row.n}; {duration(row.seconds)})" if row else NONE for kind, row in best.items()}
            table.append({"text": text, "minutes": f"{limit:g}"} | cells)
    return pd.DataFrame(table or [{"text": NONE, "minutes": NONE}])
