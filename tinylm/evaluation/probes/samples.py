"""Continuations as records: one JSON per run beside its record, so that the report shows samples without weights or torch."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tinylm import data, ledger
from tinylm.config import RunSpec
from tinylm.study import Planned

STARTS = (0, 50_000)
TEMPERATURES = (0.3, 0.8, 1.0)
N_TOKENS = 100
FOLDER = "samples"


def wanted(runs: Sequence[Planned]) -> list[Planned]:
    """The runs of a plan that are sampled: seed 0 of every network."""
    return [run for run in runs if run.spec.seed == 0 and not run.spec.is_counts]


def read(spec: RunSpec, folders: Sequence[Path]) -> dict[str, Any] | None:
    """A run's recorded samples in the first ledger folder that has them, None where there are none."""
    for folder in folders:
        found = ledger.read_facts(folder / FOLDER / f"{spec.key}.json")
        if found is not None:
            return found
    return None


def record(spec: RunSpec, weights: Path, folder: Path, data_dir: Path | None = None) -> dict[str, Any]:
    """Let the run's weights continue the same windows at each temperature, and write what they say to folder/samples/KEY.json."""
    from tinylm.evaluation import generate  # torch is loaded only where something is sampled

    corpus = data.load(spec.corpus, data_dir)
    model = generate.load_model(spec, corpus, weights)
    length, last = spec.model.context_length, len(corpus.valid) - spec.model.context_length
    prompts = [generate.Prompt(min(s, last), N_TOKENS, t) for s in STARTS for t in TEMPERATURES]
    texts = [
        {
            "start": prompt.start,
            "temperature": prompt.temperature,
            "seed": prompt.seed,
            "prompt": corpus.decode(corpus.valid[prompt.start : prompt.start + length]),
            "text": generate.continuation(model, corpus, length, prompt),
        }
        for prompt in prompts
    ]
    found = {"key": spec.key, "samples": texts}
    ledger.write_text(folder / FOLDER / f"{spec.key}.json", json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    return found
