"""What a budget could have bought: a ladder from the paper's recipe to ours, the frontier of each architecture, and larger purchases."""

from dataclasses import replace

from tinylm.config import RunSpec, TrainConfig, TransformerConfig
from tinylm.study import recipes
from tinylm.study.ladder import ALL_POSITIONS, PAPER, RUNGS, climb
from tinylm.study.parameters import checked
from tinylm.study.planned import Planned
from tinylm.study.purchases import purchases, rivals, seeded, short


@checked
def budget(
    *,
    corpus: str,
    augmentations: list[str],
    context_length: int,
    d_model: int,
    n_layer: int,
    ladder_budgets: list[int],
    architectures: list[str],
    frontier_budgets: list[int],
    bought_corpora: list[str],
    bought_budgets: list[int],
    bought_architectures: list[str],
    orders: list[int],
    caches: list[int],
    eval_tokens: int,
    seeds: list[int],
) -> list[Planned]:
    """The ladder at its first budget and two of its rungs at the others, architectures' recipes over budgets, and larger purchases.

    Rungs that read an augmented text are left out unless its name is among the `augmentations`. All runs of a text are scored on the same
    tokens.
    """
    paper = TransformerConfig(context_length=context_length, d_model=d_model, n_layer=n_layer, d_ff=2 * d_model)
    first = RunSpec(corpus=corpus, model=paper, train=TrainConfig(flops=ladder_budgets[0]))
    specs = climb(first, [rung for rung in RUNGS if rung.augmentation in ("", *augmentations)])
    for flops in ladder_budgets[1:]:
        for name in (PAPER, ALL_POSITIONS):
            specs[f"{name}, {short(flops)}"] = replace(specs[name], train=replace(specs[name].train, flops=flops))
    for architecture in architectures:
        specs |= {f"{architecture}, {short(flops)}": recipes.recipe(architecture.lower(), corpus, flops) for flops in frontier_budgets}
    specs |= purchases(bought_corpora, bought_budgets, bought_architectures)
    scored = {name: recipes.scored(spec, eval_tokens) for name, spec in specs.items()}
    return rivals("budget", [corpus, *bought_corpora], orders, caches, eval_tokens) + seeded("budget", scored, seeds)
