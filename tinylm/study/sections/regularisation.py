"""What regularisation is worth where a short text of words is read again and again. Needs no torch."""

import itertools
from collections.abc import Sequence

from tinylm.config import RunSpec, TrainConfig
from tinylm.config.errors import unknown
from tinylm.config.shown import short
from tinylm.study import regularisers
from tinylm.study.parameters import Section, StudyError, checked
from tinylm.study.planned import Planned, counts, with_seeds
from tinylm.study.recipes import EVAL_START
from tinylm.study.regularisers import KEPT, MORE_TEXT, REGULARISERS
from tinylm.study.techniques import SEPARATOR, Budget, Regime, with_baseline

WORDS = 80_000  # of each text, as many as the study reads


@checked
def regularisation(
    *,
    texts: Sequence[Regime] = (("ptb-eos", WORDS, 15), ("wikitext-2-eos", WORDS, 12)),
    budget: Budget = (10_000_000_000_000, 1, 96),
    tried: Sequence[str] = tuple(REGULARISERS),
    largest: Budget = (30_000_000_000_000, 3, 96),
    kept: Sequence[str] = (*KEPT, MORE_TEXT),
    context_length: int = 64,
    n_layer: int = 4,
    order: int = 5,
    eval_tokens: int = 20_000,
) -> list[Planned]:
    """On each text every change that is tried at the one budget, and those that are kept at the larger one too, both with the baseline.

    The larger budget has seeds that the choice did not see. Counts of the given order read the same tokens.

    A row of `texts` has the text, how many of its first training tokens are used, and how many validations choose the weights. A budget
    has FLOPs, seeds and the Transformer's width. Changes that are kept may be several, joined as in `A + B`.
    """
    for name in itertools.chain(*(names.split(SEPARATOR) for names in (*tried, *kept))):
        if name not in REGULARISERS:
            raise StudyError(unknown("regulariser", name, REGULARISERS))
    for parameter, (_, n_seeds, _) in (("budget", budget), ("largest", largest)):
        if n_seeds < 1:
            raise StudyError(f"{parameter}: needs at least one seed, its second entry; got {n_seeds}")
    planned: list[Planned] = []
    seeds = range(budget[1]), range(budget[1], budget[1] + largest[1])
    parts = (("technique", budget, tried, seeds[0]), ("largest", largest, kept, seeds[1]))
    for text, (role, (flops, _, d_model), names, own) in itertools.product(texts, parts):
        shape = (context_length, n_layer, d_model)
        specs = {
            name: regularisers.spec(name.split(SEPARATOR), text, shape, flops, eval_tokens=eval_tokens) for name in with_baseline(names)
        }
        planned += with_seeds([_planned(role, name, made) for name, made in specs.items()], own)
    for corpus, train_tokens, _ in texts:
        counting = TrainConfig(epochs=1, train_tokens=train_tokens, eval_start=EVAL_START, eval_tokens=eval_tokens)
        planned += counts("regularisation", {corpus: f"{corpus}, "}, [order], counting)
    return planned


def _planned(role: str, name: str, made: RunSpec) -> Planned:
    return Planned(
        section="regularisation",
        role=role,
        architecture="Transformer without induction",
        name=f"{made.corpus}, {name}, {short(made.train.flops)}",
        rung=name,
        spec=made,
    )


QUICK = {
    "texts": [["grammar-word", 8_000, 4]],
    "budget": [20_000_000_000, 2, 24],
    "tried": ["dropout 0.1", "weight decay 1", "tied head", "token noise 0.1"],
    "largest": [40_000_000_000, 2, 24],
    "kept": ["tied head"],
    "eval_tokens": 4_000,
}
SMOKE = QUICK | {
    "texts": [["grammar-word", 2_000, 2]],
    "budget": [80_000_000, 2, 8],
    "tried": ["dropout 0.1", "tied head"],
    "largest": [160_000_000, 2, 8],
    "context_length": 16,
    "n_layer": 2,
    "eval_tokens": 500,
}
SECTION = Section(notebook="11_regularisation", plan=regularisation, quick=QUICK, smoke=SMOKE)
