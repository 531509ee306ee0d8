"""Statistics of records: seeds measure training noise, blocks of test text measure test noise."""

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from tinylm import data, study
from tinylm.analysis import text_noise
from tinylm.analysis.text_noise import Part
from tinylm.config import RunSpec, TinylmError, scored
from tinylm.ledger import RunRecord, Score
from tinylm.study import Planned, titles

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ["run", "name", "n", "n_params", "test_nll", "seed_sd", "test_se", "valid_nll", "flops", "flops_textbook", "flops_2nd", "seconds"]


class DifferentTokens(TinylmError):
    """Runs whose losses cannot be subtracted."""


@dataclass(frozen=True)
class Result:
    """A finished run: what it is in the study, and its record."""

    run: Planned
    record: RunRecord


def called(name: str, result: Result) -> Result:
    """The result under another name of its run."""
    return Result(replace(result.run, name=name), result.record)


def by_row(results: Iterable[Result]) -> dict[Planned, list[RunRecord]]:
    """The finished records of each row of a table, its seeds, in the order of first appearance; diverged runs are left out."""
    groups: dict[Planned, list[RunRecord]] = {}
    for result in results:
        if result.record.test is not None:
            groups.setdefault(result.run.row, []).append(result.record)
    return groups


def networks(results: Iterable[Result]) -> list[Result]:
    """The results of trained models."""
    return [result for result in results if not result.record.spec.is_counts]


def counts(results: Iterable[Result]) -> list[Result]:
    """The results of n-gram counts."""
    return [result for result in results if result.record.spec.is_counts]


def summary(results: Sequence[Result]) -> "pd.DataFrame":
    """One line per row: `run`, name, n, mean test and valid NLL, seed SD (NaN below n = 2), the text's SE of the test, and the costs."""
    rows = []
    for run, records in by_row(results).items():
        test = np.array([record.test.nll for record in records])
        rows.append(
            {
                "run": run,
                "name": run.name,
                "n": len(records),
                "n_params": records[0].n_params,
                "test_nll": test.mean(),
                "seed_sd": test.std(ddof=1) if len(test) > 1 else np.nan,
                "test_se": np.sqrt(text_part(mean_blocks(records), records).variance),
                "valid_nll": np.mean([record.valid.nll for record in records]),
                "flops": records[0].flops,
                "flops_textbook": records[0].flops_textbook,
                "flops_2nd": records[0].flops_2nd,
                "seconds": np.mean([record.seconds for record in records]),
            }
        )
    import pandas as pd  # only where a table is made: it takes a quarter of a second

    return pd.DataFrame(rows, columns=COLUMNS)


def half_width(values: Sequence[float], confidence: float = 0.95) -> float:
    """Half width of Student's t interval of the mean; NaN below two values."""
    n = len(values)
    if n < 2:
        return float("nan")
    return float(special.stdtrit(n - 1, 0.5 + confidence / 2) * np.std(values, ddof=1) / np.sqrt(n))


def single_run_half_width(values: Sequence[float], confidence: float = 0.95) -> float:
    """Half width of the interval around the mean of these runs in which one more run should fall (Student's t); NaN below two values."""
    return half_width(values, confidence) * float(np.sqrt(len(values) + 1))


def best_counts(records: Iterable[RunRecord], like: RunRecord, cache: int = 0) -> RunRecord | None:
    """The n-gram record with the lowest valid NLL of those scored on the same tokens as another record; None where there is none.

    Only those with a cache of at most `cache` tokens are taken.
    """
    counts = (r for r in records if r.spec.is_counts and r.spec.model.cache <= cache and same_tokens(r, like))
    return min(counts, key=lambda record: record.valid.nll, default=None)


def rivals(records: Sequence[RunRecord], like: RunRecord) -> tuple[RunRecord | None, RunRecord | None]:
    """The best plain counts for a network's record, and the best of those whose cache is at most as long as its window."""
    return best_counts(records, like), best_counts(records, like, like.spec.model.context_length)


def same_tokens(first: RunRecord, second: RunRecord) -> bool:
    """Whether both runs were scored on the same tokens of the same text, valid and test; not where one has no score."""
    if not all(score for record in (first, second) for score in (record.valid, record.test)):
        return False
    ranges = [[(score.start, score.n_tokens) for score in (record.valid, record.test)] for record in (first, second)]
    return _held_out(first) == _held_out(second) and ranges[0] == ranges[1]


def _held_out(record: RunRecord) -> str:
    """Which text the record was scored on: that of its corpus's name, unless it was made from another text, or from one not here."""
    with contextlib.suppress(data.DataError):
        info = data.info(record.spec.corpus)
        if record.corpus_sha256 == info.sha256:
            return info.held_out
    return record.spec.corpus + record.corpus_sha256


