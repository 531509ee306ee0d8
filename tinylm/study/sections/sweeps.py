"""The reproduced study's sweeps: one size at a time. Needs no torch."""

from dataclasses import replace
from typing import Any

from tinylm.config import LinearConfig, MLPConfig, ModelConfig, TrainConfig, TransformerConfig
from tinylm.study.parameters import checked
from tinylm.study.planned import Planned, counts, planned


@checked
def sweeps(
    *,
    corpus: str,
    context_length: int,
    d_model: int,
    context_lengths: list[int],
    hidden_widths: list[int],
    head_counts: list[int],
    layer_counts: list[int],
    epochs: int,
    windows_per_epoch: int,
    eval_tokens: int,
    orders: list[int],
    seeds: list[int],
) -> list[Planned]:
    """One size at a time: context of Linear, width of the MLP, heads of Self-Attention, depth of the Transformer; beside them counts."""
    train = TrainConfig(epochs=epochs, windows_per_epoch=windows_per_epoch, n_evals=epochs, eval_tokens=eval_tokens)
    shape: dict[str, Any] = {"context_length": context_length, "d_model": d_model}
    attention = TransformerConfig(**shape, n_layer=1, d_ff=4 * d_model)
    transformer = TransformerConfig(**shape, d_ff=2 * d_model)
    models: dict[str, tuple[str, ModelConfig, TrainConfig]] = {}
    for length in context_lengths:
        models[f"Linear, T = {length}"] = (corpus, LinearConfig(context_length=length, d_model=d_model), train)
    for width in hidden_widths:
        models[f"MLP, {width} hidden"] = (corpus, MLPConfig(**shape, d_hidden=width), train)
    for heads in head_counts:
        name = f"Self-Attention, {heads} head{'s' if heads > 1 else ''}"
        models[name] = (corpus, replace(attention, n_head=heads), train)
    for layers in layer_counts:
        models[f"Transformer, {layers} layers"] = (corpus, replace(transformer, n_layer=layers), train)
    counting = TrainConfig(epochs=1, eval_start=context_length, eval_tokens=eval_tokens)
    return counts("sweeps", {corpus: "Sweeps "}, orders, counting) + planned("sweeps", models, seeds)
