"""The reproduced study's ablation of rotary positions, and every kind of positions by length. Needs no torch."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from tinylm.config import RunSpec, TrainConfig, TransformerConfig
from tinylm.study import techniques
from tinylm.study.parameters import Section, checked
from tinylm.study.planned import Planned, with_seeds
from tinylm.study.techniques import Budget
from tinylm.study.titles import POSITIONS

# How many times the text's rate is best, of those tried at 1e12 FLOPs with windows of 256, by valid of a seed that is not reported.
TIMES = {"wikitext-2-char": {"rope": 4.0, "none": 2.0}, "tiny_shakespeare": {"rope": 2.0, "learned": 0.5, "none": 2.0}}


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
    texts: Sequence[str] = ("wikitext-2-char", "tiny_shakespeare"),
    lengths: Sequence[int] = (128, 256, 512, 1024),
    longer: int = 512,
    length_budget: Budget = (1_000_000_000_000, 3, 48),
    length_eval_tokens: int = 80_000,
) -> list[Planned]:
    """Learned against rotary positions in the paper's pre-norm block, whose FFN branch drops out twice at 0.1; then by length.

    On each of the `texts` every kind of positions is trained with each of the `lengths` for the FLOPs of `length_budget`, in the plain
    Transformer of the section on techniques. Those that know no longest distance are also trained with the first length and scored with
    a `longer` one.
    """
    train = TrainConfig(epochs=epochs, windows_per_epoch=windows_per_epoch, n_evals=epochs, eval_tokens=eval_tokens)
    pair = _pair(RunSpec(corpus=corpus, model=_learned(context_length, d_model, n_layer, rope_base), train=train))
    flops, n_seeds, width = length_budget
    by_length = partial(_by_length, flops=flops, width=width, eval_tokens=length_eval_tokens)
    more = [by_length(text, kind, length) for text in texts for length in lengths for kind in POSITIONS]
    more += [by_length(text, kind, lengths[0], longer) for text in texts for kind in POSITIONS if kind != "learned"]
    return with_seeds(pair, seeds) + with_seeds(more, range(n_seeds))


def _learned(context_length: int, d_model: int, n_layer: int, rope_base: float) -> TransformerConfig:
    return TransformerConfig(
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


def _pair(learned: RunSpec) -> list[Planned]:
    """Learned positions, and the same with rotary ones."""
    rotary = replace(learned, model=replace(learned.model, position="rope"))
    row = partial(Planned, section="rope", role="ablation", architecture="Transformer")
    return [row(name="Learned positions", spec=learned), row(name="RoPE", spec=rotary)]


def _by_length(corpus: str, kind: str, length: int, longer: int = 0, *, flops: int, width: int, eval_tokens: int) -> Planned:
    """A kind of positions with windows of a length, scored with `longer` ones if that is set."""
    name = POSITIONS[kind]
    changes = [name] if name in techniques.TECHNIQUES else []
    times = TIMES.get(corpus, {}).get(kind, 1.0)
    spec = techniques.spec(changes, (corpus, 0, 1), (length, 4, width), flops, times, eval_tokens)
    if longer:
        spec = replace(spec, train=replace(spec.train, eval_context=longer, eval_stride=longer // 2))
    return Planned(
        section="rope",
        role="longer" if longer else "length",
        architecture="Transformer without induction",
        name=f"{corpus}, {name}, T = {length}{f', scored with {longer}' if longer else ''}",
        spec=spec,
    )


QUICK = {
    "epochs": 2,
    "windows_per_epoch": 8_000,
    "eval_tokens": 4_000,
    "seeds": [0],
    "texts": ["grammar-char"],
    "lengths": [64, 128],
    "longer": 128,
    "length_budget": [10_000_000_000, 2, 24],
    "length_eval_tokens": 4_000,
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
    "texts": ["grammar-char"],
    "lengths": [16, 32],
    "longer": 32,
    "length_budget": [40_000_000, 1, 8],
    "length_eval_tokens": 500,
}
SECTION = Section(notebook="04_rope_ablation", plan=rope, quick=QUICK, smoke=SMOKE)
