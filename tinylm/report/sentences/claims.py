"""Records -> sentences on claims and expectations."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from tinylm.analysis import summaries
from tinylm.analysis.claim_list import Expectation
from tinylm.analysis.claims import DECIDED, UNDECIDED, VERDICTS, whole_verdicts
from tinylm.analysis.numbers import power, signed
from tinylm.analysis.summaries import Result
from tinylm.ledger import RunRecord
from tinylm.report.sentences.phrases import mean, records_of
from tinylm.study import select


def buried(found: Sequence[Result]) -> str:
    """How the study's MLP compares once it is trained on, and the sister project's best model with the study's."""
    baselines = summaries.by_row(select(found, section="architectures", role="baseline"))
    longer = records_of(select(found, role="long", architecture="MLP"))
    transformer = [record for run, records in baselines.items() if run.architecture == "Transformer" for record in records]
    told = [_trained_on(longer, transformer)] if longer and transformer else []
    sister = summaries.by_row(select(found, section="claims", role="sister"))
    if sister and baselines:
        run, records = min(sister.items(), key=lambda item: mean(item[1], "valid"))
        order = "below" if mean(records, "test") < min(mean(study, "test") for study in baselines.values()) else "not below"
        told.append(
            f"On the same slice {run.name}, on valid the best of the sister project's models that were trained here, has "
            f"{mean(records, 'test'):.3f} for {power(records[0].flops)} FLOPs (n = {len(records)}), {order} every network of the study."
        )
    return " ".join(told)


def _trained_on(mlp: Sequence[RunRecord], transformer: Sequence[RunRecord]) -> str:
    """The valid NLL of the two at each validation of the second that both have paid for, and their test NLL."""
    first, last = summaries.spent(mlp[0], "flops")[[0, -1]]
    shared = [cost for cost in summaries.spent(transformer[0], "flops") if first <= cost <= last]
    gaps = [
        np.mean([summaries.best_valid_at(r, c, "flops") for r in mlp])
        - np.mean([summaries.best_valid_at(r, c, "flops") for r in transformer])
        for c in shared
    ]
    below = sum(gap < 0 for gap in gaps)
    return (
        f"Trained longer, the study's MLP has a lower valid NLL than its Transformer at {below} of the {len(gaps)} executed costs that can "
        f"be compared. On the test slice only their ends can be, at unequal costs: the MLP {mean(mlp, 'test'):.3f} "
        f"({power(mlp[0].flops)} FLOPs), the Transformer {mean(transformer, 'test'):.3f} ({power(transformer[0].flops)})."
    )


def claims(judged: pd.DataFrame) -> str:
    """How many effects of each source have which verdict, which claims are decided, and which single effects of undecided ones."""
    tested = judged[judged["follows"] == ""]
    n_tested = int(tested["p"].notna().sum())
    tally = "; ".join(f"{source}: {_verdicts(rows)}" for source, rows in tested.groupby("source", sort=False))
    parts = [f"Of {len(tested)} claimed effects {n_tested} are tested; the others wait for runs or seeds. By source, {tally}."]
    whole = whole_verdicts(judged)
    parts += [f"**{verdict.capitalize()}:** {'; '.join(whole.index[whole == verdict])}." for verdict in DECIDED if (whole == verdict).any()]
    still_open = tested[tested["text"].map(whole) == UNDECIDED]
    for verdict in DECIDED:
        contrasts = still_open.loc[still_open["verdict"] == verdict, "contrast"]
        if not contrasts.empty:
            parts.append(f"Of claims that are undecided as a whole, {verdict} in part: {'; '.join(contrasts)}.")
    return " ".join(parts)


def expectations(judged: pd.DataFrame, expected: Sequence[Expectation]) -> str:
    """Which expectations hold in the mean effects of judged claims, and which do not; those without records are left out."""
    held: dict[bool, list[str]] = {True: [], False: []}
    for one in expected:
        rows = judged[judged["contrast"].isin([claim.contrast for claim in one.claims])]
        if len(rows) and rows["effect"].notna().all():
            held[one.holds(rows)].append(one.text)
    told = [f"As expected, in the means of the effects: {'; '.join(held[True])}."] if held[True] else []
    told += [f"Also expected, and not found: {'; '.join(held[False])}."] if held[False] else []
    return " ".join(told)


def _verdicts(rows: pd.DataFrame) -> str:
    counts = rows["verdict"].value_counts()
    return ", ".join(f"{counts.get(verdict, 0)} {verdict}" for verdict in VERDICTS)


def turning(found: Sequence[Result]) -> str:
    """At which budget the order of the longest and the shortest context of the long Linear runs turns, seed by seed."""
    groups = summaries.by_row(select(found, role="long", architecture="Linear"))
    ordered = sorted(groups, key=lambda run: run.spec.model.context_length)
    if len(ordered) < 2:
        return "The long Linear runs, which would show at which budget the order of the context lengths turns, are not recorded yet."
    shortest, longest = ordered[0], ordered[-1]
    short, long = groups[shortest], groups[longest]
    best = {run: np.mean([_best_so_far(record) for record in groups[run]], axis=0) for run in ordered}
    first, last = (min(best, key=lambda run: best[run][i]) for i in (0, -1))
    partners = {record.spec.seed: record for record in short}
    pairs = [(record, partners[record.spec.seed]) for record in long if record.spec.seed in partners]
    turns = [_first_below(_best_so_far(a), _best_so_far(b)) for a, b in pairs]
    epochs = [turn for turn in turns if turn is not None]
    text = (
        f"After the first of {len(best[first])} epochs {first.name} has the lowest mean valid NLL ({best[first][0]:.4f}), after the last "
        f"{last.name} ({best[last][-1]:.4f}). {longest.name} falls below {shortest.name} at equal updates in {len(epochs)} of {len(pairs)} "
        "seeds"
    )
    if not epochs:
        return f"{text}; at the end it is at {signed(float(best[longest][-1] - best[shortest][-1]))} from it."
    epoch = int(np.median(epochs))
    costs = " and ".join(power(group[0].curve[epoch - 1]["flops"]) for group in (long, short))
    return f"{text}, first after epoch {epoch} (median), when the two have cost {costs} executed FLOPs."


def _best_so_far(record: RunRecord) -> np.ndarray:
    return np.minimum.accumulate([point["valid_nll"] for point in record.curve])


def _first_below(first: np.ndarray, second: np.ndarray) -> int | None:
    """The first epoch from which on `first` stays below `second`; None where it does not end below."""
    above = np.flatnonzero(first >= second)
    epoch = int(above[-1]) + 2 if len(above) else 1
    return epoch if epoch <= len(first) else None
