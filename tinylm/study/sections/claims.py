"""The runs that judge the stated claims. Needs no torch."""

from dataclasses import replace

from tinylm import data
from tinylm.config import LinearConfig, MLPConfig, ModelConfig, TrainConfig, TransformerConfig
from tinylm.study import sister
from tinylm.study.parameters import StudyError, checked
from tinylm.study.planned import Planned, planned


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
    return planned("claims", {name: (corpus, *run) for name, run in runs.items()}, seeds)
