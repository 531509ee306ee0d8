"""What a kind of positions gains over learned ones by the length of the windows, and what longer windows at test do. Needs no torch."""

from collections.abc import Mapping, Sequence

import pandas as pd

from tinylm.analysis import families, significance, summaries
from tinylm.analysis.summaries import Result
from tinylm.ledger import RunRecord
from tinylm.study import Planned, select

BASELINE = "learned"
KEYS = ["corpus", "length", "positions"]
TESTED = ["n", "gain", "low", "high", "p_alone", "p", "p_holm", "verdict"]
NAMES = {"contrast": "positions", "effect": "gain"}
Cell = tuple[str, int]  # a kind, and the windows of training; 0: the shortest, scored with longer ones
Cells = Mapping[str, Sequence[RunRecord]]


def corpora(found: Sequence[Result]) -> list[str]:
    """The texts of the runs by length, in the order of the plan."""
    return list(dict.fromkeys(result.run.spec.corpus for result in select(found, role="length")))


def by_length(found: Sequence[Result], corpus: str) -> dict[int, Cells]:
    """The finished records of a text by length, and then by kind of positions, of those that share a seed with learned ones."""
    lengths: dict[int, dict[str, Sequence[RunRecord]]] = {}
    for run, records in summaries.by_row(select(found, role="length", corpus=corpus)).items():
        lengths.setdefault(run.spec.model.context_length, {})[run.spec.model.position] = records
    return {length: cells for length, kinds in sorted(lengths.items()) if (cells := families.comparable(kinds, BASELINE))}


def gains(found: Sequence[Result]) -> pd.DataFrame:
    """One row per text, length and kind: how much lower its test NLL is than that of learned positions; a family each text and length."""
    frames = [
        families.gains(cells, BASELINE).assign(corpus=corpus, length=length)
        for corpus in corpora(found)
        for length, cells in by_length(found, corpus).items()
    ]
    return families.joined(frames, [*KEYS, *TESTED], NAMES)


def slopes(found: Sequence[Result]) -> pd.DataFrame:
    """One row per text and kind: by how much windows of twice the length raise that gain, as `families.slopes`."""
    frames = [families.slopes(by_length(found, corpus), BASELINE, times=2).assign(corpus=corpus) for corpus in corpora(found)]
    return families.joined(frames, ["corpus", "positions", "n", "gain", "low", "high", "p", "p_holm", "verdict"], NAMES)


def longer(found: Sequence[Result]) -> pd.DataFrame:
    """What windows longer than those of training lower the test NLL by: a row per text, kind, and length of training of the run beside it.

    Beside stand the windows it was trained with, and a model that was trained with the longer ones. The rows of a text are one family.
    """
    frames = []
    for corpus in dict.fromkeys(result.run.spec.corpus for result in select(found, role="longer")):
        trained = {_cell(run): records for run, records in summaries.by_row(select(found, role="length", corpus=corpus)).items()}
        cells: dict[Cell, Sequence[RunRecord]] = {}
        contrasts: dict[Cell, dict[Cell, float]] = {}
        for run, records in summaries.by_row(select(found, role="longer", corpus=corpus)).items():
            kind, trained_with = _cell(run)
            cells[kind, 0] = records
            for length in (trained_with, run.spec.train.eval_context):
                beside = trained.get((kind, length))
                if beside and significance.common_seeds(records, beside):
                    cells[kind, length] = beside
                    contrasts[kind, length] = {(kind, length): 1.0, (kind, 0): -1.0}
        if contrasts:
            shortest = min(length for _, length in trained)
            spread = families.paired_variance(cells, lambda cell, shortest=shortest: cell[1] or shortest)  # windows of training
            frame = families.family(cells, contrasts, spread)
            kinds, against = zip(*frame["contrast"], strict=True)
            frames.append(frame.assign(corpus=corpus, length=against, contrast=kinds))
    return families.joined(frames, [*KEYS, *TESTED], NAMES)


def _cell(run: Planned) -> Cell:
    return run.spec.model.position, run.spec.model.context_length
