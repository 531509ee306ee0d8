"""How large a model a budget pays for: isoFLOP curves with repeated and with fresh text, and larger budgets. Needs no torch."""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from tinylm import data
from tinylm.config import RunSpec, TrainConfig
from tinylm.config.shown import short
from tinylm.data.base import HELD_OUT
from tinylm.study import nanogpt, purchases, recipes, scaling, titles
from tinylm.study.parameters import Section, checked
from tinylm.study.planned import Planned, with_seeds

Curve = tuple[int, int, int, int, int, int, int, int]  # FLOPs, seeds, and six widths from small to large
Test = tuple[str, int, int, int]  # text, FLOPs, width and seeds of what a forecast says, or of half and double of its size
Timed = tuple[str, int, int, int]  # architecture, and the FLOPs of a short, a middle and a long run
CURVES: Sequence[Curve] = (
    (100_000_000_000, 3, 16, 24, 32, 40, 48, 64),
    (300_000_000_000, 3, 24, 32, 40, 48, 64, 96),
    (1_000_000_000_000, 2, 24, 32, 48, 64, 96, 128),
    (3_000_000_000_000, 2, 32, 48, 64, 96, 128, 160),
    (10_000_000_000_000, 2, 48, 64, 96, 128, 160, 224),
)
TESTS: Sequence[Test] = (
    ("tiny_shakespeare", 10_000_000_000_000, 88, 2),
    ("wikitext-2-char", 10_000_000_000_000, 56, 2),
    ("wikitext-2-char", 10_000_000_000_000, 80, 2),
    ("tiny_shakespeare", 30_000_000_000_000, 136, 2),
    ("wikitext-2-char", 30_000_000_000_000, 72, 2),
    ("wikitext-2-char", 30_000_000_000_000, 104, 2),
    ("tiny_shakespeare", 30_000_000_000_000, 96, 1),  # half and double of what was foreseen
    ("tiny_shakespeare", 30_000_000_000_000, 192, 1),
    ("wikitext-2-char", 30_000_000_000_000, 48, 1),
    ("wikitext-2-char", 30_000_000_000_000, 144, 1),
)
TIMED: Sequence[Timed] = (  # one minute, five and fifteen on two cores
    ("Transformer", 1_400_000_000_000, 22_000_000_000_000, 66_000_000_000_000),
    ("LSTM", 8_000_000_000_000, 40_000_000_000_000, 120_000_000_000_000),
    (nanogpt.TITLE, 4_000_000_000_000, 20_000_000_000_000, 60_000_000_000_000),
)
MIDDLE = 4  # where the width of a curve stands at which depth and context are varied


@checked
def capacity(
    *,
    corpora: Sequence[str] = ("tiny_shakespeare", "wikitext-2-char"),
    curves: Sequence[Curve] = CURVES,
    n_layer: int = 4,
    depths: Sequence[int] = (2, 3, 8),
    depth_budgets: Sequence[int] = (100_000_000_000, 300_000_000_000, 1_000_000_000_000),
    context_length: int = 128,
    contexts: Sequence[int] = (64, 256),
    context_budgets: Sequence[int] = (100_000_000_000, 1_000_000_000_000),
    tests: Sequence[Test] = TESTS,
    timed: Sequence[Timed] = TIMED,
    gated_flops: int = 10_000_000_000,
    eval_tokens: int = 200_000,
) -> list[Planned]:
    """For each text and budget: Transformers of several widths, and at the width in the middle of other depths and contexts.

    At some budgets each width is also trained with one layer fewer. A row of `curves` has FLOPs, the number of seeds, and six widths;
    one of `tests` has the text, the FLOPs and the width of a forecast in docs/ledger/forecasts, or of half or double of its size, and the
    number of seeds that test it; one of `timed` an architecture and the FLOPs of what it can train in few and in more minutes, beside
    tuned and gated counts.
    """
    planned: list[Planned] = []
    for corpus, (flops, n_seeds, *widths) in itertools.product(corpora, curves):
        at = partial(_planned, corpus=corpus, flops=flops, eval_tokens=eval_tokens)
        middle = widths[MIDDLE - 1]
        rows = [at("isoflop", width, n_layer, context_length) for width in widths]
        rows += [at("depth", middle, depth, context_length) for depth in depths]
        shallower = [width for width in widths if flops in depth_budgets and (width != middle or n_layer - 1 not in depths)]
        rows += [at("shallower", width, n_layer - 1, context_length) for width in shallower]
        rows += [at("context", middle, n_layer, length) for length in contexts if flops in context_budgets]
        planned += with_seeds(rows, range(n_seeds))
    for corpus, flops, width, n_seeds in tests:
        row = _planned("forecast", width, n_layer, context_length, corpus=corpus, flops=flops, eval_tokens=eval_tokens)
        planned += with_seeds([row], range(n_seeds))
    for corpus in corpora:
        planned += _counted(corpus, gated_flops, eval_tokens)
        planned += [_timed(corpus, architecture, flops, eval_tokens) for architecture, *budgets in timed for flops in budgets]
    return planned


