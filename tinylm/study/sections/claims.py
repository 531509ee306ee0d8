"""The runs that judge the stated claims. Needs no torch."""

from collections.abc import Sequence
from dataclasses import replace

from tinylm import data
from tinylm.config import LinearConfig, MLPConfig, ModelConfig, TrainConfig, TransformerConfig
from tinylm.study import sister
from tinylm.study.parameters import Section, StudyError, checked
from tinylm.study.planned import Planned, planned


@checked
def claims(
    *,
    corpus: str = "tiny_shakespeare",
    context_length: int = 128,
    d_model: int = 128,
    d_hidden: int = 256,
    context_lengths: Sequence[int] = (16, 32, 64, 128),
    linear_epochs: int = 12,
    mlp_epochs: int = 28,
    attention_epochs: int = 4,
    windows_per_epoch: int = 50_000,
    eval_tokens: int = 10_000,
    sister_context_lengths: Sequence[int] = (16, 32, 64, 128),
    sister_heads: Sequence[int] = (1, 2, 4, 8),
    sister_layers: Sequence[int] = (2, 4, 6),
    sister_windows: int = 7_680,
    seeds: Sequence[int] = (0, 1, 2, 3, 4),
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
    return planned("claims", {name: (corpus, *run) for name, run in runs.items()}, seeds)


QUICK = {
    "context_length": 32,
    "context_lengths": [8, 32],
    "linear_epochs": 6,
    "mlp_epochs": 6,
    "attention_epochs": 2,
    "windows_per_epoch": 2_000,
    "eval_tokens": 1_000,
    "sister_context_lengths": [8, 32],
    "sister_heads": [1, 4],
    "sister_layers": [2],
    "sister_windows": 64,
    "seeds": [0],
}
SMOKE = {
    "corpus": "grammar-char",
    "context_length": 16,
    "d_model": 16,
    "d_hidden": 32,
    "context_lengths": [8, 16],
    "linear_epochs": 2,
    "mlp_epochs": 2,
    "attention_epochs": 1,
    "windows_per_epoch": 640,
    "eval_tokens": 500,
    "sister_context_lengths": [8, 16],
    "sister_heads": [1, 2],
    "sister_layers": [1, 2],
    "sister_windows": 32,
    "seeds": [0],
}
SECTION = Section(notebook="07_claims", plan=claims, quick=QUICK, smoke=SMOKE)
