"""Recorded runs -> what the same networks reach when their probabilities are mixed with those of counts. Needs no torch."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from tinylm import files
from tinylm.analysis import significance, summaries
from tinylm.analysis.significance import Estimate
from tinylm.analysis.summaries import Result
from tinylm.evaluation.probes import AVERAGES, GATED_MIXING, MIXING
from tinylm.ledger import RunRecord
from tinylm.study import Planned, select


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


def averaged(plan: Sequence[Planned], found: Sequence[Result]) -> pd.DataFrame:
    """One row per number of networks that are averaged and per budget of each, where one network of that recipe has cost as much.

    `test` is the mean NLL per character or word over all choices among the seeds, `sd` its spread over them, `n` their number;
    `one` the records of that one network. Choices share seeds, so that their spread is no error.
    """
    rows = []
    recipes = summaries.by_row(summaries.networks(select(found, role=["frontier", "vocabulary"])))
    networks = {(run.architecture, run.spec.corpus, run.budget): records for run, records in recipes.items()}
    for seeds in AVERAGES.subjects(plan):
        facts, run = AVERAGES.read(seeds, files.ledgers()), seeds[0]
        for size, nlls in facts["nlls"].items() if facts else ():
            one = networks.get((run.architecture, run.spec.corpus, int(size) * run.budget))
            if int(size) > 1 and one:
                test = np.array(nlls["test"]) * one[0].test.nll_per_character / one[0].test.nll
                row = {
                    "architecture": run.architecture,
                    "budget": run.budget,
                    "size": int(size),
                    "corpus": run.spec.corpus,
                    "test": test.mean(),
                    "n": len(test),
                }
                rows.append(row | {"sd": test.std(ddof=min(1, len(test) - 1)), "one": one})
    return pd.DataFrame(rows, columns=["architecture", "corpus", "budget", "size", "test", "sd", "n", "one"])


def best_counts(results: Iterable[Result]) -> Result | None:
    """The counts of the results that are best on valid; None without any."""
    return min(summaries.counts(results), key=lambda result: result.record.valid.nll, default=None)


def share(records: Iterable[RunRecord], results: Iterable[Result]) -> float:
    """The mean weight of the network in mixtures."""
    keys = {record.spec.key for record in records}
    return float(np.mean([MIXING.read(result.run, files.ledgers())["weight"] for result in results if result.record.spec.key in keys]))


def against_counts(results: Sequence[Result], architecture: str) -> dict[Planned, Estimate]:
    """The test NLL of an architecture's rows of several seeds minus that of the best counts of the results, by rising budget."""
    counts = best_counts(results)
    rows = {run: records for run, records in summaries.by_row(select(results, architecture=architecture)).items() if len(records) > 1}
    rising = sorted(rows, key=lambda run: run.budget)
    return {run: significance.difference(rows[run], [counts.record]) for run in rising} if counts else {}