def on_common_tokens(first: Sequence[RunRecord], second: Sequence[RunRecord]) -> tuple[list[RunRecord], list[RunRecord]]:
    """The records with their scores cut to the leading blocks that all of them have; DifferentTokens where they do not begin alike."""
    records = [*first, *second]
    if len({_held_out(record) for record in records}) > 1:
        corpora = " and ".join(dict.fromkeys(record.spec.corpus for record in records))
        raise DifferentTokens(f"the runs are scored on different texts, of {corpora}; compare runs of one corpus")
    if len({(score.start, score.block_size) for record in records for score in (record.valid, record.test)}) > 1:
        starts = " and ".join(f"{start:,}" for start in sorted({record.test.start for record in records}))
        raise DifferentTokens(f"the runs are scored from different tokens on, {starts}; {_rescored(records)}")
    if min(score.n_tokens for record in records for score in (record.valid, record.test)) < records[0].test.block_size and (
        len({(record.valid.n_tokens, record.test.n_tokens) for record in records}) > 1
    ):
        raise DifferentTokens(f"a run has scored fewer than {records[0].test.block_size} tokens; raise its eval_tokens")
    lengths = {split: {getattr(record, split).n_tokens for record in records} for split in ("valid", "test")}
    shortest = {split: min(found) for split, found in lengths.items() if len(found) > 1}
    cut = [replace(r, **{split: _cut(getattr(r, split), n) for split, n in shortest.items()}) for r in records]
    return cut[: len(first)], cut[len(first) :]


def _rescored(records: Sequence[RunRecord]) -> str:
    """Which run to train again so that all are scored from one token on: none of the study, whose records stay as they are.

    Their blocks of text cannot be cut to common tokens, since they do not begin together.
    """
    published = study.by_key()
    own = [record for record in records if record.spec.key not in published]
    fixed = [record.test.start for record in records if record.spec.key in published]
    start = max(fixed or [record.test.start for record in own])
    elsewhere = [record.spec for record in own if record.test.start != start]
    if not elsewhere or len(set(fixed)) > 1:
        return "compare runs whose records begin with the same token"
    spec = elsewhere[0]
    shorter = spec.train.loss_at == "last" and scored.eval_context(spec) > start and not spec.is_counts
    context = f"context_length={start} and " if shorter else ""
    return f"train {titles.run(spec)} again with {context}eval_start={start}"


def _cut(score: Score, n_tokens: int) -> Score:
    """A score of the whole blocks among its first tokens, of one at least."""
    blocks = score.blocks[: max(1, n_tokens // score.block_size)]
    se = float(np.sqrt(text_noise.of_blocks(np.array(blocks), np.full(len(blocks), score.block_size)).variance))
    return replace(score, nll=float(np.mean(blocks)), se=se, n_tokens=len(blocks) * score.block_size, blocks=blocks, parts={})


def copies(spec: RunSpec) -> bool:
    """Whether a model looks up what the text said before: by induction, a pointer, or counts with a cache."""
    return any(getattr(spec.model, name, None) for name in ("induction", "pointer", "cache"))


def block_sizes(score: Score) -> np.ndarray:
    """The tokens in each block of text of a score; the last may hold fewer."""
    sizes = np.full(len(score.blocks), score.block_size)
    sizes[-1] = score.n_tokens - score.block_size * (len(sizes) - 1)
    return sizes


def text_part(means: np.ndarray, records: Sequence[RunRecord], length: int = 0) -> Part:
    """The noise of the test text in a mean of blocks: `means` of the blocks that all the records have scored.

    They are merged into longer ones, of `length` tokens where it is given, else into blocks as long as the noise of these models needs.
    """
    sizes = block_sizes(records[0].test)
    return text_noise.of_blocks(*text_noise.merged(means, sizes, length or block_length(means, records)))


def block_length(means: np.ndarray, records: Sequence[RunRecord]) -> int:
    """How many tokens of text count as one block in a mean over these records' blocks."""
    at_least = text_noise.COPYING if any(copies(record.spec) for record in records) else 0
    return text_noise.block_length(means, block_sizes(records[0].test), at_least)


def mean_blocks(records: Sequence[RunRecord]) -> np.ndarray:
    """Test NLL in each block of text, the mean over records of the same tokens."""
    return np.mean([record.test.blocks for record in records], axis=0)


def block_gaps(first: RunRecord, second: RunRecord) -> np.ndarray:
    """Test NLL of `first` minus `second` in each block of text; ValueError unless the tokens are the same."""
    if not same_tokens(first, second):
        raise ValueError("a paired difference needs the same scored tokens")
    return np.array(first.test.blocks) - np.array(second.test.blocks)


def paired_difference(first: RunRecord, second: RunRecord) -> tuple[float, float]:
    """Mean test NLL of `first` minus `second` and the text's standard error, both on the same scored tokens.

    Pairing by block of text takes out the text's own difficulty, which both models share.
    """
    gaps = block_gaps(first, second)
    error = np.sqrt(text_part(gaps, [first, second]).variance)
    return float(np.average(gaps, weights=block_sizes(first.test))), float(error)


def spent(record: RunRecord, convention: str) -> np.ndarray:
    """Cumulative training FLOPs at each validation, counted as `flops` (executed) or `flops_textbook`, which is in proportion."""
    return np.array([point["flops"] for point in record.curve]) * (getattr(record, convention) / record.flops)


def best_valid_at(record: RunRecord, budget: float, convention: str) -> float:
    """The best valid NLL that a run has reached for a budget, between validations interpolated in log FLOPs.

    Before the first validation it is that of the first one, a bound in the run's favour; beyond the last that of the whole run.
    """
    best = np.minimum.accumulate([point["valid_nll"] for point in record.curve])
    return float(np.interp(np.log(budget), np.log(spent(record, convention)), best))
