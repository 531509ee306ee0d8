"""The four baselines of the reproduced study. Needs no torch."""

from dataclasses import replace
from typing import Any

from tinylm.config import LinearConfig, MLPConfig, TrainConfig, TransformerConfig
from tinylm.study.parameters import checked
from tinylm.study.planned import Planned, counts, planned


@checked
def architectures(
    *,
    corpus: str,
    context_length: int,
    d_model: int,
    d_hidden: int,
    n_layer: int,
    epochs_feedforward: int,
    epochs_attention: int,
    windows_per_epoch: int,
    eval_tokens: int,
    orders: list[int],
    seeds: list[int],
) -> list[Planned]:
    """The four baselines under the paper protocol, and n-gram counts scored on the same tokens."""
    short = TrainConfig(epochs=epochs_feedforward, windows_per_epoch=windows_per_epoch, n_evals=epochs_feedforward, eval_tokens=eval_tokens)
    long = replace(short, epochs=epochs_attention, n_evals=epochs_attention)
    shape: dict[str, Any] = {"context_length": context_length, "d_model": d_model}
    models = {
        "Linear": (corpus, LinearConfig(**shape), short),
        "MLP": (corpus, MLPConfig(**shape, d_hidden=d_hidden), short),
        "Self-Attention": (corpus, TransformerConfig(**shape, n_layer=1, d_ff=4 * d_model), long),
        "Transformer": (corpus, TransformerConfig(**shape, n_layer=n_layer, d_ff=2 * d_model), long),
    }
    counting = TrainConfig(epochs=1, eval_start=context_length, eval_tokens=eval_tokens)
    return counts("architectures", {corpus: ""}, orders, counting) + planned("architectures", models, seeds)
