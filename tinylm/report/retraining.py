"""Retrain a sample of the ledger on this machine and compare: block by block with the same arithmetic, else within the spread of seeds."""

import math
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinylm import data, files, ledger, study
from tinylm.analysis import summaries
from tinylm.analysis.summaries import Result
from tinylm.config import RunSpec, TinylmError
from tinylm.ledger import RunRecord
from tinylm.study import Planned
from tinylm.training import executors, forecast, machine, pool
from tinylm.training.loop import Interrupted

CONFIDENCE = 0.99
# Nats, root mean square over blocks of test text. Another processor, narrower vectors, no oneDNN: the mean moves by 2e-6 at most.
# A learning rate 1.1 times as high moves the blocks by 0.005 to 0.04 (docs/LOG.md, 2026-11-28).
SAME_SEED = 0.005


REMEDY = (
    "Here this code trains otherwise than the code that made the records. Undo what `git status` and `git diff` show in tinylm/ and "
    "docs/ledger, install what requirements.txt names, repeat. If it stays, this machine computes otherwise: please report it."
)


class RetrainingError(TinylmError):
    """A retraining check that could not be finished."""


@dataclass(frozen=True)
class Comparison:
    """A recorded and a retrained test NLL, how far apart the runs are, how far they may be, and why just that far; nats."""

    name: str
    corpus: str
    recorded: float
    retrained: float
    apart: float
    band: float
    why: str

    @property
    def agrees(self) -> bool:
        """Whether the runs are no farther apart than the band allows; not where the retrained run has diverged."""
        return self.apart <= self.band

    def __str__(self) -> str:
        return (
            f"{self.name} on {self.corpus}: recorded {self.recorded:.4f}, retrained {self.retrained:.4f}; "
            f"{self.apart:.4f} apart, {'inside' if self.agrees else 'OUTSIDE'} the band of {self.band:.4f} ({self.why})"
        )


def sample(minutes: float, settings: machine.Settings) -> list[Planned]:
    """Recorded rows, one seed each in turn, whose corpora are at hand and which fit in the time on this machine.

    The cheapest row of each kind comes first, then the second of each, so that many rows of one kind leave room for the others. The first
    row has seed 1, the next seed 2, then 0 again where there are three: a seed that has no effect is noticed.
    """
    budget = minutes * 60 * forecast.expected_speed(settings)
    chosen: list[Planned] = []
    for number, seeds in enumerate(_in_turns(_rows(settings)), start=1):
        if seeds[0].cost.flops <= budget:
            budget -= seeds[0].cost.flops
            chosen.append(seeds[number % len(seeds)])
    return chosen


def _in_turns(rows: Sequence[list[Planned]]) -> list[list[Planned]]:
    """The rows in rounds, each of which has one of every kind, the cheapest left, by cost."""
    met: Counter[tuple[str, str, str]] = Counter()
    placed = []
    for seeds in sorted(rows, key=lambda seeds: seeds[0].cost.flops):
        kind = (seeds[0].section, seeds[0].role, seeds[0].architecture)
        placed.append((met[kind], seeds))
        met[kind] += 1
    return [seeds for _, seeds in sorted(placed, key=lambda one: one[0])]


def _rows(settings: machine.Settings) -> list[list[Planned]]:
    """The recorded seeds of every row that can be retrained here, each run once; counts have none.

    Where some were made with as many threads as a run has here, only these: other numbers round otherwise.
    """
    found = ledger.Ledger([files.LEDGER])
    rows: dict[str, dict[str, Planned]] = {}
    alike: set[str] = set()
    for run in study.plan("full"):
        if run.spec.is_counts or not data.available(run.spec.corpus, settings.data_dir):
            continue
        if (record := found.find(run.spec)) is not None and record.test is not None:
            rows.setdefault(run.row.spec.key, {}).setdefault(run.spec.key, run)
            alike |= {run.spec.key} if record.environment.get("threads") == str(settings.n_threads) else set()
    return [[seeds[key] for key in seeds if key in alike] or list(seeds.values()) for seeds in rows.values()]


class _Watched(executors.RunExecutor):
    """An executor that keeps the futures of its runs, which tell a run that failed from one that was stopped."""

    def __init__(self, executor: executors.RunExecutor) -> None:
        self._executor, self._futures = executor, []
        self.reports, self.stopping = executor.reports, executor.stopping

    def submit(self, index: int, spec: RunSpec, settings: machine.Settings) -> Future:
        self._futures.append(self._executor.submit(index, spec, settings))
        return self._futures[-1]

    def __enter__(self) -> "_Watched":
        self._executor.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._executor.__exit__(*error)

    @property
    def n_failed(self) -> int:
        """Runs that ended in an error of their own."""
        errors = [future.exception() for future in self._futures if not future.cancelled()]
        return sum(error is not None and not isinstance(error, Interrupted) for error in errors)


