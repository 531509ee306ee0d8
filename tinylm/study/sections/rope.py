"""The reproduced study's ablation of rotary positions. Needs no torch."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from tinylm.config import RunSpec, TrainConfig, TransformerConfig
from tinylm.study.parameters import Section, checked
from tinylm.study.planned import Planned, with_seeds


@checked
def rope(
    *,
    corpus: str = "tiny_shakespeare",
    context_length: int = 128,
    d_model: int = 128,
    n_layer: int = 3,
    rope_base: float = 10_000.0,
    epochs: int = 8,
    windows_per_epoch: int = 50_000,
    eval_tokens: int = 10_000,
    seeds: Sequence[int] = (0, 1, 2, 3, 4),
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
    models = {"Learned positions": learned, "RoPE": replace(learned, position="rope")}
    row = partial(Planned, section="rope", role="ablation", architecture="Transformer")
    return with_seeds([row(name=name, spec=RunSpec(corpus=corpus, model=m, train=train)) for name, m in models.items()], seeds)


QUICK = {
    "epochs": 2,
    "windows_per_epoch": 8_000,
    "eval_tokens": 4_000,
    "seeds": [0],
}
SMOKE = {
    "corpus": "grammar-char",
    "context_length": 16,
    "d_model": 16,
    "n_layer": 2,
    "epochs": 2,
    "windows_per_epoch": 640,
    "eval_tokens": 500,
    "seeds": [0],
}
SECTION = Section(notebook="04_rope_ablation", plan=rope, quick=QUICK, smoke=SMOKE)
