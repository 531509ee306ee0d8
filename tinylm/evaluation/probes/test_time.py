"""Context at test time: how far longer windows, a neural cache and dynamic evaluation lower a static test NLL."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tinylm import data
from tinylm.config.interrupts import uninterrupted
from tinylm.evaluation.probes.probe import RunProbe, weights_file
from tinylm.study import Planned, select


class AtTestTime(RunProbe):
    """Every method of using context at test time, tried on the largest budget of each corpus whose weights are at hand."""

    folder = "at_test_time"
    title = "context at test time"
    is_costly = True

    def subjects(self, plan: Sequence[Planned], corpora: Sequence[str] = ()) -> list[Planned]:
        """The runs that every method can be tried on: seed 0 of networks with rotary positions that train at every position."""
        return [run for run in select(plan, seed=0, position="rope") if run.spec.train.loss_at == "all"]

    def missing(self, subjects: Sequence[Planned], folders: Sequence[Path], data_dir: Path | None) -> list[Planned]:
        possible = [run for run in subjects if self.is_possible(run, data_dir)]
        return super().missing(largest(possible), folders, data_dir)

    def measure(self, subject: Planned, data_dir: Path | None) -> dict[str, Any]:
        with uninterrupted():
            from tinylm.evaluation.probes import trials  # torch is loaded only where something is scored

        spec = subject.spec
        return {"key": spec.key} | trials.facts(trials.Subject(spec, data.load(spec.corpus, data_dir), weights_file(subject)))


def largest(runs: Sequence[Planned]) -> list[Planned]:
    """The run with the largest budget on each corpus."""
    by_cost = sorted(runs, key=lambda run: run.spec.train.flops)
    return list({run.spec.corpus: run for run in by_cost}.values())


TEST_TIME = AtTestTime()
