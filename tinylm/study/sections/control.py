"""A control experiment on generated text, whose least possible loss is known. Needs no torch."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from tinylm.config import LinearConfig, MLPConfig, RunSpec, TrainConfig, TransformerConfig
from tinylm.study import recipes
from tinylm.study.parameters import Section, checked
from tinylm.study.planned import Planned, counts, with_seeds

CORPORA = ("tiny_shakespeare", "wikitext-2-char", "ptb", "wikitext-2", "ptb-eos", "wikitext-2-eos", "grammar-char", "grammar-word")


@checked
def control(
    *,
    corpora: Sequence[str] = CORPORA,
    control_corpus: str = "grammar-char",
    context_length: int = 64,
    d_model: int = 64,
    n_layer: int = 2,
    epochs: int = 4,
    windows_per_epoch: int = 20_000,
    eval_tokens: int = 10_000,
    orders: Sequence[int] = (0, 1, 2, 4, 6),
    count_corpora: Sequence[str] = ("tiny_shakespeare", "ptb-eos", "wikitext-2-eos"),
    count_orders: Sequence[int] = (1, 2, 3, 4, 5, 6),
    seeds: Sequence[int] = (0, 1, 2, 3, 4),
) -> list[Planned]:
    """A control experiment on generated text, whose least possible loss is known: each architecture and counts against that floor.

    `corpora` are the texts whose statistics the notebook shows; they need no run. The whole of `count_corpora` is counted and
    scored on the tokens that recipes are scored on: the literature's protocol on the `-eos` ones.
    """
    train = TrainConfig(epochs=epochs, windows_per_epoch=windows_per_epoch, n_evals=epochs, eval_tokens=eval_tokens, lr=1e-3)
    shape: dict[str, Any] = {"context_length": context_length, "d_model": d_model}
    quiet: dict[str, Any] = {"attention_dropout": 0.0, "ffn_dropout": 0.0, "norm_place": "pre"}
    models = {
        "Linear": LinearConfig(**shape),
        "MLP": MLPConfig(**shape, d_hidden=2 * d_model, dropout=0.0),
        "Self-Attention": TransformerConfig(**shape, n_layer=1, d_ff=4 * d_model, **quiet),
        "Transformer": TransformerConfig(**shape, n_layer=n_layer, d_ff=2 * d_model, **quiet),
    }
    row = partial(Planned, section="control", role="control")
    rows = [row(architecture=name, name=name, spec=RunSpec(corpus=control_corpus, model=m, train=train)) for name, m in models.items()]
    counting = TrainConfig(epochs=1, eval_start=context_length, eval_tokens=eval_tokens)
    whole = counts(
        "control", {name: f"{name} " for name in count_corpora}, count_orders, TrainConfig(epochs=1, eval_start=recipes.EVAL_START)
    )
    return counts("control", {control_corpus: ""}, orders, counting) + whole + with_seeds(rows, seeds)


QUICK = {
    "corpora": ["tiny_shakespeare", "ptb", "grammar-char"],
    "epochs": 2,
    "count_corpora": ["tiny_shakespeare"],
    "seeds": [0, 1],
}
SMOKE = {
    "corpora": ["grammar-char", "grammar-word"],
    "context_length": 16,
    "d_model": 16,
    "epochs": 1,
    "windows_per_epoch": 640,
    "eval_tokens": 500,
    "orders": [0, 1, 3],
    "count_corpora": ["grammar-word"],
    "count_orders": [1, 2],
    "seeds": [0, 1],
}
SECTION = Section(notebook="01_data", plan=control, quick=QUICK, smoke=SMOKE)
