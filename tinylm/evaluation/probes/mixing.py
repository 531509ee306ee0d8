"""Do networks and counts know different things? Each trained run mixed with the tuned counts of its text, and with gated counts.

One JSON per run and kind of counts beside its record, so that the report shows it without weights or torch.
"""

import functools
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from tinylm import data, study
from tinylm.config import RunSpec
from tinylm.config.interrupts import uninterrupted
from tinylm.config.scored import least_context, scored_from, scored_range
from tinylm.data import statistics
from tinylm.evaluation import pretrained
from tinylm.evaluation.loading import load
from tinylm.evaluation.probes.probe import RunProbe
from tinylm.flops import run_cost
from tinylm.ledger import Score
from tinylm.ledger.scores import summarise
from tinylm.models import mixing
from tinylm.study import Planned, recipes, select
from tinylm.study.factorial import ROLE as FACTORIAL
from tinylm.study.teachers import ROLE as TAUGHT


class Mixing(RunProbe):
    """The score of a network whose probabilities are added to those of the tuned counts, by one weight that is fitted to valid.

    The network's own NLL stands beside it, from the same weights.
    """

    folder = "mixing"
    title = "mixtures with counts"
    is_costly = True
    roles = ("frontier", "purchase", TAUGHT, FACTORIAL)

    def subjects(self, plan: Sequence[Planned], corpora: Sequence[str] = ()) -> list[Planned]:
        """The runs of these roles whose text has tuned counts that are scored on the same tokens."""
        rivals = {run.spec.corpus: scored_range(run.spec, 10**9) for run in select(plan, role="tuned")}
        found = select(plan, role=list(self.roles))
        return [run for run in found if rivals.get(data.source(run.spec.corpus)) == scored_range(run.spec, 10**9)]

    def partner(self, subject: Planned) -> RunSpec:
        """The counts that a run is mixed with."""
        text = data.source(subject.spec.corpus)
        return recipes.counted(text, recipes.tuned_counts(text))

    def flops(self, subject: Planned) -> int:
        """What training the counts costs beside the network: nothing, but for gated ones."""
        partner = self.partner(subject)
        return 0 if partner.is_counts else run_cost(partner, data.info(partner.corpus)).flops

    def is_possible(self, subject: Planned, data_dir: Path | None) -> bool:
        both, here = (subject.spec, self.partner(subject)), pretrained.at_hand()
        return all(spec.is_counts or spec.key in here for spec in both) and all(data.available(spec.corpus, data_dir) for spec in both)

    def measure(self, subject: Planned, data_dir: Path | None) -> dict[str, Any]:
        with uninterrupted():
            import torch  # loaded only where a network is scored

            from tinylm.evaluation import counts, generate, nlls

        spec, partner, corpus = subject.spec, self.partner(subject), data.load(subject.spec.corpus, data_dir)
        text = data.load(partner.corpus, data_dir)
        model = generate.load_model(spec, corpus, pretrained.at_hand()[spec.key])
        counted = counts.fit(partner, text, data_dir) if partner.is_counts else load(pretrained.at_hand()[partner.key], data_dir)
        probs = {}
        for split in ("valid", "test"):
            ids = corpus.split(split)
            scored = scored_range(spec, len(ids))
            each = [
                nlls.token_nlls(model, torch.from_numpy(ids.astype(np.int32)), spec),
                counted.token_nlls(ids[: scored.stop], scored_from(scored.start, partner)),
            ]
            probs[split] = np.exp(-np.stack(each, axis=1, dtype=np.float64))
        weights = mixing.fit(probs["valid"])
        facts = {"key": spec.key, "counts": partner.key, "weight": float(weights[0])}
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


class GatedMixing(Mixing):
    """The same with gated counts in the place of counts: those of the smallest budget and of the run's seed."""

    folder = "mixing_gated"
    title = "mixtures with gated counts"
    roles = ("frontier", "purchase", "timed")

    def subjects(self, plan: Sequence[Planned], corpora: Sequence[str] = ()) -> list[Planned]:
        return [run for run in super().subjects(plan, corpora) if _place(run) in _gated()]

    def partner(self, subject: Planned) -> RunSpec:
        return _gated()[_place(subject)]


def _place(run: Planned) -> tuple[str, int]:
    """The text and the seed of a run."""
    return data.source(run.spec.corpus), run.spec.seed


@functools.cache
def _gated() -> dict[tuple[str, int], RunSpec]:
    """The gated counts of the smallest budget, by text and seed."""
    planned = sorted(select(study.plan("full"), role="gated"), key=lambda run: -run.budget)
    return {_place(run): run.spec for run in planned}


MIXING, GATED_MIXING = Mixing(), GatedMixing()
