"""Architecture or lookup: a factorial on the published split, and each group of plays left out once. Needs no torch."""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from tinylm.config import TrainConfig
from tinylm.config.shown import short
from tinylm.data import plays
from tinylm.study import factorial, recipes, titles
from tinylm.study.parameters import Section, checked
from tinylm.study.planned import Planned, with_seeds
from tinylm.study.purchases import tuned


@checked
def copying(
    *,
    folds: Sequence[str] = tuple(f"{plays.PLAYS}-without-{group}" for group in plays.GROUPS),
    fold_budget: int = 1_000_000_000_000,
    fold_architectures: Sequence[str] = ("Transformer", "Transformer without induction", "LSTM"),
    eval_tokens: int = 0,
    fold_seeds: Sequence[int] = (0,),
    corpus: str = "tiny_shakespeare",
    factorial_budgets: Sequence[int] = (1_000_000_000_000, 10_000_000_000_000),
    factorial_seeds: Sequence[int] = (0, 1, 2, 3, 4),
) -> list[Planned]:
    """Every cell of the factorial on `corpus`; recipes of each architecture, and the tuned counts, on each of the `folds`.

    A fold is a corpus whose valid and test are left out of train.
    """
    row = partial(Planned, section="copying", role="fold")
    rows = [
        row(
            architecture=name,
            name=f"{corpus}, {name}, {short(fold_budget)}",
            spec=recipes.scored(recipes.recipe(titles.recipe_name(name), corpus, fold_budget), eval_tokens),
        )
        for corpus, name in itertools.product(folds, fold_architectures)
    ]
    cells = [run for budget in factorial_budgets for run in factorial.rows("copying", corpus, budget)]
    cells = [replace(run, spec=recipes.scored(run.spec, eval_tokens)) for run in cells]
    counting = TrainConfig(epochs=1, eval_start=recipes.EVAL_START, eval_tokens=eval_tokens)
    counts = [tuned("copying", fold, counting) for fold in folds]
    return counts + with_seeds(cells, factorial_seeds) + with_seeds(rows, fold_seeds)


QUICK = {
    "folds": [f"{plays.PLAYS}-without-tempest"],
    "fold_budget": 50_000_000_000,
    "eval_tokens": 2_000,
    "factorial_budgets": [50_000_000_000],
    "factorial_seeds": [0],
}
SMOKE = {
    "folds": ["grammar-char"],
    "fold_budget": 1_000_000_000,
    "fold_architectures": ["Transformer", "LSTM"],
    "eval_tokens": 500,
    "corpus": "grammar-char",
    "factorial_budgets": [2_000_000_000],
    "factorial_seeds": [0],
}
SECTION = Section(notebook="13_copying", plan=copying, quick=QUICK, smoke=SMOKE)
