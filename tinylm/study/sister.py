"""The sister project "Tiny Language Models" under its own protocol: its models, and how it trains them. Needs no torch.

Stated: AdamW with weight decay 0.01, a cosine over the run, clipping at 1, sampled windows, early stopping; each model's shape,
rate and number of epochs; batches of 128 for Linear; the loss at every position for the Transformer alone. Keeping the best weights
stands for early stopping: both test the same weights, and a stopped run only costs less.

Not stated, and chosen here: a warm-up of 5 % of the run; batches of 64, dropout 0.1 and learned positions, as the paper has them; the
paper's width for Attention; a Transformer of width 176, 4 heads, pre-norm, an FFN of GELU and four times the width, and N(0, 0.02)
initialisation, so that 4 layers hold 1.5 million parameters; how many windows make an epoch. Attention and Transformer are
validated ten times a run, not every epoch: one validation costs about half an epoch of theirs.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

from tinylm.config import LinearConfig, MLPConfig, ModelConfig, TrainConfig, TransformerConfig

Runs = dict[str, tuple[str, ModelConfig, TrainConfig]]  # by name: architecture, model, training

CONTEXT = 64  # of MLP and Attention, less where the study's own context is shorter


def _protocol(train: TrainConfig, lr: float, epochs: int, n_evals: int) -> TrainConfig:
    """The sister's optimizer and schedule; windows, batches and scoring are those of `train`."""
    settings = {"optimizer": "adamw", "weight_decay": 0.01, "schedule": "cosine", "warmup": 0.05, "clip": 1.0}
    return replace(train, lr=lr, epochs=epochs, n_evals=n_evals, **settings)


def feedforward(train: TrainConfig, vocab_size: int, context_lengths: Sequence[int], context_length: int) -> Runs:
    """One-hot Linear at each of the context lengths, and the GELU MLP; `context_length` is the study's."""
    linear = replace(_protocol(train, 1e-2, 15, 15), batch_size=128)
    runs: Runs = {}
    for length in context_lengths:
        runs[f"One-hot Linear, T = {length}"] = (
            "One-hot Linear",
            LinearConfig(context_length=length, d_model=vocab_size, embedding_init="identity"),
            linear,
        )
    mlp = MLPConfig(context_length=min(CONTEXT, context_length), d_model=32, activation="gelu", hidden_widths=(128, 256, 512))
    return runs | {"GELU MLP": ("GELU MLP", mlp, _protocol(train, 1e-3, 25, 25))}


def attention(train: TrainConfig, context_length: int, d_model: int, heads: Sequence[int], layers: Sequence[int]) -> Runs:
    """Attention without FFN for each number of heads, and the tied Transformer for each number of layers.

    The Transformer reads whole windows of `context_length`: fewer in an epoch, so that it is of as much text.
    """
    short = min(CONTEXT, context_length)
    bare = TransformerConfig(context_length=short, n_layer=2, d_model=d_model, ffn="none", norm_place="pre")
    tied = TransformerConfig(
        context_length=context_length, n_head=4, d_model=176, d_ff=704, norm_place="pre", ffn="gelu", tied=True, init="scaled"
    )
    last = _protocol(train, 1e-3, 30, 10)
    n_windows = math.ceil(train.windows_per_epoch * short / context_length)
    dense = replace(_protocol(train, 3e-4, 40, 10), loss_at="all", windows_per_epoch=n_windows)
    runs: Runs = {}
    for n in heads:
        runs[f"Attention without FFN, {n} head{'s' if n > 1 else ''}"] = ("Attention without FFN", replace(bare, n_head=n), last)
    for n in layers:
        runs[f"Tied Transformer, {n} layers"] = ("Tied Transformer", replace(tied, n_layer=n), dense)
    return runs
