"""Which techniques of large models help small ones: each as one change of a plain Transformer, by budget and text. Needs no torch."""

import itertools
from collections.abc import Sequence
from functools import partial

from tinylm.config.errors import unknown
from tinylm.config.shown import short
from tinylm.study import techniques
from tinylm.study.parameters import Section, StudyError, checked
from tinylm.study.planned import Planned, with_seeds
from tinylm.study.techniques import TECHNIQUES, Budget, Regime

BASELINE = techniques.BASELINE.name
BEST = ("Muon", "bigram embedding", "short convolution", "late decay")  # by valid of the second search of rates on fresh characters


@checked
def transfer(
    *,
    regimes: Sequence[Regime] = (("wikitext-2-char", 0, 1), ("tiny_shakespeare", 100_000, 5), ("ptb-eos", 0, 1)),
    budgets: Sequence[Budget] = ((100_000_000_000, 5, 24), (1_000_000_000_000, 5, 48)),
    tried: Sequence[str] = tuple(TECHNIQUES),
    largest: Budget = (10_000_000_000_000, 3, 96),
    kept: Sequence[str] = (*BEST, "weight decay", "value residual"),
    combined: Sequence[str] = BEST,
    context_length: int = 128,
    n_layer: int = 4,
    eval_tokens: int = 80_000,
) -> list[Planned]:
    """For each text: every technique that is tried at each of the budgets, those that are kept at the largest one too.

    A row of `regimes` has the text, how many of its first training tokens are used (0: all), and how many validations choose the
    weights. Of the `combined` techniques every pair is planned at the last of the budgets. The baseline is part of everything.
    """
    for name in (*tried, *kept, *combined):
        if name not in TECHNIQUES:
            raise StudyError(unknown("technique", name, TECHNIQUES))
    planned: list[Planned] = []
    for regime in regimes:
        row = partial(_planned, regime=regime, context_length=context_length, n_layer=n_layer, eval_tokens=eval_tokens)
        rows = [("technique", budget, [name]) for budget in budgets for name in techniques.with_baseline(tried)]
        rows += [("pair", budgets[-1], pair) for pair in itertools.combinations(techniques.with_baseline(combined)[1:], 2)]
        rows += [("largest", largest, [name]) for name in techniques.with_baseline(kept)]
        for role, (flops, n_seeds, d_model), names in rows:
            planned += with_seeds([row(role, names, flops=flops, d_model=d_model)], range(n_seeds))
    return planned


def _planned(
    role: str, names: Sequence[str], *, regime: Regime, flops: int, d_model: int, context_length: int, n_layer: int, eval_tokens: int
) -> Planned:
    rung = techniques.SEPARATOR.join(names)
    return Planned(
        section="transfer",
        role=role,
        architecture="Transformer without induction",
        name=f"{regime[0]}, {rung}, {short(flops)}",
        rung=rung,
        spec=techniques.spec(names, regime, (context_length, n_layer, d_model), flops, eval_tokens=eval_tokens),
    )


SMALL = [BASELINE, "RMSNorm", "Muon", "multi-token prediction"]
QUICK = {
    "regimes": [["grammar-char", 0, 1], ["grammar-word", 0, 1]],
    "budgets": [[5_000_000_000, 2, 16], [10_000_000_000, 2, 24]],
    "tried": SMALL,
    "largest": [20_000_000_000, 2, 32],
    "kept": SMALL[:2],
    "combined": SMALL[1:3],
    "context_length": 64,
    "eval_tokens": 5_000,
}
SMOKE = QUICK | {
    "regimes": [["grammar-char", 0, 1]],
    "budgets": [[20_000_000, 2, 8], [40_000_000, 2, 8]],
    "largest": [80_000_000, 2, 16],
    "context_length": 16,
    "n_layer": 2,
    "eval_tokens": 500,
}
SECTION = Section(notebook="10_transfer", plan=transfer, quick=QUICK, smoke=SMOKE)
