"""Context at test time as records: what longer windows, a neural cache and dynamic evaluation take off a static test NLL.

One JSON per run beside its record, so that the report shows them without weights or torch.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tinylm import data, ledger
from tinylm.config import RunSpec, TransformerConfig
from tinylm.study import Planned

FOLDER = "at_test_time"


def triable(runs: Sequence[Planned]) -> list[Planned]:
    """The runs of a plan that every method can be tried on: seed 0 of networks with rotary positions that train at every position."""
    return [run for run in runs if run.spec.seed == 0 and run.spec.train.loss_at == "all" and _rotates(run.spec)]


def _rotates(spec: RunSpec) -> bool:
    return isinstance(spec.model, TransformerConfig) and spec.model.position == "rope"


def dearest(runs: Sequence[Planned]) -> list[Planned]:
    """The run with the largest budget on each corpus."""
    by_cost = sorted(runs, key=lambda run: run.spec.train.flops)
    return list({run.spec.corpus: run for run in by_cost}.values())


def read(spec: RunSpec, folders: Sequence[Path]) -> dict[str, Any] | None:
    """What is recorded of a run in the first ledger folder that has it, None where there is nothing."""
    return ledger.first_facts([folder / FOLDER / f"{spec.key}.json" for folder in folders])


def record(spec: RunSpec, weights: Path, folder: Path, data_dir: Path | None = None) -> dict[str, Any]:
    """Try every method on a trained run and write what came of it to folder/at_test_time/KEY.json."""
    from tinylm.evaluation.probes import trials  # torch is loaded only where something is scored

    facts = {"key": spec.key} | trials.facts(trials.Subject(spec, data.load(spec.corpus, data_dir), weights))
    ledger.write_facts(folder / FOLDER / f"{spec.key}.json", facts)
    return facts
