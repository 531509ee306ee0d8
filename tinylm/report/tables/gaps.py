"""Gaps between models by text and by context -> tables."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from tinylm.analysis import families, gaps
from tinylm.analysis.numbers import NONE, plus_minus
from tinylm.analysis.summaries import Result
from tinylm.ledger import RunRecord
from tinylm.report.tables.positions import EMPTY
from tinylm.study import recipes, titles
from tinylm.study.titles import ATTENTION, MLP


def gaps_by_text(found: Sequence[Result]) -> pd.DataFrame:
    """One row per pair of models and text: how often each reads it, their test NLL, and the gap; then its growth with the text.

    *: not clear.
    """
    cells, lines = gaps.by_text(found), []
    for row in gaps.gaps(found).itertuples():
        text = (row.corpus, row.tokens)
        line = {"pair": f"{row.first} − {row.second}", "text": titles.text(*text), "passes": NONE, "n": row.n, "test NLL": NONE}
        if row.than:
            line["text"] = f"{line['text']}, against the first {row.than:,}"
        else:
            records = [cells[text, model] for model in (row.first, row.second)]
            line["passes"] = " and ".join(f"{recipes.passes(of[0].spec):.2g}" for of in records)
            line["test NLL"] = " and ".join(_mean(of) for of in records)
        lines.append(line | {"gap": _told(row)})
    return pd.DataFrame(lines) if lines else EMPTY


def gaps_by_context(found: Sequence[Result]) -> pd.DataFrame:
    """One row per length of the context and text: the test NLL of the MLP and of attention, and the gap. *: not clear."""
    lines = []
    for row in gaps.by_context(found).itertuples():
        cells = gaps.by_length(found, row.corpus)
        line = {"text": titles.corpus(row.corpus), "context": f"{row.length:,}", "n": row.n}
        lines.append(line | {model: _mean(cells[row.length, model]) for model in (MLP, ATTENTION)} | {"gap": _told(row)})
    return pd.DataFrame(lines) if lines else EMPTY


def _mean(records: Sequence[RunRecord]) -> str:
    return f"{np.mean([record.test.nll for record in records]):.3f}"


def _told(row: Any) -> str:
    return plus_minus(row.gap, row.low, row.high) + families.star(row.verdict)
