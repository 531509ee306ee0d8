"""The four baselines of the reproduced study. Needs no torch."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from tinylm.config import LinearConfig, MLPConfig, RunSpec, TrainConfig, TransformerConfig
from tinylm.study.parameters import Section, checked
from tinylm.study.planned import Planned, counts, with_seeds


@checked
def architectures(
    *,
    corpus: str = "tiny_shakespeare",
    context_length: int = 128,
    d_model: int = 128,
    d_hidden: int = 256,
    n_layer: int = 3,
    epochs_feedforward: int = 3,
    epochs_attention: int = 4,
    windows_per_epoch: int = 50_000,
    eval_tokens: int = 10_000,
    orders: Sequence[int] = (0, 1, 2, 4, 6),
    seeds: Sequence[int] = (0, 1, 2, 3, 4),
    linear_seeds: Sequence[int] = (5, 6, 7, 8),
) -> list[Planned]:
    """The four baselines under the paper protocol, and n-gram counts scored on the same tokens.

    The linear model, whose first five seeds happen to lie close together, also has the `linear_seeds`.
    """
    short = TrainConfig(epochs=epochs_feedforward, windows_per_epoch=windows_per_epoch, n_evals=epochs_feedforward, eval_tokens=eval_tokens)
    long = replace(short, epochs=epochs_attention, n_evals=epochs_attention)
    shape: dict[str, Any] = {"context_length": context_length, "d_model": d_model}
    models = {
        "Linear": (LinearConfig(**shape), short),
        "MLP": (MLPConfig(**shape, d_hidden=d_hidden), short),
        "Self-Attention": (TransformerConfig(**shape, n_layer=1, d_ff=4 * d_model), long),
        "Transformer": (TransformerConfig(**shape, n_layer=n_layer, d_ff=2 * d_model), long),
    }
    row = partial(Planned, section="architectures", role="baseline")
    rows = [row(architecture=name, name=name, spec=RunSpec(corpus=corpus, model=m, train=t)) for name, (m, t) in models.items()]
    counting = TrainConfig(epochs=1, eval_start=context_length, eval_tokens=eval_tokens)
    more = with_seeds(rows[:1], [seed for seed in linear_seeds if seed not in seeds])
    return counts("architectures", {corpus: ""}, orders, counting) + with_seeds(rows, seeds) + more


QUICK = {
    "windows_per_epoch": 8_000,
    "eval_tokens": 4_000,
    "seeds": [0],
    "linear_seeds": [0],
}
SMOKE = {
    "corpus": "grammar-char",
    "context_length": 16,
    "d_model": 16,
    "d_hidden": 32,
    "n_layer": 2,
    "windows_per_epoch": 640,
    "eval_tokens": 500,
    "orders": [0, 1, 3],
    "seeds": [0],
    "linear_seeds": [0],
}
SECTION = Section(notebook="02_architectures", plan=architectures, quick=QUICK, smoke=SMOKE)
