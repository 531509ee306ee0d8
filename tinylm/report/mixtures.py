"""Recorded runs -> what the same networks reach when their probabilities are mixed with those of counts. Needs no torch."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from tinylm import files
from tinylm.analysis import summaries
from tinylm.analysis.summaries import Result
from tinylm.evaluation.probes import GATED_MIXING, MIXING
from tinylm.ledger import RunRecord
from tinylm.study import Planned


def mixed(results: Iterable[Result], gated: bool = False) -> list[Result]:
    """The results whose networks were mixed with the tuned counts of their text, or with gated ones, with the scores of the mixtures.

    All else is the network's. Counting takes no FLOPs; those of gated counts are added. How the weight was chosen: `probes.mixing`.
    """
    probe = GATED_MIXING if gated else MIXING
    found = [(result, probe.scores(result.run, files.ledgers())) for result in results if not result.record.spec.is_counts]
    return [
        Result(result.run, replace(result.record, flops=result.record.flops + probe.flops(result.run), **scores))
        for result, scores in found
        if scores
    ]


def by_row(results: Sequence[Result], gated: bool = False) -> dict[Planned, tuple[list[RunRecord], list[RunRecord]]]:
    """The records of each row whose networks were mixed, and those of the mixtures, over the same seeds."""
    alone, together = summaries.by_row(results), summaries.by_row(mixed(results, gated))
    seeds = {run: {record.spec.seed for record in records} for run, records in together.items()}
    return {run: ([one for one in alone[run] if one.spec.seed in seeds[run]], records) for run, records in together.items()}


def best_counts(results: Iterable[Result]) -> Result | None:
    """The counts of the results that are best on valid; None without any."""
    return min(summaries.counts(results), key=lambda result: result.record.valid.nll, default=None)


def share(records: Iterable[RunRecord], results: Iterable[Result]) -> float:
    """The mean weight of the network in mixtures."""
    keys = {record.spec.key for record in records}
    return float(np.mean([MIXING.read(result.run, files.ledgers())["weight"] for result in results if result.record.spec.key in keys]))
