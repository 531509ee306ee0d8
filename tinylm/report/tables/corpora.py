"""Statistics of corpora -> tables."""

import itertools
from collections.abc import Sequence
from typing import Any

import pandas as pd

from tinylm.analysis.numbers import NONE


def corpora(statistics: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """One row per corpus: level, vocabulary, tokens of each split."""
    sizes = [{"corpus": s["corpus"], "level": s["level"], "vocabulary": s["vocab_size"]} | s["n_tokens"] for s in statistics]
    return pd.DataFrame(sizes)


def entropies(statistics: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """One row per corpus: entropies in nats per token, share of test tokens that are <unk> or unseen, the exact floor where known."""
    return pd.DataFrame(
        {
            "corpus": s["corpus"],
            "uniform": f"{s['uniform_entropy']:.3f}",
            "unigram": f"{s['unigram_entropy']:.3f}",
            "bigram": f"{s['bigram_entropy']:.3f}",
            "unseen in test": f"{100 * s['oov_rate']['test']:.2f} %",
            "unknown in test": f"{100 * s['unk_rate']['test']:.2f} %" if "unk_rate" in s else NONE,
            "floor": f"{s['floor']['test']:.3f}" if "floor" in s else NONE,
        }
        for s in statistics
    )


def headings(statistics: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """One row per corpus that has speaker headings: characters of names that train has and has not, in valid and test."""
    rows = []
    for s in statistics:
        row = {"corpus": s["corpus"]}
        for split, seen in itertools.product(("valid", "test"), ("seen", "unseen")):
            row[f"{split}, {seen}"] = f"{s['headings'][split][seen]:,}" if "headings" in s else NONE
        rows.append(row)
    with_headings = [row for row, s in zip(rows, statistics, strict=True) if "headings" in s]
    return pd.DataFrame(with_headings or rows)
