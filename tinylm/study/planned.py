"""A run of a section under its name. Needs no torch."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tinylm.config import ModelConfig, NgramConfig, RunSpec, TrainConfig


@dataclass(frozen=True)
class Planned:
    """A run of a section: its name in tables (seeds share it) and its spec."""

    section: str
    name: str
    spec: RunSpec


def planned(section: str, models: dict[str, tuple[str, ModelConfig, TrainConfig]], seeds: list[int]) -> list[Planned]:
    """The runs of named models with their corpora, all of one seed before the next."""
    runs = [(name, RunSpec(corpus=c, model=m, train=t)) for name, (c, m, t) in models.items()]
    return [Planned(section, name, replace(spec, seed=seed)) for seed in seeds for name, spec in runs]


def counts(section: str, corpora: dict[str, str], orders: list[int], train: TrainConfig, caches: Sequence[int] = ()) -> list[Planned]:
    """N-gram rows, one seed each: counting has no randomness. Those of the highest order also with each cache."""
    models = [NgramConfig(order=order) for order in orders] + [NgramConfig(order=max(orders), cache=size) for size in caches]
    runs = {
        f"{prefix}{model.title}": (corpus, model, replace(train, epochs=1, n_evals=1))
        for corpus, prefix in corpora.items()
        for model in models
    }
    return planned(section, runs, [0])