def compare(runs: Sequence[Planned], settings: machine.Settings) -> list[Comparison]:
    """Retrain the runs into `settings.folder` and compare each with its record; those that `settings.minutes` leave no time for are left.

    RetrainingError where a run failed, somebody stopped the check, or no run was finished in the time.
    """
    retrained: dict[Planned, RunRecord] = {}
    executor, started = _Watched(executors.executor_for(runs, settings)), time.monotonic()
    left = pool.train_all(runs, settings, retrained.__setitem__, executor=executor)
    if executor.n_failed:
        raise RetrainingError(f"the retraining check is not finished: {executor.n_failed} of {len(runs)} runs failed, as said above")
    if left and not 0 < settings.minutes * 60 <= time.monotonic() - started:
        raise RetrainingError(f"the retraining check was stopped with {len(left)} of {len(runs)} runs left; repeat it")
    if not retrained:
        raise RetrainingError(f"no run was finished in {settings.minutes:g} min; give --verify more minutes")
    found = ledger.Ledger([files.LEDGER])
    everything = [Result(r, record) for r in study.plan("full") if (record := found.find(r.spec)) is not None]
    groups = summaries.by_row(summaries.networks(everything))
    seeds = {row: prediction_half_width([record.test.nll for record in records]) for row, records in groups.items()}
    done = [run for run in runs if run in retrained]
    return [comparison(run, found.find(run.spec), retrained[run], _between_seeds(run, seeds)) for run in done]


def _between_seeds(run: Planned, bands: dict[Planned, float]) -> float:
    """The band that seeds allow a run; the widest of all where its row has too few."""
    own = bands[run.row]
    return max((band for band in bands.values() if not math.isnan(band)), default=own) if math.isnan(own) else own


def comparison(run: Planned, recorded: RunRecord, retrained: RunRecord, between_seeds: float) -> Comparison:
    """A run beside its record: block by block where both did the same arithmetic, else by the mean, in the band that seeds allow."""
    nll = retrained.test.nll if retrained.test else float("nan")
    if reason := _why_wide(recorded, retrained):
        apart, band, why = abs(nll - recorded.test.nll), between_seeds, f"WIDE, what seeds differ by: {reason}"
    else:
        apart, band, why = _blocks_apart(recorded, retrained), SAME_SEED, "narrow, block by block: same seed, fp32 on a CPU"
    return Comparison(run.title, run.spec.corpus, recorded.test.nll, nll, apart, band, why)


def _why_wide(recorded: RunRecord, retrained: RunRecord) -> str:
    """Why a retrained run may differ from its record by much more than one rounding of fp32; nothing where it may not."""
    there, here = ("a CPU" if record.environment["device"] == "cpu" else "a GPU" for record in (recorded, retrained))
    spec = recorded.spec
    if there != here:
        return f"recorded on {there}, retrained on {here}"
    if here == "a GPU":
        return "how far GPUs differ was not measured"
    if spec.train.precision == "bf16" or spec.train.optimizer == "muon":
        return "it computes in bf16"
    if spec.train.schedule == "constant" and spec.model.kind != "linear":
        return "a constant learning rate lets rounding grow"
    before, now = (record.environment.get("threads") for record in (recorded, retrained))
    if before != now and spec.model.kind != "linear":  # 0.007 in an LSTM; linear models come back to 2e-6 all the same
        return f"recorded on {before} threads, retrained on {now}"
    return ""


def _blocks_apart(first: RunRecord, second: RunRecord) -> float:
    """Root mean square of the differences between two runs' blocks of test text: unlike their mean, it cannot cancel out."""
    if second.test is None:
        return float("nan")
    return float(np.sqrt(np.mean(np.square(np.subtract(first.test.blocks, second.test.blocks)))))


def prediction_half_width(values: Sequence[float]) -> float:
    """Half width of the 99 % interval in which one more run falls (Student's t), NaN below three values."""
    return summaries.single_run_half_width(values, CONFIDENCE) if len(values) >= 3 else float("nan")


def verdict(comparisons: Sequence[Comparison]) -> str:
    """What the check says as a whole, and where it disagrees, which runs do, by how much, and what to do."""
    outside = [each for each in comparisons if not each.agrees]
    if not outside:
        if len(comparisons) == 1:
            return "one run agrees with its record, which is a weak check; --verify MINUTES makes it longer"
        return f"all {len(comparisons)} runs agree with their records"
    lines = [f"{each.name}: {each.apart:.4f} apart where {each.band:.4f} is allowed" for each in outside]
    return "\n".join([f"{len(outside)} of {len(comparisons)} runs do NOT agree with their records:", *lines, REMEDY])
