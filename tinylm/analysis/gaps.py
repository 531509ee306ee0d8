"""What the MLP lacks to attention, and learned positions to rotary ones, by text and by length of the context. Needs no torch.

A gap is the test NLL of the first minus that of the second, over the seeds that both have. Its noise of seeds is that of all rows of a
family, less what a seed does to both models alike on one text or with one length.
"""

from collections.abc import Hashable, Mapping, Sequence

import numpy as np
import pandas as pd

from tinylm.analysis import families, significance, summaries
from tinylm.analysis.significance import Estimate
from tinylm.analysis.summaries import Result
from tinylm.ledger import RunRecord
from tinylm.study import Planned, select
from tinylm.study.factorial import ROLE as FACTORIAL
from tinylm.study.titles import ATTENTION, LEARNED, MLP, ROTARY

PAIRS = ((MLP, ATTENTION), (LEARNED, ROTARY))
TESTED = ["n", "gap", "low", "high", "p_alone", "p", "p_holm", "verdict"]
Text = tuple[str, int]  # a corpus, and how many of its first tokens are read (0: all)
Cells = Mapping[tuple[Hashable, str], Sequence[RunRecord]]  # by what is told apart, a text or a length, and by model
Contrasts = Mapping[Hashable, Mapping[tuple[Hashable, str], float]]


def by_text(found: Sequence[Result]) -> Cells:
    """The finished records of the larger budget by text and model, in the order of the plan."""
    rows = summaries.by_row(select(found, role="gap"))
    return {((run.spec.corpus, run.spec.train.train_tokens), run.rung): records for run, records in rows.items()}


def gaps(found: Sequence[Result]) -> pd.DataFrame:
    """One row per pair of models and text: the gap; where `than` is not zero, by how much it is larger than on so many first tokens.

    Each pair is a family of tests.
    """
    cells, frames = by_text(found), []
    texts: list[Text] = list(dict.fromkeys(text for text, _ in cells))
    parts = [(whole, part) for whole in texts for part in texts if whole[0] == part[0] and not whole[1] and part[1]]
    for first, second in PAIRS:
        contrasts = {(text, 0): _gap(text, first, second) for text in texts}
        contrasts |= {(whole, part[1]): _gap(whole, first, second) | _gap(part, second, first) for whole, part in parts}
        frame = _family(cells, contrasts, within=True)
        if len(frame):
            (whole, than) = zip(*frame["contrast"], strict=True)
            corpus, tokens = zip(*whole, strict=True)
            frames.append(frame.assign(first=first, second=second, corpus=corpus, tokens=tokens, than=than))
    return families.joined(frames, ["first", "second", "corpus", "tokens", "than", *TESTED], {"effect": "gap"})


def by_length(found: Sequence[Result], corpus: str) -> Cells:
    """The finished records of the smaller budget on a text by length of the context and model."""
    rows = summaries.by_row(select(found, role="context", corpus=corpus))
    return {(run.spec.model.context_length, run.rung): records for run, records in rows.items()}


def by_context(found: Sequence[Result]) -> pd.DataFrame:
    """One row per text and length of the context: what the MLP lacks to attention; each text is a family of tests."""
    frames = []
    for corpus in _corpora(found):
        cells = by_length(found, corpus)
        contrasts = {length: _gap(length, MLP, ATTENTION) for length in sorted({length for length, _ in cells})}
        frames.append(_family(cells, contrasts, within=True).assign(corpus=corpus))
    return families.joined(frames, ["corpus", "length", *TESTED], {"contrast": "length", "effect": "gap"})


def best_length(cells: Cells, model: str) -> int | None:
    """The length with the lowest mean valid NLL of a model; None where none is recorded."""
    valid = {length: np.mean([record.valid.nll for record in records]) for (length, name), records in cells.items() if name == model}
    return min(valid, key=lambda length: valid[length], default=None)


