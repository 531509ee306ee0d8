"""Retrain a sample of the ledger on this machine and compare: equal bits on the same stack, else inside a band measured from seeds."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tinylm import data, files, ledger, study
from tinylm.analysis import summaries
from tinylm.analysis.summaries import Result
from tinylm.config import TinylmError
from tinylm.ledger import RunRecord
from tinylm.study import Planned
from tinylm.training import forecast, machine, pool

CONFIDENCE = 0.99


class VerifyError(TinylmError):
    """A live check that could not be finished."""


@dataclass(frozen=True)
class Comparison:
    """A recorded test NLL, the retrained one, and the half width of the band that seeds allow."""

    name: str
    corpus: str
    recorded: float
    retrained: float
    band: float

    @property
    def agrees(self) -> bool:
        """Whether the difference is inside the band."""
        return abs(self.retrained - self.recorded) <= self.band

    def __str__(self) -> str:
        gap = self.retrained - self.recorded
        verdict = (
            "same value" if gap == 0 else f"differs by {gap:+.4f}, {'inside' if self.agrees else 'OUTSIDE'} the band of {self.band:.4f}"
        )
        return f"{self.name} on {self.corpus}: recorded {self.recorded:.4f}, retrained {self.retrained:.4f}: {verdict}"


def sample(minutes: float, settings: machine.Settings) -> list[Planned]:
    """The cheapest recorded runs, one seed each, whose corpora are at hand and which fit in the time on this machine."""
    found = ledger.Ledger([files.LEDGER])
    budget = minutes * 60 * forecast.expected_speed(settings)
    networks = [r for r in study.plan("full") if r.spec.seed == 0 and not r.spec.is_counts]
    runs = [r for r in networks if (record := found.find(r.spec)) is not None and record.test is not None]
    usable = [r for r in runs if data.available(r.spec.corpus, settings.data_dir)]
    chosen: list[Planned] = []
    for run in sorted(usable, key=lambda run: run.cost.flops):
        budget -= run.cost.flops
        if budget >= 0:
            chosen.append(run)
    return chosen


def compare(runs: Sequence[Planned], settings: machine.Settings) -> list[Comparison]:
    """Retrain the runs into `settings.folder` and compare each with its record; VerifyError unless all of them were retrained."""
    found = ledger.Ledger([files.LEDGER])
    everything = [Result(r, record) for r in study.plan("full") if (record := found.find(r.spec)) is not None]
    groups = summaries.by_row(summaries.networks(everything))
    retrained: list[tuple[Planned, RunRecord]] = []
    left = pool.train_all(runs, settings, lambda run, record: retrained.append((run, record)))
    if left:
        raise VerifyError(f"the live check is not finished: {len(left)} of {len(runs)} runs were stopped or failed; repeat it")
    return [_comparison(run, found.find(run.spec), record, groups) for run, record in retrained]


def _comparison(run: Planned, recorded: RunRecord, retrained: RunRecord, groups: dict[Planned, list[RunRecord]]) -> Comparison:
    bands = {row: prediction_half_width([r.test.nll for r in records]) for row, records in groups.items()}
    known = [band for band in bands.values() if not math.isnan(band)]
    band = bands[run.row]
    if math.isnan(band):  # one seed only: the widest band that was measured
        band = max(known, default=float("nan"))
    nll = retrained.test.nll if retrained.test else float("nan")
    # A record keeps 7 digits.
    return Comparison(f"{run.section}: {run.name}", run.spec.corpus, recorded.test.nll, float(f"{nll:.7g}"), band)


def prediction_half_width(values: Sequence[float]) -> float:
    """Half width of the 99 % interval in which one more run falls (Student's t), NaN below three values."""
    return summaries.single_run_half_width(values, CONFIDENCE) if len(values) >= 3 else float("nan")