def _planned(role: str, d_model: int, n_layer: int, context_length: int, *, corpus: str, flops: int, eval_tokens: int) -> Planned:
    shape = f"width {d_model}, {n_layer} layers, T = {context_length}"
    return Planned(
        section="capacity",
        role=role,
        architecture="Transformer without induction",
        name=f"{corpus}, {shape}, {short(flops)}",
        spec=scaling.spec(corpus, flops, d_model, n_layer, context_length, eval_tokens),
    )


def _counted(corpus: str, gated_flops: int, eval_tokens: int) -> list[Planned]:
    """Tuned counts of a text, and gated ones."""
    counting = TrainConfig(epochs=1, eval_start=recipes.EVAL_START)
    rows = [purchases.tuned("capacity", corpus, counting), *purchases.gated("capacity", [corpus], [gated_flops])]
    return [replace(run, spec=_shortened(run.spec, eval_tokens)) for run in rows]


def _timed(corpus: str, architecture: str, flops: int, eval_tokens: int) -> Planned:
    """What an architecture can train in some minutes: its recipe, and that of others."""
    is_ours = architecture != nanogpt.TITLE
    spec = recipes.recipe(titles.recipe_name(architecture), corpus, flops) if is_ours else nanogpt.spec(corpus, flops)
    name = f"{corpus}, {architecture}, {short(flops)}"
    return Planned(section="capacity", role="timed", architecture=architecture, name=name, spec=_shortened(spec, eval_tokens))


def _shortened(spec: RunSpec, eval_tokens: int) -> RunSpec:
    """The spec with fewer scored tokens where its text has more: of a short one the run is that of other sections."""
    is_long = max(data.info(spec.corpus).n_tokens[split] for split in HELD_OUT) > recipes.EVAL_START + eval_tokens
    return replace(spec, train=replace(spec.train, eval_tokens=eval_tokens)) if is_long else spec


QUICK = {
    "corpora": ["grammar-char"],
    "curves": [
        [5_000_000_000, 1, 8, 16, 24, 32, 40, 48],
        [10_000_000_000, 1, 8, 16, 24, 32, 40, 48],
        [20_000_000_000, 1, 8, 16, 24, 32, 48, 64],
    ],
    "depths": [2],
    "depth_budgets": [5_000_000_000],
    "contexts": [64],
    "context_budgets": [5_000_000_000],
    "tests": [["grammar-char", 20_000_000_000, 40, 1]],
    "timed": [["LSTM", 10_000_000_000, 20_000_000_000, 40_000_000_000]],
    "gated_flops": 1_000_000_000,
    "eval_tokens": 5_000,
}
SMOKE = {
    "corpora": ["grammar-char"],
    "curves": [[100_000_000, 1, 8, 16, 24, 32, 40, 48], [200_000_000, 1, 8, 16, 24, 32, 40, 48], [300_000_000, 1, 8, 16, 24, 32, 40, 48]],
    "n_layer": 2,
    "depths": [1],
    "depth_budgets": [100_000_000],
    "context_length": 32,
    "contexts": [16],
    "context_budgets": [100_000_000],
    "tests": [["grammar-char", 300_000_000, 56, 1]],
    "timed": [["LSTM", 300_000_000, 400_000_000, 500_000_000], ["nanoGPT", 4_000_000_000, 8_000_000_000, 12_000_000_000]],
    "gated_flops": 100_000_000,
    "eval_tokens": 500,
}
SECTION = Section(notebook="08_capacity", plan=capacity, quick=QUICK, smoke=SMOKE)