def more_flops(found: Sequence[Result]) -> pd.DataFrame:
    """One row per text and model (`against`): test NLL of the MLP of the larger budget minus that of the model with the smaller one.

    That model has the length of the context that is best on valid. All rows are one family, whose noise is all that of seeds: what a seed
    does at one budget it need not do at another.
    """
    cells = {((corpus, ""), MLP): records for ((corpus, tokens), model), records in by_text(found).items() if (tokens, model) == (0, MLP)}
    contrasts = {}
    for corpus in _corpora(found):
        smaller = by_length(found, corpus)
        for model in (ATTENTION, MLP):
            cells[(corpus, "smaller"), model] = smaller.get((best_length(smaller, model), model), [])
            contrasts[corpus, model] = {((corpus, ""), MLP): 1.0, ((corpus, "smaller"), model): -1.0}
    frame = _family(cells, contrasts, within=False)
    if len(frame):
        corpora, against = zip(*frame["contrast"], strict=True)
        frame = frame.assign(corpus=corpora, against=against)
    return families.joined([frame], ["corpus", "against", *TESTED], {"effect": "gap"})


def at_best(found: Sequence[Result]) -> pd.DataFrame:
    """One row per text: what the MLP lacks to attention at the smaller budget, each with the context that is best for it on valid.

    All rows are one family, whose noise is all that of seeds.
    """
    cells, contrasts = {}, {}
    for corpus in _corpora(found):
        smaller = by_length(found, corpus)
        best = tuple(best_length(smaller, model) for model in (MLP, ATTENTION))
        if None not in best:
            cells |= {(corpus, model): smaller[length, model] for model, length in zip((MLP, ATTENTION), best, strict=True)}
            contrasts[corpus] = _gap(corpus, MLP, ATTENTION)
    return families.joined([_family(cells, contrasts, within=False)], ["corpus", *TESTED], {"contrast": "corpus", "effect": "gap"})


def searched(found: Sequence[Result], cells: Sequence[Result]) -> tuple[Planned | None, dict[int, Estimate]]:
    """The best MLP without induction of a factorial on valid at the larger budget, and what it lacks to attention of each budget.

    Attention reads the same text, and has at the smaller budget the context that is best for it.
    """
    budgets = {run.budget for run in (one.run for one in select(found, role="gap"))}
    rows = summaries.by_row([one for one in select(cells, role=FACTORIAL, architecture=MLP) if one.run.budget in budgets])
    plain = {run: records for run, records in rows.items() if not run.spec.model.induction}
    run = min(plain, key=lambda one: np.mean([record.valid.nll for record in plain[one]]), default=None)
    if run is None:
        return None, {}
    smaller = by_length(found, run.spec.corpus)
    rivals = [by_text(found).get(((run.spec.corpus, 0), ATTENTION)), smaller.get((best_length(smaller, ATTENTION), ATTENTION))]
    kept = [records for records in rivals if records]
    return run, {records[0].spec.train.flops: significance.difference(plain[run], records) for records in kept}


def _corpora(found: Sequence[Result]) -> list[str]:
    return list(dict.fromkeys(result.run.spec.corpus for result in select(found, role="context")))


def _gap(where: Hashable, first: str, second: str) -> dict[tuple[Hashable, str], float]:
    return {(where, first): 1.0, (where, second): -1.0}


def _family(cells: Cells, contrasts: Contrasts, within: bool) -> pd.DataFrame:
    """The contrasts whose cells share a seed, as one family; `within`: of models on one text or with one length, whose seeds are alike."""
    tested = {name: weights for name, weights in contrasts.items() if _share_a_seed([cells.get(cell, []) for cell in weights])}
    used = {cell: cells[cell] for weights in tested.values() for cell in weights}
    return families.family(used, tested, families.paired_variance(used, lambda cell: cell[0]) if within else None)


def _share_a_seed(rows: Sequence[Sequence[RunRecord]]) -> bool:
    return bool(set.intersection(*({record.spec.seed for record in row} for row in rows)))
