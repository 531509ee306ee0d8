"""Judged claims -> tables."""

import pandas as pd

from tinylm.analysis.claims import UNDECIDED, VERDICTS, claim_grade, whole_verdicts
from tinylm.analysis.families import BEFORE
from tinylm.analysis.numbers import NONE, p_value, plus_minus, signed, spread


def verdicts(judged: pd.DataFrame) -> pd.DataFrame:
    """One row per claim in words: the verdict on the whole of it, and of an undecided one how far it is known."""
    whole = whole_verdicts(judged)
    sources = judged.groupby("text", sort=False)["source"].first()
    return pd.DataFrame(
        [
            {
                "claim": text,
                "source": sources[text],
                "verdict": f"{whole[text]}: {_known(judged[judged['text'] == text])}" if whole[text] == UNDECIDED else whole[text],
            }
            for text in sorted(whole.index, key=lambda text: VERDICTS.index(whole[text]))
        ]
        or [{"claim": "none is decided"}]
    )


def _known(rows: pd.DataFrame) -> str:
    """How far an undecided claim is known, of the rows of its statements; which way it leans where it is clear before correction."""
    grade = claim_grade(rows["grade"])
    if grade != BEFORE:
        return grade
    ways = sorted(set(rows.loc[rows["grade"] == BEFORE, "leans"]), reverse=True)
    return f"leans {' and '.join(ways)}"


def claims(judged: pd.DataFrame) -> pd.DataFrame:
    """One row per statement that is tested for a claim, under the claim's words: effect with its 95 % interval, n, p and verdict."""
    first = ~judged.duplicated("text")
    return pd.DataFrame(
        {
            "claim": row["text"] if first[index] else "",
            "source": row["source"] if first[index] else "",
            "statement": f"as for {row['follows']}" if row["follows"] else row["statement"],
            "effect, 95 %": plus_minus(row["effect"], row["low"], row["high"]),
            "n": row["n"],
            "p, Holm": p_value(row["p_holm"]),
            "verdict": row["verdict"],
        }
        for index, row in judged.iterrows()
    )


def claim_evidence(judged: pd.DataFrame) -> pd.DataFrame:
    """One row per tested claim: the paper's own effect, the text's share of the standard error, the test, both p, remarks."""
    tested = judged[judged["follows"] == ""]
    return pd.DataFrame(
        {
            "evidence": row["contrast"],
            "paper": NONE if pd.isna(row["reported"]) else signed(row["reported"]),
            "text SE": spread(row["text_se"]),
            "test": row["test"] or NONE,
            "p": p_value(row["p"]),
            "p, Holm": p_value(row["p_holm"]),
            "remarks": row["note"] or NONE,
        }
        for _, row in tested.iterrows()
    )
