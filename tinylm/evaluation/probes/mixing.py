"""Do networks and counts know different things? Each trained run mixed with the tuned counts of its text.

One JSON per run beside its record, so that the report shows it without weights or torch.
"""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from tinylm import data
from tinylm.config import GatedCountsConfig
from tinylm.config.interrupts import uninterrupted
from tinylm.config.scored import least_context, scored_range
from tinylm.data import statistics
from tinylm.evaluation import counts, pretrained
from tinylm.evaluation.probes.probe import RunProbe
from tinylm.ledger import Score
from tinylm.ledger.scores import summarise
from tinylm.models import mixing
from tinylm.study import Planned, recipes, select
from tinylm.study.factorial import ROLE as FACTORIAL


class Mixing(RunProbe):
    """The score of a network whose probabilities are added to those of the tuned counts, by one weight that is fitted to valid.

    The network's own NLL stands beside it, from the same weights.
    """

    folder = "mixing"
    title = "mixtures with counts"
    is_costly = True

    def subjects(self, plan: Sequence[Planned], corpora: Sequence[str] = ()) -> list[Planned]:
        """The recipes and the cells of the factorial whose text has tuned counts that are scored on the same tokens."""
        rivals = {run.spec.corpus: scored_range(run.spec, 10**9) for run in select(plan, role="tuned")}
        found = select(plan, role=["frontier", "purchase", FACTORIAL])
        found = [run for run in found if not isinstance(run.spec.model, GatedCountsConfig)]  # which mix counts already
        return [run for run in found if rivals.get(data.source(run.spec.corpus)) == scored_range(run.spec, 10**9)]

    def is_possible(self, subject: Planned, data_dir: Path | None) -> bool:
        texts = (subject.spec.corpus, data.source(subject.spec.corpus))
        return subject.spec.key in pretrained.at_hand() and all(data.available(text, data_dir) for text in texts)

    def measure(self, subject: Planned, data_dir: Path | None) -> dict[str, Any]:
        with uninterrupted():
            import torch  # loaded only where a network is scored

            from tinylm.evaluation import generate, nlls

        spec, corpus = subject.spec, data.load(subject.spec.corpus, data_dir)
        text = data.load(data.source(spec.corpus), data_dir)
        counting = recipes.counted(text.info.name, recipes.tuned_counts(text.info.name))
        model, counted = generate.load_model(spec, corpus, pretrained.at_hand()[spec.key]), counts.fit(counting, text, data_dir)
        probs = {}
        for split in ("valid", "test"):
            ids = corpus.split(split)
            each = [nlls.token_nlls(model, torch.from_numpy(ids.astype(np.int32)), spec), counted.token_nlls(ids, spec)]
            probs[split] = np.exp(-np.stack(each, axis=1, dtype=np.float64))
        weights = mixing.fit(probs["valid"])
        facts = {"key": spec.key, "counts": counting.key, "weight": float(weights[0])}
        facts |= {"network": {split: float(-np.log(found[:, 0]).mean()) for split, found in probs.items()}}
        for split, found in probs.items():
            classes = statistics.token_classes(corpus, split)
            scored = summarise(spec, split, -np.log(found @ weights), least_context(spec), spec.train.eval_stride, classes)
            facts[split] = asdict(scored)
        return facts

    def scores(self, subject: Planned, folders: Sequence[Path]) -> dict[str, Score] | None:
        """The scores of the mixture by split; None where none is recorded."""
        facts = self.read(subject, folders)
        return facts and {split: Score(**facts[split]) for split in ("valid", "test")}


MIXING = Mixing()
