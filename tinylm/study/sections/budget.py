"""What a budget could have bought: a ladder from the paper's recipe to ours, the frontier of each architecture, and larger purchases."""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from tinylm import data
from tinylm.config import RunSpec, TrainConfig, TransformerConfig
from tinylm.config.shown import short
from tinylm.study import recipes, teachers, titles
from tinylm.study.ladder import ALL_POSITIONS, PAPER, RUNGS, climb
from tinylm.study.parameters import Section, checked
from tinylm.study.planned import Planned
from tinylm.study.purchases import GATED, Purchase, affordable, purchases, rivals, tuned
from tinylm.study.teachers import Lesson

CACHES = (256, 2_048)  # most recent tokens that plain counts with a cache count too
CLOSER = "Transformer"  # the architecture that is trained at more budgets, those around which it overtakes counts
BOUGHT: tuple[Purchase, ...] = (
    ("tiny_shakespeare", "Transformer without induction", 75_500_000_000_000),
    ("tiny_shakespeare", "Transformer", 75_500_000_000_000),
    ("tiny_shakespeare-recast", "Transformer without induction", 22_000_000_000_000),
    ("tiny_shakespeare-recast", "Transformer without induction", 75_500_000_000_000),
    ("tiny_shakespeare-respelled", "Transformer", 22_000_000_000_000),
    ("tiny_shakespeare-respelled", "Transformer", 75_500_000_000_000),
    ("tiny_shakespeare-respelled", "Transformer", 2_000_000_000_000_000),
)
LESSONS: tuple[Lesson, ...] = (
    ("counts", 100_000_000_000),
    ("counts", 1_000_000_000_000),
    ("counts", 10_000_000_000_000),
    ("a chain of networks", 100_000_000_000),
    ("a chain of networks", 1_000_000_000_000),
    ("2 networks", 100_000_000_000),
    ("2 networks", 1_000_000_000_000),
)


@checked
def budget(
    *,
    corpus: str = "tiny_shakespeare",
    context_length: int = 128,
    d_model: int = 128,
    n_layer: int = 3,
    ladder_budgets: Sequence[int] = (10_000_000_000_000, 75_500_000_000_000),
    architectures: Sequence[str] = ("Linear", "MLP", "Self-Attention", "Transformer without induction", "Transformer", "LSTM"),
    frontier_budgets: Sequence[int] = (100_000_000_000, 1_000_000_000_000, 10_000_000_000_000),
    closer_budgets: Sequence[int] = (3_000_000_000_000, 5_000_000_000_000, 7_000_000_000_000, 15_000_000_000_000),
    gated_budgets: Sequence[int] = (10_000_000_000, 100_000_000_000),
    bought: Sequence[Purchase] = BOUGHT,
    vocabularies: Sequence[int] = (256, 512, 1_024, 2_048),
    taught: Sequence[Lesson] = LESSONS,
    orders: Sequence[int] = (4, 6),
    eval_tokens: int = 0,
    seeds: Sequence[int] = (0, 1, 2, 3, 4),
) -> list[Planned]:
    """The ladder at its first budget and two of its rungs at the others, architectures' recipes over budgets, and larger purchases.

    `vocabularies` are numbers of subwords that the text is cut into in place of characters, for tuned counts, and for the Transformer's
    recipe at the frontier's budgets and the smallest of the closer ones; those are left out that the text is not known in.
    `taught` are the recipes of that architecture that learn from a teacher, by who teaches and the FLOPs of both together.
    A rung that reads an augmented text is there where that text is among those `bought`. All runs of a text are scored on the same
    tokens.
    """
    paper = TransformerConfig(context_length=context_length, d_model=d_model, n_layer=n_layer, d_ff=2 * d_model)
    first = RunSpec(corpus=corpus, model=paper, train=TrainConfig(flops=ladder_budgets[0]))
    texts = [text for text, _, _ in bought]
    rows = _ladder(first, texts, ladder_budgets[1:])
    for name in architectures:
        rows += _recipes(name, corpus, "frontier", sorted({*frontier_budgets, *(closer_budgets if name == CLOSER else ())}))
    rows += _recipes(GATED, corpus, "gated", gated_budgets)
    cut = [f"{corpus}-bpe{size}" for size in vocabularies if f"{corpus}-bpe{size}" in data.names()]
    rows += _subwords(cut, sorted({*frontier_budgets, min(closer_budgets)}))
    rows += teachers.taught("budget", corpus, CLOSER, taught) + purchases("budget", bought)
    rows = [replace(run, spec=recipes.scored(run.spec, eval_tokens)) for run in rows]
    counted = rivals("budget", [corpus, *texts], orders, CACHES, eval_tokens) + [_counted(text, eval_tokens) for text in cut]
    return counted + affordable(rows, seeds)


