"""A control experiment on generated text, whose least possible loss is known. Needs no torch."""

from typing import Any

from tinylm.config import LinearConfig, MLPConfig, TrainConfig, TransformerConfig
from tinylm.study.parameters import checked
from tinylm.study.planned import Planned, counts, planned


@checked
def control(
    *,
    corpora: list[str],
    control_corpus: str,
    context_length: int,
    d_model: int,
    n_layer: int,
    epochs: int,
    windows_per_epoch: int,
    eval_tokens: int,
    orders: list[int],
    count_corpora: list[str],
    count_orders: list[int],
    seeds: list[int],
) -> list[Planned]:
    """A control experiment on generated text, whose least possible loss is known: each architecture and counts against that floor.

    `corpora` are the texts whose statistics the notebook shows; they need no run. The whole of `count_corpora` is counted, and
    all of their valid and test splits is scored: the literature's protocol on the `-eos` ones.
    """
    train = TrainConfig(epochs=epochs, windows_per_epoch=windows_per_epoch, n_evals=epochs, eval_tokens=eval_tokens, lr=1e-3)
    shape: dict[str, Any] = {"context_length": context_length, "d_model": d_model}
    quiet: dict[str, Any] = {"attention_dropout": 0.0, "ffn_dropout": 0.0, "norm_place": "pre"}
    models = {
        "Linear": (control_corpus, LinearConfig(**shape), train),
        "MLP": (control_corpus, MLPConfig(**shape, d_hidden=2 * d_model, dropout=0.0), train),
        "Self-Attention": (control_corpus, TransformerConfig(**shape, n_layer=1, d_ff=4 * d_model, **quiet), train),
        "Transformer": (control_corpus, TransformerConfig(**shape, n_layer=n_layer, d_ff=2 * d_model, **quiet), train),
    }
    counting = TrainConfig(epochs=1, eval_start=context_length, eval_tokens=eval_tokens)
    whole = counts(
        "control", {name: f"{name} " for name in count_corpora}, count_orders, TrainConfig(epochs=1, eval_start=max(count_orders))
    )
    return counts("control", {control_corpus: ""}, orders, counting) + whole + planned("control", models, seeds)
