"""Judged claims -> tables."""

import pandas as pd

from tinylm.analysis.claims import UNDECIDED, VERDICTS, claim_grade, claim_verdict
from tinylm.analysis.families import CLEAR
from tinylm.analysis.numbers import NONE, interval, p_value, signed, spread


def verdicts(judged: pd.DataFrame) -> pd.DataFrame:
    """One row per claim in words: the verdict on the whole of it, and how well that is known."""
    rows = [
        {"claim": text, "source": group["source"].iloc[0], "verdict": (whole := claim_verdict(group["verdict"]))}
        | {"known": claim_grade(group["grade"]) if whole == UNDECIDED else CLEAR}
        for text, group in judged.groupby("text", sort=False)
    ]
    return pd.DataFrame(sorted(rows, key=lambda row: VERDICTS.index(row["verdict"])))


def claims(judged: pd.DataFrame) -> pd.DataFrame:
    """One row per statement that is tested for a claim, under the claim's words: effect with its 95 % interval, test, n and verdict."""
    first = ~judged.duplicated("text")
    return pd.DataFrame(
        {
            "claim": row["text"] if first[index] else "",
            "source": row["source"] if first[index] else "",
            "statement": f"as for {row['follows']}" if row["follows"] else row["statement"],
            "effect, 95 %": interval(row["effect"], row["low"], row["high"]),
            "test": row["test"] or NONE,
            "n": row["n"],
            "verdict": row["verdict"],
        }
        for index, row in judged.iterrows()
    )


def claim_evidence(judged: pd.DataFrame) -> pd.DataFrame:
    """One row per tested claim: the paper's own effect, the text's share of the standard error, p before and after Holm, remarks."""
    tested = judged[judged["follows"] == ""]
    return pd.DataFrame(
        {
            "evidence": row["contrast"],
            "paper": NONE if pd.isna(row["reported"]) else signed(row["reported"]),
            "text SE": spread(row["text_se"]),
            "p": p_value(row["p"]),
            "p, Holm": p_value(row["p_holm"]),
            "remarks": row["note"] or NONE,
        }
        for _, row in tested.iterrows()
    )
