"""Recipes bought for whole corpora at a budget, and the counts they have to beat. Needs no torch."""

from collections.abc import Sequence
from functools import partial

from tinylm import data
from tinylm.config import RunSpec, TrainConfig
from tinylm.config.shown import short
from tinylm.study import recipes, titles
from tinylm.study.planned import COUNTS, Planned, counts, with_seeds

Purchase = tuple[str, str, int]  # text, architecture by its title, FLOPs
GATED = "Gated counts"  # the architecture that mixes counts, for which smaller budgets are enough
LARGEST_ON_CPU = 5 * 10**14  # an hour and a half on one core
SEEDS_ON_GPU = 3  # of runs beyond LARGEST_ON_CPU


def bought(section: str, rows: Sequence[Purchase], orders: Sequence[int], caches: Sequence[int], seeds: Sequence[int]) -> list[Planned]:
    """Counts of the texts, and the networks bought, both scored to the end of each split."""
    return rivals(section, [text for text, _, _ in rows], orders, caches, 0) + affordable(purchases(section, rows), seeds)


def affordable(rows: Sequence[Planned], seeds: Sequence[int]) -> list[Planned]:
    """Each row with each seed, those beyond a CPU's budget with the first few only."""
    return [run for run in with_seeds(rows, seeds) if run.spec.seed in seeds[:SEEDS_ON_GPU] or run.budget <= LARGEST_ON_CPU]


def purchases(section: str, rows: Sequence[Purchase], role: str = "purchase") -> list[Planned]:
    """The recipe of each row."""
    row = partial(Planned, section=section, role=role)
    return [
        row(
            architecture=architecture,
            name=f"{corpus}, {architecture}, {short(flops)}",
            spec=recipes.recipe(titles.recipe_name(architecture), corpus, flops),
        )
        for corpus, architecture, flops in rows
    ]


def gated(section: str, corpora: Sequence[str], budgets: Sequence[int]) -> list[Planned]:
    """Gated counts of each text that the corpora are made of, at each budget."""
    texts = dict.fromkeys(map(data.source, corpora))
    return purchases(section, [(text, GATED, flops) for text in texts for flops in budgets], "gated")


def rivals(section: str, corpora: Sequence[str], orders: Sequence[int], caches: Sequence[int], eval_tokens: int) -> list[Planned]:
    """Counts of each text that the corpora are made of, scored where recipes are: without and with each cache, and tuned.

    Augmented text is no better to count.
    """
    counting = TrainConfig(epochs=1, eval_start=recipes.EVAL_START, eval_tokens=eval_tokens)
    texts = {text: f"{text} " for text in dict.fromkeys(map(data.source, corpora))}
    return counts(section, texts, orders, counting, caches) + [tuned(section, text, counting) for text in texts]


def tuned(section: str, text: str, counting: TrainConfig) -> Planned:
    """The counts tuned on a text."""
    model = recipes.tuned_counts(text)
    spec = RunSpec(corpus=text, model=model, train=counting)
    return Planned(section=section, role="tuned", architecture=COUNTS, name=f"{text} tuned KN-{model.order} + cache", spec=spec)
