"""Recipes bought for whole corpora at a budget, and the counts they have to beat. Needs no torch."""

from dataclasses import replace

from tinylm import data, recipes
from tinylm.config import RunSpec, TrainConfig
from tinylm.parameters import StudyError
from tinylm.study.planned import Planned, counts

LARGEST_ON_CPU = 5 * 10**14  # an hour and a half on one core


def bought(section: str, corpora: list[str], budgets: list[int], orders: list[int], seeds: list[int]) -> list[Planned]:
    """Counts of the corpora's texts, and the purchases, both scored to the end of each split."""
    return rivals(section, corpora, orders, 0) + seeded(section, purchases(corpora, budgets), seeds)


def seeded(section: str, specs: dict[str, RunSpec], seeds: list[int]) -> list[Planned]:
    """Named specs with each seed, those beyond a CPU's budget with the first one only."""
    runs = [Planned(section, name, replace(spec, seed=seed)) for seed in seeds for name, spec in specs.items()]
    return [run for run in runs if run.spec.seed == seeds[0] or run.spec.train.flops <= LARGEST_ON_CPU]


def purchases(corpora: list[str], budgets: list[int]) -> dict[str, RunSpec]:
    """The Transformer's recipe for each corpus and its budget, named "CORPUS, BUDGET"."""
    if len(corpora) != len(budgets):
        raise StudyError(f"bought_budgets: needs one for each of the {len(corpora)} corpora, got {budgets!r}")
    pairs = zip(corpora, budgets, strict=True)
    return {f"{name}, {short(flops)}": recipes.recipe("transformer", name, flops) for name, flops in pairs}


def rivals(section: str, corpora: list[str], orders: list[int], eval_tokens: int) -> list[Planned]:
    """Counts of each text that the corpora are made of, scored where recipes are; augmented text is no better to count."""
    counting = TrainConfig(epochs=1, eval_start=recipes.EVAL_START, eval_tokens=eval_tokens)
    return counts(section, {text: f"{text} " for text in dict.fromkeys(map(data.source, corpora))}, orders, counting)


def short(flops: float) -> str:
    """A budget in names, e.g. 7.55e13."""
    return f"{flops:.3g}".replace("e+", "e")
