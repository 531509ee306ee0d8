"""The study itself: section x profile -> parameters -> planned runs. Needs no torch.

Each section function takes exactly the parameters of its notebook's parameter cell.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from tinylm import data, sister
from tinylm.config import (
    LinearConfig,
    MLPConfig,
    ModelConfig,
    NgramConfig,
    RunSpec,
    TrainConfig,
    TransformerConfig,
)
from tinylm.parameters import StudyError, checked
from tinylm.profiles import PROFILES


@dataclass(frozen=True)
class Planned:
    """A run of a section: its name in tables (seeds share it) and its spec."""

    section: str
    name: str
    spec: RunSpec


def _planned(section: str, models: dict[str, tuple[str, ModelConfig, TrainConfig]], seeds: list[int]) -> list[Planned]:
    runs = [(name, RunSpec(corpus=c, model=m, train=t)) for name, (c, m, t) in models.items()]
    return [Planned(section, name, replace(spec, seed=seed)) for seed in seeds for name, spec in runs]


def _counts(section: str, corpora: dict[str, str], orders: list[int], train: TrainConfig) -> list[Planned]:
    """N-gram rows, one seed each: counting has no randomness."""
    runs = {
        f"{prefix}{NGRAM_NAMES.get(order, f'KN-{order}')}": (corpus, NgramConfig(order=order), replace(train, epochs=1, n_evals=1))
        for corpus, prefix in corpora.items()
        for order in orders
    }
    return _planned(section, runs, [0])


NGRAM_NAMES = {0: "Uniform", 1: "Unigram"}


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
    whole = _counts(
        "control", {name: f"{name} " for name in count_corpora}, count_orders, TrainConfig(epochs=1, eval_start=max(count_orders))
    )
    return _counts("control", {control_corpus: ""}, orders, counting) + whole + _planned("control", models, seeds)


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
    counts = _counts("architectures", {corpus: ""}, orders, TrainConfig(epochs=1, eval_start=context_length, eval_tokens=eval_tokens))
    return counts + _planned("architectures", models, seeds)


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
    seeds: list[int],
) -> list[Planned]:
    """One size at a time: context of Linear, width of the MLP, heads of Self-Attention, depth of the Transformer."""
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
    return _planned("sweeps", models, seeds)


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
    return _planned("rope", models, seeds)


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
    windows_per_epoch: int,
    eval_tokens: int,
    orders: list[int],
    seeds: list[int],
    seeds_once: list[int],
) -> list[Planned]:
    """The Transformer on words, trained on the first tokens of each corpus, and n-gram counts of the same text.

    Windows start at random, as the study's do on characters; `seeds_once` repeat it with each window visited once an epoch.
    """
    train = TrainConfig(
        epochs=epochs,
        batch_size=batch_size,
        windows_per_epoch=windows_per_epoch,
        train_tokens=train_tokens,
        n_evals=epochs,
        eval_tokens=eval_tokens,
    )
    model = TransformerConfig(context_length=context_length, d_model=d_model, n_layer=n_layer, d_ff=2 * d_model)
    if len(names) != len(corpora):
        raise StudyError(f"names: needs one for each of the {len(corpora)} corpora, got {names!r}")
    prefixes = dict(zip(corpora, (f"{name} " for name in names), strict=True))
    models = {f"{prefix}Transformer": (corpus, model, train) for corpus, prefix in prefixes.items()}
    once = {f"{name}, each window once": (*run[:2], replace(train, sampling="shuffled")) for name, run in models.items()}
    counting = TrainConfig(epochs=1, train_tokens=train_tokens, eval_start=context_length, eval_tokens=eval_tokens)
    return _counts("words", prefixes, orders, counting) + _planned("words", models, seeds) + _planned("words", once, seeds_once)


@checked
def speed(*, device: str) -> list[Planned]:
    """The appendix on speed shows timings that `python -m tinylm bench` recorded; it plans no run."""
    return []


@checked
def claims(
    *,
    corpus: str,
    context_length: int,
    d_model: int,
    d_hidden: int,
    context_lengths: list[int],
    linear_epochs: int,
    mlp_epochs: int,
    attention_epochs: int,
    windows_per_epoch: int,
    eval_tokens: int,
    sister_context_lengths: list[int],
    sister_heads: list[int],
    sister_layers: list[int],
    sister_windows: int,
    seeds: list[int],
) -> list[Planned]:
    """What judges the stated claims: the paper's MLP and Linear trained longer, its Self-Attention at shorter contexts, the sister
    project's models under its own protocol.

    All are scored on the same tokens, those of the paper's slice. Feed-forward models read `windows_per_epoch` windows an epoch,
    the sister's attention models as many tokens as `sister_windows` windows of 64 hold. The dear runs come last.
    """
    if max(*context_lengths, *sister_context_lengths) > context_length:
        raise StudyError(f"context_lengths, sister_context_lengths: none may exceed context_length={context_length}, where scoring begins")
    train = TrainConfig(epochs=1, windows_per_epoch=windows_per_epoch, eval_start=context_length, eval_tokens=eval_tokens)
    mlp = MLPConfig(context_length=context_length, d_model=d_model, d_hidden=d_hidden)
    runs: dict[str, tuple[ModelConfig, TrainConfig]] = {"MLP, long": (mlp, replace(train, epochs=mlp_epochs, n_evals=mlp_epochs))}
    longer = replace(train, epochs=linear_epochs, n_evals=linear_epochs)
    runs |= {f"Linear, T = {length}, long": (LinearConfig(context_length=length, d_model=d_model), longer) for length in context_lengths}
    short = replace(train, epochs=attention_epochs, n_evals=attention_epochs)
    for length in (length for length in context_lengths if length < context_length):
        attention = TransformerConfig(context_length=length, d_model=d_model, n_layer=1, d_ff=4 * d_model)
        runs[f"Self-Attention, T = {length}"] = (attention, short)
    runs |= sister.feedforward(train, data.vocab_size(corpus), sister_context_lengths, context_length)
    runs |= sister.attention(replace(train, windows_per_epoch=sister_windows), context_length, d_model, sister_heads, sister_layers)
    return _planned("claims", {name: (corpus, *run) for name, run in runs.items()}, seeds)


SECTIONS: dict[str, Callable[..., list[Planned]]] = {
    "control": control,
    "architectures": architectures,
    "sweeps": sweeps,
    "rope": rope,
    "words": words,
    "claims": claims,
    "speed": speed,
}
NOTEBOOKS = {
    "control": "01_data",
    "architectures": "02_architectures",
    "sweeps": "03_sweeps",
    "rope": "04_rope_ablation",
    "words": "05_word_level",
    "claims": "07_claims",
    "speed": "09_speed",
}


def section_plan(section: str, profile: str) -> list[Planned]:
    """The planned runs of a section under a profile; StudyError for an unknown one."""
    if profile not in PROFILES:
        raise StudyError(f"unknown profile {profile!r}; choose one of {', '.join(PROFILES)}")
    if section not in SECTIONS:
        raise StudyError(f"unknown section {section!r}; choose one of {', '.join(SECTIONS)}")
    return SECTIONS[section](**PROFILES[profile][section])


def plan(profile: str) -> list[Planned]:
    """Every planned run of a profile, most wanted first: all of seed 0 in the order of the sections, then seed 1, and so on."""
    runs = [run for section in SECTIONS for run in section_plan(section, profile)]
    return sorted(runs, key=lambda run: run.spec.seed)
