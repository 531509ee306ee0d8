"""The reproduced study's sweeps: one size at a time. Needs no torch."""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from tinylm import data
from tinylm.config import LinearConfig, MLPConfig, ModelConfig, RunSpec, TrainConfig, TransformerConfig
from tinylm.config.shown import short
from tinylm.flops import n_params
from tinylm.study.parameters import Section, checked
from tinylm.study.planned import Planned, counts, select, with_seeds

Models = dict[str, tuple[str, ModelConfig]]  # by name: architecture and model
MAPPED = 2  # seeds of a map


@checked
def sweeps(
    *,
    corpus: str = "tiny_shakespeare",
    context_length: int = 128,
    d_model: int = 128,
    context_lengths: Sequence[int] = (32, 64, 128),
    hidden_widths: Sequence[int] = (128, 256, 512),
    head_counts: Sequence[int] = (1, 2, 4),
    layer_counts: Sequence[int] = (2, 3, 4),
    epochs: int = 2,
    windows_per_epoch: int = 30_000,
    eval_tokens: int = 5_000,
    orders: Sequence[int] = (4, 6),
    seeds: Sequence[int] = (0, 1, 2, 3, 4),
    map_budgets: Sequence[int] = (10_000_000_000, 100_000_000_000, 1_000_000_000_000),
    map_contexts: Sequence[int] = (8, 16, 32, 64, 128, 256),
    map_rates: Sequence[float] = (3e-4, 1e-3, 3e-3, 1e-2),
) -> list[Planned]:
    """One size at a time: context of Linear, width of the MLP, heads of Self-Attention, depth of the Transformer; beside them counts.

    The last depth is also trained with as many steps for each parameter as the last but one has, and the last but one with as many steps.
    A map of Linear has each of its contexts at each budget in FLOPs and each learning rate, with the first seeds.
    """
    train = TrainConfig(epochs=epochs, windows_per_epoch=windows_per_epoch, n_evals=epochs, eval_tokens=eval_tokens)
    shape: dict[str, Any] = {"context_length": context_length, "d_model": d_model}
    models = _linear_models(d_model, context_lengths) | _mlps(shape, hidden_widths) | _transformers(shape, head_counts, layer_counts)
    row = partial(Planned, section="sweeps", role="sweep")
    rows = [row(architecture=a, name=name, spec=RunSpec(corpus=corpus, model=m, train=train)) for name, (a, m) in models.items()]
    counting = TrainConfig(epochs=1, eval_start=context_length, eval_tokens=eval_tokens)
    cells = itertools.product(map_budgets, map_rates, map_contexts)
    mapped = with_seeds([_linear(corpus, d_model, eval_tokens, *cell) for cell in cells], seeds[:MAPPED])
    depths = select(rows, architecture="Transformer")[-2:]
    deeper = with_seeds(_longer(*depths) if len(depths) == 2 else [], seeds)
    return counts("sweeps", {corpus: "Sweeps "}, orders, counting) + with_seeds(rows, seeds) + deeper + mapped


def _linear_models(d_model: int, lengths: Sequence[int]) -> Models:
    return {f"Linear, T = {length}": ("Linear", LinearConfig(context_length=length, d_model=d_model)) for length in lengths}


def _mlps(shape: dict[str, Any], widths: Sequence[int]) -> Models:
    return {f"MLP, {width} hidden": ("MLP", MLPConfig(**shape, d_hidden=width)) for width in widths}


def _transformers(shape: dict[str, Any], head_counts: Sequence[int], layer_counts: Sequence[int]) -> Models:
    """Self-Attention of so many heads, and Transformers of so many layers."""
    attention = TransformerConfig(**shape, n_layer=1, d_ff=4 * shape["d_model"])
    transformer = TransformerConfig(**shape, d_ff=2 * shape["d_model"])
    found: Models = {}
    for heads in head_counts:
        name = f"Self-Attention, {heads} head{'s' if heads > 1 else ''}"
        found[name] = ("Self-Attention", replace(attention, n_head=heads))
    for layers in layer_counts:
        found[f"Transformer, {layers} layers"] = ("Transformer", replace(transformer, n_layer=layers))
    return found


def _longer(shallow: Planned, deep: Planned) -> list[Planned]:
    """The deep one with as many steps for each of its parameters as the shallow one has, and that one with as many steps."""
    sizes = [n_params(run.spec.model, data.vocab_size(run.spec.corpus)) for run in (shallow, deep)]
    windows = round(deep.spec.train.windows_per_epoch * sizes[1] / sizes[0])
    rows = []
    for run in (deep, shallow):
        spec = replace(run.spec, train=replace(run.spec.train, windows_per_epoch=windows))
        rows.append(replace(run, role="depth", name=f"{run.name}, more steps", spec=spec))
    return rows


def _linear(corpus: str, d_model: int, eval_tokens: int, flops: int, lr: float, context_length: int) -> Planned:
    """Linear trained as in the sweeps, but for its budget and rate."""
    train = TrainConfig(flops=flops, lr=lr, eval_tokens=eval_tokens)
    return Planned(
        section="sweeps",
        role="context-map",
        architecture="Linear",
        name=f"Linear, T = {context_length}, rate {lr:g}, {short(flops)}",
        spec=RunSpec(corpus=corpus, model=LinearConfig(context_length=context_length, d_model=d_model), train=train),
    )


QUICK = {
    "windows_per_epoch": 4_000,
    "eval_tokens": 2_000,
    "seeds": [0],
    "map_budgets": [10_000_000_000],
}
SMOKE = {
    "corpus": "grammar-char",
    "context_length": 16,
    "d_model": 16,
    "context_lengths": [8, 16],
    "hidden_widths": [16, 32],
    "head_counts": [1, 2],
    "layer_counts": [1, 2],
    "windows_per_epoch": 640,
    "eval_tokens": 500,
    "orders": [3],
    "seeds": [0],
    "map_budgets": [100_000_000],
    "map_contexts": [8, 16],
    "map_rates": [3e-4, 3e-3],
}
SECTION = Section(notebook="03_sweeps", plan=sweeps, quick=QUICK, smoke=SMOKE)
