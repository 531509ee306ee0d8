"""Whether ten times the text changes what attention and rotary positions are worth, and where attention's lead ends. Needs no torch."""

import itertools
from collections.abc import Sequence
from dataclasses import replace

from tinylm import data
from tinylm.config import RunSpec
from tinylm.study import recipes, techniques, titles
from tinylm.study.parameters import Section, checked
from tinylm.study.planned import Planned, with_seeds
from tinylm.study.techniques import SHORT, Budget, Shape
from tinylm.study.titles import ATTENTION, LEARNED, MLP, ROTARY

# Text, how many of its first training tokens are used and how many tokens scored (0: all), validations of a Transformer: the best counts
Text = tuple[str, int, int, int]
# How many times the rate is best, of those tried at 1e12 FLOPs on the whole text, by valid of a seed that is not reported.
TIMES: dict[str, dict[str, float]] = {
    "wikitext-2-char": {ATTENTION: 2.0, LEARNED: 0.5, ROTARY: 4.0},
    "tiny_shakespeare": {LEARNED: 4.0, ROTARY: 2.0},
}


@checked
def ten_times(
    *,
    texts: Sequence[Text] = (("tiny_shakespeare", 0, 0, 2), ("wikitext-2-char", SHORT, 80_000, 2), ("wikitext-2-char", 0, 80_000, 1)),
    gap_budget: Budget = (10_000_000_000_000, 3, 96),
    context_length: int = 128,
    n_layer: int = 4,
    contexts: Sequence[int] = (2, 4, 8, 16, 32),
    context_budget: tuple[int, int] = (1_000_000_000_000, 5),
) -> list[Planned]:
    """Four models on each text, and two of them with each of the `contexts` on each whole text.

    The MLP and Self-Attention are their recipes, with a recipe's validations; learned and rotary positions are those of the plain
    Transformer of the section on techniques. A budget has FLOPs, seeds and, for the Transformer, its width.
    """
    flops, n_seeds, d_model = gap_budget
    shape = (context_length, n_layer, d_model)
    rows = [_planned("gap", name, text, spec(name, text, flops, shape)) for text in texts for name in (MLP, ATTENTION, LEARNED, ROTARY)]
    planned = with_seeds(rows, range(n_seeds))
    flops, n_seeds = context_budget
    rows = [
        _planned("context", name, text, with_context(spec(name, text, flops, shape), length), f", T = {length}")
        for text, length, name in itertools.product([text for text in texts if not text[1]], contexts, (MLP, ATTENTION))
    ]
    return planned + with_seeds(rows, range(n_seeds))


def spec(name: str, text: Text, flops: int, shape: Shape, times: float = 0.0) -> RunSpec:
    """One of the four models on a text, at so many times its learning rate (0: as many as are best)."""
    corpus, train_tokens, eval_tokens, n_evals = text
    times = times or TIMES.get(data.source(corpus), {}).get(name, 1.0)
    if name not in (MLP, ATTENTION):
        changes = [name] if name in techniques.TECHNIQUES else []
        return techniques.spec(changes, (corpus, train_tokens, n_evals), shape, flops, times, eval_tokens)
    made = recipes.scored(recipes.recipe(titles.recipe_name(name), corpus, flops), eval_tokens)
    rates = {rate: float(f"{getattr(made.train, rate) * times:.2g}") for rate in ("lr", "adam_lr")}
    return replace(made, train=replace(made.train, train_tokens=train_tokens, **rates))


def with_context(made: RunSpec, context_length: int) -> RunSpec:
    """The spec with another context and as many predicted tokens in a step."""
    model, train = made.model, made.train
    if train.loss_at == "all":
        train = replace(train, batch_size=train.batch_size * model.context_length // context_length)
    return recipes.scored(replace(made, model=replace(model, context_length=context_length), train=train), train.eval_tokens)


def _planned(role: str, name: str, text: Text, made: RunSpec, of: str = "") -> Planned:
    corpus, train_tokens, *_ = text
    part = f", first {train_tokens:,}" if train_tokens else ""
    return Planned(
        section="ten_times",
        role=role,
        architecture=name if name in (MLP, ATTENTION) else "Transformer without induction",
        name=f"{corpus}{part}, {name}{of}",
        rung=name,
        spec=made,
    )


QUICK = {
    "texts": [["grammar-char", 20_000, 4_000, 2], ["grammar-char", 0, 4_000, 1]],
    "gap_budget": [20_000_000_000, 2, 24],
    "context_length": 64,
    "contexts": [2, 8],
    "context_budget": [10_000_000_000, 2],
}
SMOKE = QUICK | {
    "texts": [["grammar-char", 5_000, 500, 2], ["grammar-char", 0, 500, 1]],
    "gap_budget": [400_000_000, 2, 24],
    "context_length": 16,
    "n_layer": 2,
    "context_budget": [400_000_000, 2],
}
SECTION = Section(notebook="12_ten_times", plan=ten_times, quick=QUICK, smoke=SMOKE)