def _counted(cut: str, eval_tokens: int) -> Planned:
    """Tuned counts of a text cut into subwords, scored where all runs of the text are."""
    scored = TrainConfig(epochs=1, eval_start=recipes.EVAL_START, eval_tokens=eval_tokens)
    return replace(tuned("budget", cut, scored), role="vocabulary")


def _ladder(first: RunSpec, corpora: Sequence[str], larger: Sequence[int]) -> list[Planned]:
    """Every rung at the budget of `first`, and the paper's recipe and the loss at every position with the larger budgets."""
    specs = climb(first, [rung for rung in RUNGS if not rung.augmentation or f"{first.corpus}-{rung.augmentation}" in corpora])
    row = partial(Planned, section="budget", architecture="Transformer")
    rows = [row(role="rung", name=name, rung=name, spec=spec) for name, spec in specs.items()]
    for flops, name in itertools.product(larger, (PAPER, ALL_POSITIONS)):
        spec = replace(specs[name], train=replace(specs[name].train, flops=flops))
        rows.append(row(role="larger", name=f"{name}, {short(flops)}", rung=name, spec=spec))
    return rows


def _recipes(name: str, corpus: str, role: str, budgets: Sequence[int]) -> list[Planned]:
    row = partial(Planned, section="budget", role=role, architecture=name)
    return [row(name=f"{name}, {short(flops)}", spec=recipes.recipe(titles.recipe_name(name), corpus, flops)) for flops in budgets]


def _subwords(texts: Sequence[str], budgets: Sequence[int]) -> list[Planned]:
    """The Transformer's recipe at each budget on texts in subwords."""
    row = partial(Planned, section="budget", role="vocabulary", architecture=CLOSER)
    return [
        row(name=f"{data.vocab_size(text):,} subwords, {short(flops)}", spec=recipes.recipe(titles.recipe_name(CLOSER), text, flops))
        for text, flops in itertools.product(texts, budgets)
    ]


QUICK = {
    "ladder_budgets": [200_000_000_000, 400_000_000_000],
    "frontier_budgets": [20_000_000_000, 100_000_000_000],
    "closer_budgets": [50_000_000_000],
    "gated_budgets": [1_000_000_000],
    "vocabularies": [512],
    "taught": [["counts", 100_000_000_000], ["a chain of networks", 100_000_000_000]],
    "bought": [["tiny_shakespeare-respelled", "Transformer", 1_000_000_000_000]],
    "eval_tokens": 2_000,
    "seeds": [0],
}
SMOKE = {
    "corpus": "grammar-char",
    "context_length": 32,
    "d_model": 32,
    "n_layer": 2,
    "ladder_budgets": [10_000_000_000, 12_000_000_000],
    "architectures": ["Linear", "Transformer"],
    "frontier_budgets": [1_000_000_000, 2_000_000_000],
    "closer_budgets": [1_500_000_000],
    "gated_budgets": [100_000_000],
    "vocabularies": [512],
    "taught": [["counts", 2_000_000_000], ["a chain of networks", 2_000_000_000], ["2 networks", 2_000_000_000]],
    "bought": [["grammar-char", "Transformer", 4_000_000_000]],
    "orders": [3],
    "eval_tokens": 500,
    "seeds": [0],
}
SECTION = Section(notebook="06_budget", plan=budget, quick=QUICK, smoke=SMOKE)
