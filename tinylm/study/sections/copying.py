"""Does what the recipes gain hold on other plays? Each group of plays is left out once. Needs no torch."""

import itertools
from collections.abc import Sequence
from functools import partial

from tinylm.config import TrainConfig
from tinylm.config.shown import short
from tinylm.data import plays
from tinylm.study import recipes, titles
from tinylm.study.parameters import Section, checked
from tinylm.study.planned import Planned, with_seeds
from tinylm.study.purchases import tuned


@checked
def copying(
    *,
    folds: Sequence[str] = tuple(f"{plays.PLAYS}-without-{group}" for group in plays.GROUPS),
    fold_budget: int = 1_000_000_000_000,
    fold_architectures: Sequence[str] = ("Transformer", "Transformer-no-induction", "LSTM"),
    eval_tokens: int = 0,
    fold_seeds: Sequence[int] = (0,),
) -> list[Planned]:
    """Recipes of each architecture, and the tuned counts, on each of the `folds`: corpora whose valid and test are left out of train."""
    row = partial(Planned, section="copying", role="fold")
    rows = [
        row(
            architecture=name,
            name=f"{corpus}, {name}, {short(fold_budget)}",
            spec=recipes.scored(recipes.recipe(titles.recipe_name(name), corpus, fold_budget), eval_tokens),
        )
        for corpus, name in itertools.product(folds, fold_architectures)
    ]
    counting = TrainConfig(epochs=1, eval_start=recipes.EVAL_START, eval_tokens=eval_tokens)
    return [tuned("copying", corpus, counting) for corpus in folds] + with_seeds(rows, fold_seeds)


QUICK = {
    "folds": [f"{plays.PLAYS}-without-tempest"],
    "fold_budget": 50_000_000_000,
    "eval_tokens": 2_000,
}
SMOKE = {
    "folds": ["grammar-char"],
    "fold_budget": 1_000_000_000,
    "fold_architectures": ["Transformer", "LSTM"],
    "eval_tokens": 500,
}
SECTION = Section(notebook="12_copying", plan=copying, quick=QUICK, smoke=SMOKE)
