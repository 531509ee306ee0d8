"""Gains of kinds of positions -> tables."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from tinylm.analysis import families, positions
from tinylm.analysis.numbers import NONE, plus_minus
from tinylm.analysis.summaries import Result
from tinylm.study import titles
from tinylm.study.titles import POSITIONS

EMPTY = pd.DataFrame([{"text": "none is recorded"}])


def positions_by_length(found: Sequence[Result]) -> pd.DataFrame:
    """One row per text and length of the windows: test NLL of learned positions, and by how much each other kind lowers it.

    The last row of a text is by how much twice the length raises each gain. *: not clear.
    """
    gains, slopes = positions.gains(found), positions.slopes(found)
    lines: list[dict[str, Any]] = []
    for corpus in positions.corpora(found):
        for length, cells in positions.by_length(found, corpus).items():
            learned = [record.test.nll for record in cells[positions.BASELINE]]
            line = {"text": titles.corpus(corpus), "T": f"{length:,}", "n": len(learned), "learned": f"{np.mean(learned):.3f}"}
            lines.append(line | _cells(gains[(gains["corpus"] == corpus) & (gains["length"] == length)]))
        if grown := _cells(slopes[slopes["corpus"] == corpus]):
            lines.append({"text": titles.corpus(corpus), "T": "per doubling", "n": NONE, "learned": NONE} | grown)
    return pd.DataFrame(lines).fillna(NONE) if lines else EMPTY


def positions_beyond(found: Sequence[Result]) -> pd.DataFrame:
    """One row per text and kind: by how much longer windows at test alone lower the test NLL, against both lengths in training and test.

    *: not clear.
    """
    gains = positions.longer(found)
    lines: dict[tuple[str, str], dict[str, Any]] = {}
    for row in gains.itertuples():
        line = lines.setdefault((row.corpus, row.positions), {"text": titles.corpus(row.corpus), "positions": POSITIONS[row.positions]})
        line[f"gain over training and test with {row.length:,}"] = _told(row)
        line["n"] = row.n
    return pd.DataFrame(list(lines.values())).fillna(NONE) if lines else EMPTY


def _cells(rows: pd.DataFrame) -> dict[str, str]:
    return {POSITIONS[row.positions]: _told(row) for row in rows.itertuples()}


def _told(row: Any) -> str:
    return plus_minus(row.gain, row.low, row.high) + families.star(row.verdict)
