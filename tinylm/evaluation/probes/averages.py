"""Averages of seeds: networks of one recipe that differ in their seed, and predict together with the mean of their probabilities.

One JSON per row of the study beside its records, so that the report shows it without weights or torch.
"""

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tinylm import data
from tinylm.config.interrupts import uninterrupted
from tinylm.config.scored import scored_range
from tinylm.evaluation import pretrained
from tinylm.evaluation.probes.probe import Probe
from tinylm.study import Planned, select

Row = tuple[Planned, ...]  # the seeds of one row of a table


class Averages(Probe[Row]):
    """The NLL of each network of a row, and of the average of every two, three and more of them."""

    folder = "averages"
    title = "averages of seeds"
    is_costly = True

    def subjects(self, plan: Sequence[Planned], corpora: Sequence[str] = ()) -> list[Row]:
        """The networks' rows of the frontier, of characters and of subwords, that have two seeds or more."""
        rows: dict[Planned, list[Planned]] = {}
        for run in select(plan, role=["frontier", "vocabulary"]):
            if not run.spec.is_counts:
                rows.setdefault(run.row, []).append(run)
        return [tuple(runs) for runs in rows.values() if len(runs) > 1]

    def name(self, subject: Row) -> str:
        return subject[0].name

    def key(self, subject: Row) -> str:
        return subject[0].spec.key

    def is_possible(self, subject: Row, data_dir: Path | None) -> bool:
        here = pretrained.at_hand()
        return all(run.spec.key in here for run in subject) and data.available(subject[0].spec.corpus, data_dir)

    def is_current(self, subject: Row, facts: dict[str, Any]) -> bool:
        return facts.get("keys") == [run.spec.key for run in subject]

    def measure(self, subject: Row, data_dir: Path | None) -> dict[str, Any]:
        with uninterrupted():
            import torch  # loaded only where a network is scored

            from tinylm.evaluation import generate, nlls

        corpus, here, by_size = data.load(subject[0].spec.corpus, data_dir), pretrained.at_hand(), {}
        models = [(run.spec, generate.load_model(run.spec, corpus, here[run.spec.key])) for run in subject]
        for split in ("valid", "test"):
            ids = corpus.split(split)
            tokens = torch.from_numpy(ids[: scored_range(subject[0].spec, len(ids)).stop].astype(np.int32))
            probs = np.exp(-np.stack([nlls.token_nlls(model, tokens, spec) for spec, model in models], dtype=np.float64))
            for size in range(1, len(models) + 1):
                of_size = by_size.setdefault(str(size), {})
                of_size[split] = [_nll(probs[list(some)]) for some in itertools.combinations(range(len(models)), size)]
        return {"keys": [run.spec.key for run in subject], "nlls": by_size}


def _nll(probs: np.ndarray) -> float:
    """Of the mean of some probabilities (k, N) of the tokens that came."""
    return float(-np.log(probs.mean(0)).mean())


AVERAGES = Averages()
