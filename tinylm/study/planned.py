"""A run of a section: what it is there for, and its spec. Needs no torch."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, TypeVar

from tinylm import data
from tinylm.config import NgramConfig, RunSpec, TinylmError, TrainConfig, serialise
from tinylm.config.errors import instead
from tinylm.flops import RunCost, run_cost

COUNTS = "Counts"  # the architecture of n-gram models
BOUNDS = ("steps", "epochs", "flops")
Run = TypeVar("Run")


class StudyError(TinylmError):
    """A profile, section, parameter or field that the study does not have."""


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A run of a section. `name` is for people, who may also type it; no code reads a meaning from it: the fields say what a run is.

    `role`: the part that it plays in the section, such as baseline, counts, sweep, rung, frontier, purchase. `architecture`: the title
    of a recipe or a kind of model. `rung`: the rung of the ladder.
    """

    section: str
    role: str
    architecture: str
    name: str
    spec: RunSpec
    rung: str = ""

    def __str__(self) -> str:
        return self.title

    @property
    def budget(self) -> int:
        """The FLOPs that are asked for, 0 where none are."""
        return self.spec.train.flops

    @property
    def title(self) -> str:
        """SECTION/NAME@SEED, as the command line takes it."""
        return f"{self.section}/{self.name}@{self.spec.seed}"

    @cached_property
    def cost(self) -> RunCost:
        """Its steps, tokens and FLOPs, counted once and without opening the corpus; ConfigError for a spec that cannot be run."""
        return run_cost(self.spec, data.info(self.spec.corpus))

    @cached_property
    def row(self) -> "Planned":
        """The line of a table that the run belongs to: the same run with seed 0."""
        return self if self.spec.seed == 0 else replace(self, spec=replace(self.spec, seed=0))


def select(runs: Iterable[Run], **values: Any) -> list[Run]:
    """The runs, or results of runs, whose fields have these values; of a list or tuple, any of its values.

    A field is one of the plan's (`section`, `role`, `architecture`, `budget`, `rung`), of the spec's (`corpus`, `seed`), of a model's
    (`context_length`, `n_layer`) or of the training's (`lr`, `optimizer`), which counts have none of; a run that lacks it is left out.
    StudyError for a field that nothing has.
    """
    if foreign := sorted(values.keys() - set(known := _fields())):
        raise StudyError(f"no run has a field {foreign[0]!r}; {instead(foreign[0], known, 'the fields are')}")
    return [run for run in runs if all(_has(getattr(run, "run", run), field, value) for field, value in values.items())]


def _has(run: Planned, field: str, value: Any) -> bool:
    owners = [run, run.spec, run.spec.model] + ([] if run.spec.is_counts else [run.spec.train])
    owner = next((owner for owner in owners if hasattr(owner, field)), None)
    return owner is not None and (getattr(owner, field) == value or (isinstance(value, list | tuple) and getattr(owner, field) in value))


def _fields() -> list[str]:
    """What `select` knows: fields of plans, specs, every kind of model and training, but for the bounds, which `budget` stands for."""
    owners = (Planned, RunSpec, TrainConfig, *serialise.model_kinds().values())
    found = dict.fromkeys(field.name for owner in owners for field in fields(owner))
    return ["budget", *(name for name in found if name not in ("spec", "model", "train", *BOUNDS))]


def distinct(runs: Iterable[Planned], identity: Callable[[Planned], Hashable] = lambda run: run.spec.key) -> list[Planned]:
    """The first run of each identity, in order: sections may share a run, and seeds share a row."""
    found: dict[Hashable, Planned] = {}
    for run in runs:
        found.setdefault(identity(run), run)
    return list(found.values())


def with_seeds(rows: Sequence[Planned], seeds: Sequence[int]) -> list[Planned]:
    """Each row with each seed, all of one seed before the next."""
    return [replace(row, spec=replace(row.spec, seed=seed)) for seed in seeds for row in rows]


def counts(section: str, corpora: dict[str, str], orders: Sequence[int], train: TrainConfig, caches: Sequence[int] = ()) -> list[Planned]:
    """N-gram rows of corpora with the prefix of their names, one seed each: counting has no randomness.

    Those of the highest order also with each cache.
    """
    models = [NgramConfig(order=order) for order in orders] + [NgramConfig(order=max(orders), cache=size) for size in caches]
    counting = replace(train, epochs=1, n_evals=1)
    return [
        Planned(
            section=section,
            role="counts",
            architecture=COUNTS,
            name=f"{prefix}{model.title}",
            spec=RunSpec(corpus=corpus, model=model, train=counting),
        )
        for corpus, prefix in corpora.items()
        for model in models
    ]
