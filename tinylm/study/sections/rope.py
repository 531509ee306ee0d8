"""The reproduced study's ablation of rotary positions. Needs no torch."""

from dataclasses import replace

from tinylm.config import TrainConfig, TransformerConfig
from tinylm.study.parameters import checked
from tinylm.study.planned import Planned, planned


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
