"""Recipes bought for whole corpora at a budget, and the counts they have to beat. Needs no torch."""

from dataclasses import replace

from tinylm import data
from tinylm.config import RunSpec, TrainConfig
from tinylm.study import recipes
from tinylm.study.parameters import StudyError
from tinylm.study.planned import Planned, counts

LARGEST_ON_CPU = 5 * 10**14  # an hour and a half on one core
SEEDS_ON_GPU = 3  # of runs beyond LARGEST_ON_CPU


def bought(
    section: str,
    corpora: list[str],
    budgets: list[int],
    architectures: list[str],
    orders: list[int],
    caches: list[int],
    seeds: list[int],
) -> list[Planned]:
    """Counts of the corpora's texts, and the networks bought, both scored to the end of each split."""
    return rivals(section, corpora, orders, caches, 0) + seeded(section, purchases(corpora, budgets, architectures), seeds)


def seeded(section: str, specs: dict[str, RunSpec], seeds: list[int]) -> list[Planned]:
    """Named specs with each seed, those beyond a CPU's budget with the first few only."""
    runs = [Planned(section, name, replace(spec, seed=seed)) for seed in seeds for name, spec in specs.items()]
    return [run for run in runs if run.spec.seed in seeds[:SEEDS_ON_GPU] or run.spec.train.flops <= LARGEST_ON_CPU]


def purchases(corpora: list[str], budgets: list[int], architectures: list[str]) -> dict[str, RunSpec]:
    """The recipe for each corpus with its budget and architecture, named "CORPUS, ARCHITECTURE, BUDGET"."""
    for name, values in (("bought_budgets", budgets), ("bought_architectures", architectures)):
        if len(corpora) != len(values):
            raise StudyError(f"{name}: needs one for each of the {len(corpora)} corpora, got {values!r}")
    rows = zip(corpora, architectures, budgets, strict=True)
    return {
        f"{corpus}, {architecture}, {short(flops)}": recipes.recipe(architecture.lower(), corpus, flops)
        for corpus, architecture, flops in rows
    }


def rivals(section: str, corpora: list[str], orders: list[int], caches: list[int], eval_tokens: int) -> list[Planned]:
    """Counts of each text that the corpora are made of, scored where recipes are, without and with caches of so many tokens.

    Augmented text is no better to count.
    """
    counting = TrainConfig(epochs=1, eval_start=recipes.EVAL_START, eval_tokens=eval_tokens)
    return counts(section, {text: f"{text} " for text in dict.fromkeys(map(data.source, corpora))}, orders, counting, caches)


def short(flops: float) -> str:
    """A budget in names, e.g. 7.55e13."""
    return f"{flops:.3g}".replace("e+", "e")
