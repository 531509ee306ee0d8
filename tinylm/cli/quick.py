"""`train --quick` and `train --mix`: counts of the text beside its networks, and at the end both mixed."""

import contextlib
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinylm import data, ledger
from tinylm.analysis import pilots
from tinylm.cli.common import UsageError, relative
from tinylm.config import RunSpec, TinylmError
from tinylm.config.shown import short
from tinylm.evaluation import pretrained
from tinylm.ledger import RunRecord
from tinylm.study import Planned, recipes, single

if TYPE_CHECKING:
    from tinylm.evaluation.scoring import TextScore

QUICKLY_COUNTED = 2_000_000  # tokens: in some seconds


@dataclass(frozen=True, kw_only=True)
class Mixed:
    """A network mixed with counts: the run, its record, the mixture's key, file and weights, its scores, and what mixing took.

    `beside` says what the network is mixed with. `valid_nll` is that of the tokens that the weights were fitted to.
    """

    run: Planned
    record: RunRecord
    beside: str
    key: str
    file: Path
    weights: list[float]
    valid_nll: float
    test: "TextScore"
    seconds: float

    @property
    def test_se(self) -> float | None:
        """The standard error of the test NLL; None of a text too short for one."""
        return None if math.isnan(self.test.se) else self.test.se

    def row(self, label: str) -> list[str]:
        """A row under OUTCOME, the network being called so."""
        error = "" if self.test_se is None else f" +- {self.test_se:.4f}"
        scores = [f"{self.valid_nll:.4f}", f"{self.test.nll:.4f}{error}", f"{self.test.perplexity:.4g}"]
        costs = ["-", "-", short(self.record.flops)]
        return [f"{label}, with {self.beside}", str(self.run.spec.seed), *costs, *scores, f"{self.seconds:.0f}", "mixed", self.key]

    def facts(self) -> dict[str, Any]:
        """What is printed as JSON."""
        scores = {"valid_nll": self.valid_nll, "test_nll": self.test.nll, "test_se": self.test_se}
        return {
            "network": self.run.spec.key,
            "beside": self.beside,
            "key": self.key,
            "file": relative(self.file),
            "weights": self.weights,
        } | scores


def counts_beside(planned: Sequence[Planned]) -> list[Planned]:
    """The counts of the runs' text and a network that weighs them, as far as the text is long enough for them.

    None where counts are asked for, and where counting takes long.
    """
    corpus, beside = planned[0].spec.corpus, []
    if any(_is_counted(run) for run in planned) or data.info(corpus).n_tokens["train"] > QUICKLY_COUNTED:
        return []
    with contextlib.suppress(TinylmError):
        beside.append(single.of_recipe(single.COUNTS, corpus))
        flops = recipes.modest_budget(pilots.GATED, corpus, pilots.GATED_FLOPS)
        beside.append(single.of_recipe(pilots.GATED, corpus, flops=flops))
    return beside


def _is_counted(run: Planned) -> bool:
    """Whether a run is of counts, plain or gated."""
    return run.spec.is_counts or run.spec.model.kind == pilots.GATED


def counts_to_mix(planned: Sequence[Planned], recipe: str) -> list[Planned]:
    """The counts that the networks are to be mixed with: those of a recipe.

    UsageError where no network is trained, TinylmError where the text has no such counts.
    """
    if all(map(_is_counted, planned)):
        raise UsageError("--mix needs a network to mix the counts with: also give --recipe transformer, or a --model")
    budget = {} if recipe == single.COUNTS else {"flops": pilots.GATED_FLOPS}
    return [single.of_recipe(recipe, planned[0].spec.corpus, protocol=None if recipe == single.COUNTS else single.FULL, **budget)]


def recorded_counts(corpus: str) -> RunSpec | None:
    """The counts of a text that are recorded, as its recipe has them; None where they are not."""
    with contextlib.suppress(TinylmError):
        spec = single.of_recipe(single.COUNTS, corpus).spec
        return spec if ledger.known().find(spec) else None
    return None


def mixtures(planned: Sequence[Planned], records: Mapping[str, RunRecord], data_dir: Path | None) -> Iterator[Mixed]:
    """Each network whose weights are here mixed with the counts, plain and gated, and saved; none while a run is left, or without counts.

    On all that is scored of valid, so that a mixture is no worse there than any of its parts.
    """
    counted = [run for run in planned if _is_counted(run)]
    if not counted or any(run.spec.key not in records for run in planned):
        return
    from tinylm.evaluation import loading, mixture  # torch is loaded only by the commands that compute

    beside = " and ".join("counts" if run.spec.is_counts else "gated counts" for run in counted)
    for run in planned:
        record = records[run.spec.key]
        if run in counted or record.diverged or run.spec.key not in pretrained.at_hand():
            continue
        started, corpus = time.perf_counter(), data.load(run.spec.corpus, data_dir)
        models = [loading.load(one.spec.key, data_dir) for one in (*counted, run)]
        both = mixture.fitted(models, corpus.valid, counted[0].spec)
        test = both.score(corpus)
        said: dict[str, Any] = {
            "run": run,
            "record": record,
            "beside": beside,
            "key": both.key,
            "file": both.save(),
            "weights": both.weights.tolist(),
        }
        yield Mixed(**said, valid_nll=both.fitted_nll, test=test, seconds=time.perf_counter() - started)
