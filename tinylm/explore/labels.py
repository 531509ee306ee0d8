"""How the explorer names runs, architectures and sizes."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from tinylm.analysis.summaries import Result
from tinylm.config import ModelConfig, NgramConfig, TransformerConfig
from tinylm.ledger import RunRecord
from tinylm.report.plots import FAMILY_COLOURS

COUNTS = "Counts"
STEPS_OF_TEN = (1, 2, 5)


def architecture(model: ModelConfig) -> str:
    """The architecture as a reader knows it: one block of a Transformer is Self-Attention, an n-gram model is counts."""
    if isinstance(model, NgramConfig):
        return COUNTS
    kind = "self-attention" if isinstance(model, TransformerConfig) and model.n_layer == 1 else model.kind
    return family(kind)


def family(architecture: str) -> str:
    """The title of a recipe's architecture or of a model's kind, e.g. MLP for mlp; a kind without a title as it is."""
    return next((title for title in FAMILY_COLOURS if title.lower() == architecture), architecture)


def run_name(record: RunRecord, names: Mapping[str, str]) -> str:
    """SECTION/NAME of a planned run, else its kind with the key of its seed 0; seeds share it."""
    planned = names.get(record.spec.key)
    if planned is not None:
        return planned.rpartition("@")[0]
    return f"local/{record.spec.model.kind} {replace(record.spec, seed=0).key[:8]}"


def named(records: Iterable[RunRecord], names: Mapping[str, str]) -> list[Result]:
    """The records that today's code would give, under their names: networks before counts, planned ones in the study's order."""
    order = {key: i for i, key in enumerate(reversed(names))}
    kept = [record for record in records if not record.is_stale]
    kept.sort(key=lambda record: (record.spec.is_counts, order.get(record.spec.key, len(order))))
    return [Result(run_name(record, names), record) for record in kept]


def sizes(counts: Iterable[int]) -> list[tuple[str, int]]:
    """Zero and round sizes from a thousand up, to the first that none of the counts exceeds, with labels for a slider."""
    high = max(counts, default=0)
    steps = [m * 10**e for e in range(3, 13) for m in STEPS_OF_TEN]
    last = next(i for i, step in enumerate(steps) if step >= high)
    return [(short_count(step), step) for step in [0, *steps[: last + 1]]]


def short_count(value: int) -> str:
    """A round count with the letter of its thousands, e.g. 200k."""
    for letter, unit in (("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if value >= unit:
            return f"{value // unit}{letter}"
    return str(value)
