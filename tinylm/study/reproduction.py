"""The reproduced study's sections, and the control that comes before them. Needs no torch.

Each section function takes exactly the parameters of its notebook's parameter cell.
"""

from dataclasses import replace
from typing import Any

from tinylm.config import LinearConfig, MLPConfig, ModelConfig, TrainConfig, TransformerConfig
from tinylm.study.parameters import StudyError, checked
from tinylm.study.planned import Planned, counts, planned
from tinylm.study.purchases import bought


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


@checked
def rope(
    *,
    corpus: str,
    context_length: int,
    d_model: int,
    n_layer: int,
    rope_base: float,
    epochs: int,
    windows_per_epoch: int,
    eval_tokens: int,
    seeds: list[int],
) -> list[Planned]:
    """Learned against rotary positions in the paper's pre-norm block, whose FFN branch drops out twice at 0.1."""
    train = TrainConfig(epochs=epochs, windows_per_epoch=windows_per_epoch, n_evals=epochs, eval_tokens=eval_tokens)
    learned = TransformerConfig(
        context_length=context_length,
        d_model=d_model,
        n_layer=n_layer,
        d_ff=2 * d_model,
        norm_place="pre",
        init="linear",
        rope_base=rope_base,
        attention_dropout=0.0,
        projection_dropout=0.1,
        ffn_dropout=0.19,  # twice 0.1: 1 - 0.9 ** 2
    )
    models = {"Learned positions": (corpus, learned, train), "RoPE": (corpus, replace(learned, position="rope"), train)}
    return planned("rope", models, seeds)


@checked
def words(
    *,
    corpora: list[str],
    names: list[str],
    context_length: int,
    d_model: int,
    n_layer: int,
    batch_size: int,
    epochs: int,
    train_tokens: int,
    eval_tokens: int,
    orders: list[int],
    seeds: list[int],
    bought_corpora: list[str],
    bought_budgets: list[int],
    bought_architectures: list[str],
    caches: list[int],
) -> list[Planned]:
    """The Transformer on words, trained on the first tokens of each corpus, and n-gram counts of the same text.

    An epoch is a window for each place of the text. They start at random, as the study's do on characters; the first seed also with each
    visited once. Beside them recipes of whole corpora at budgets of their own, and their counts of the highest order, without and with
    a cache.
    """
    if train_tokens < context_length + 2:
        raise StudyError(
            f"train_tokens: needs at least {context_length + 2}, a window of {context_length} and what follows; got {train_tokens}"
        )
    sizes = {"train_tokens": train_tokens, "eval_tokens": eval_tokens, "windows_per_epoch": train_tokens - context_length - 1}
    train = TrainConfig(epochs=epochs, n_evals=epochs, batch_size=batch_size, **sizes)
    model = TransformerConfig(context_length=context_length, d_model=d_model, n_layer=n_layer, d_ff=2 * d_model)
    if len(names) != len(corpora):
        raise StudyError(f"names: needs one for each of the {len(corpora)} corpora, got {names!r}")
    prefixes = dict(zip(corpora, (f"{name} " for name in names), strict=True))
    models = {f"{prefix}Transformer": (corpus, model, train) for corpus, prefix in prefixes.items()}
    once = {f"{name}, each window once": (*run[:2], replace(train, sampling="shuffled")) for name, run in models.items()}
    counting = TrainConfig(epochs=1, train_tokens=train_tokens, eval_start=context_length, eval_tokens=eval_tokens)
    reproduced = counts("words", prefixes, orders, counting) + planned("words", models, seeds) + planned("words", once, seeds[:1])
    return reproduced + bought("words", bought_corpora, bought_budgets, bought_architectures, [max(orders)], caches, seeds)
