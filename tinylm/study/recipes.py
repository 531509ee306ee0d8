"""The best known way to spend a budget: architecture, corpus and FLOPs -> spec. Needs no torch.

Chosen by searches whose records lie in docs/ledger/search: characters on plays held out of the training text, words on valid, both
with seeds that no report uses. A text without recipes of its own takes those of the text of its level that is nearest in length.
The recipe of 2e15 FLOPs for characters is the largest searched one scaled up, with a dropout that was not searched to its end: for a GPU.
"""

import contextlib
import math
from dataclasses import dataclass, field, replace
from typing import Any

from tinylm import data
from tinylm.config import (
    ConfigError,
    GatedCountsConfig,
    InductionConfig,
    LinearConfig,
    LSTMConfig,
    MLPConfig,
    ModelConfig,
    NgramConfig,
    RunSpec,
    TrainConfig,
    TransformerConfig,
)
from tinylm.config.errors import instead, unknown
from tinylm.config.models import UNBOUNDED
from tinylm.data import own_texts
from tinylm.data.base import LEVELS
from tinylm.flops import run_cost

N_EVALS = 2
MANY_PASSES = 20  # over a training text: on 40,000 characters 18 passes were the best, and 41 worse than 9
MOST_EVALS = 20  # one a pass, of a short text
MODEST = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000)  # what a budget is divided by where it is too much for a text
EVAL_START = 256  # all models are scored on the same tokens; one that reads more sees all there is before the first ones
STRIDES_PER_CONTEXT = 8  # every token is scored with seven eighths of a context or more


class RecipeError(ConfigError):
    """An architecture, corpus or budget without a recipe."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A model and its training, chosen at a budget of about `flops`."""

    flops: float
    model: ModelConfig
    train: dict[str, Any] = field(default_factory=dict)


MUON = {"optimizer": "muon", "lr": 5e-3, "adam_lr": 3e-3, "beta2": 0.95, "schedule": "linear", "warmup": 0.03, "precision": "bf16"}
ADAMW = {"optimizer": "adamw", "lr": 3e-3, "beta2": 0.95, "schedule": "linear", "warmup": 0.03}


def modern(**shape: Any) -> TransformerConfig:
    """A pre-norm Transformer with rotary positions, normalised queries and keys, ReLU squared, no biases and no dropout."""
    block: dict[str, Any] = {"norm": "rms", "norm_place": "pre", "position": "rope", "ffn": "relu2", "qk_norm": True, "bias": False}
    return TransformerConfig(**block, init="zero_out", attention_dropout=0.0, ffn_dropout=0.0, **shape)


def _one_block(context_length: int, d_model: int) -> TransformerConfig:
    return modern(context_length=context_length, n_layer=1, d_model=d_model, d_ff=4 * d_model)


def _mlp(context_length: int, d_model: int, d_hidden: int) -> MLPConfig:
    return MLPConfig(context_length=context_length, d_model=d_model, d_hidden=d_hidden, dropout=0.0, activation="gelu")


def _with_dropout(model: TransformerConfig, dropout: float) -> TransformerConfig:
    """With the same dropout after the embedding and after each attention and FFN."""
    return replace(model, embedding_dropout=dropout, projection_dropout=dropout, ffn_dropout=dropout)


def _tied(context_length: int, n_layer: int, d_model: int, dropout: float = 0.0) -> TransformerConfig:
    """For words: embedding and head share their matrix, by far the largest."""
    shape = modern(context_length=context_length, n_layer=n_layer, d_model=d_model, d_ff=2 * d_model)
    return _with_dropout(replace(shape, tied=True), dropout)


def _pointing(context_length: int, window: int, n_layer: int, n_head: int, d_model: int, dropout: float = 0.0) -> TransformerConfig:
    """For words: attention reaches one to two windows back, and a pointer as far as the context."""
    tied = replace(_tied(context_length, n_layer, d_model, dropout), n_head=n_head)
    return replace(tied, attention_window=window, pointer=64 if d_model > 64 else 32)


def _recurrent(context_length: int, d_model: int, mogrifier_rounds: int = 0, **dropouts: float) -> LSTMConfig:
    """For words: one layer with a pointer, and dropouts of one mask for all positions of a window."""
    kind = {"dropout_kind": "variational"} if dropouts else {}
    shape = LSTMConfig(context_length=context_length, n_layer=1, d_model=d_model, tied=True, mogrifier_rounds=mogrifier_rounds)
    return replace(shape, pointer=64 if d_model > 64 else 32, **kind, **dropouts)


def _shared(model: TransformerConfig, dropout: float) -> TransformerConfig:
    """With dropout before the head too, and one mask for all positions of a window."""
    return replace(model, output_dropout=dropout, dropout_kind="variational")


def _gated(d_hidden: int) -> GatedCountsConfig:
    """Counts of the order and the discounts that counts alone are best with."""
    return GatedCountsConfig(discount_scale=1.15, d_hidden=d_hidden)


def _gated_words(*caches: int) -> GatedCountsConfig:
    """Counts of words, and of the last words by several caches: a text's older words mislead."""
    return GatedCountsConfig(order=5, caches=caches)


def _copying(context_length: int, window: int, n_layer: int, d_model: int) -> TransformerConfig:
    """Attention reaches one to two windows back, and induction as far as any character stood."""
    near = modern(context_length=context_length, n_layer=n_layer, d_model=d_model, d_ff=2 * d_model)
    return replace(near, attention_window=window, induction=(2, 3, 4, 6), induction_times=2)


WORDS = MUON | {"batch_size": 16, "adam_lr": 2e-2, "weight_decay": 0.3}
POINTED_WORDS = WORDS | {"batch_size": 4}
LARGE_WORDS = WORDS | {"weight_decay": 1.0}
LARGE = MUON | {"batch_size": 2, "weight_decay": 1.0}
COPIED = MUON | {"batch_size": 1, "weight_decay": 0.3}
GATED = ADAMW | {"batch_size": 16, "sampling": "tiled"}
COPYING = (
    Recipe(flops=1e11, model=_copying(1024, 16, 2, 32), train=COPIED | {"lr": 4e-2, "adam_lr": 1.2e-2}),
    Recipe(flops=1e12, model=_copying(2048, 32, 4, 48), train=COPIED | {"lr": 1e-2, "adam_lr": 6e-3}),  # 1,024 is as good, but slower
    Recipe(flops=3e12, model=_copying(2048, 32, 4, 48), train=COPIED),
    Recipe(flops=5e12, model=_copying(2048, 64, 4, 64), train=COPIED),
    Recipe(flops=7e12, model=_copying(2048, 64, 4, 80), train=COPIED),
    Recipe(flops=1e13, model=_copying(2048, 64, 4, 112), train=COPIED),
    Recipe(flops=1.5e13, model=_copying(2048, 64, 4, 112), train=COPIED | {"weight_decay": 1.0}),  # the best at 2.2e13 too
)
NOT_COPYING = (
    Recipe(
        flops=1e11,
        model=modern(context_length=32, n_layer=2, d_model=32, d_ff=64),
        train=MUON | {"batch_size": 32, "lr": 4e-2, "adam_lr": 1.2e-2, "weight_decay": 0.3},
    ),
    Recipe(
        flops=1e12,
        model=modern(context_length=64, n_layer=4, d_model=48, d_ff=96),
        train=MUON | {"batch_size": 32, "lr": 2e-2, "adam_lr": 1.2e-2, "weight_decay": 0.3},
    ),
    Recipe(flops=1e13, model=modern(context_length=128, n_layer=4, d_model=112, d_ff=224), train=MUON | {"batch_size": 16}),
    Recipe(
        flops=3e13, model=modern(context_length=256, n_layer=4, d_model=112, d_ff=224), train=MUON | {"batch_size": 8, "weight_decay": 1.0}
    ),
)
# How many times the rates of the recipe for characters are best for so many subwords, by budget.
SUBWORD_RATES = {
    128: {1e11: 1, 1e12: 1, 3e12: 2},
    256: {1e11: 1, 1e12: 1, 3e12: 2},
    512: {1e11: 1, 1e12: 2, 3e12: 4},
    1_024: {1e11: 2, 1e12: 4, 3e12: 4},
    2_048: {1e11: 1, 1e12: 2, 3e12: 4},
}
CUT_BUDGETS = (1e11, 1e12, 3e12, 1e13)


def _cut(n_subwords: int, known: Recipe) -> Recipe:
    """The recipe for characters as it is best for so many subwords."""
    times = SUBWORD_RATES[n_subwords].get(known.flops, 1)
    rates = {name: known.train[name] * times for name in ("lr", "adam_lr")}
    orders = tuple(order for order in known.model.induction if known.model.has_room(order, n_subwords))
    return replace(known, model=replace(known.model, induction=orders), train=known.train | rates)


FEW_WORDS = (
    Recipe(flops=1e12, model=_tied(32, 2, 64), train=MUON | {"batch_size": 16, "adam_lr": 1e-2}),
    Recipe(flops=1e13, model=_tied(64, 3, 128), train=MUON | {"batch_size": 16, "adam_lr": 6e-3}),
)
FEW_POINTED_WORDS = (  # searched on Penn Treebank alone
    Recipe(flops=1e12, model=_pointing(256, 32, 2, 4, 48), train=MUON | {"batch_size": 2, "adam_lr": 1e-2}),
    Recipe(flops=2.5e13, model=_pointing(512, 64, 3, 4, 128), train=MUON | {"batch_size": 2, "adam_lr": 6e-3}),
)
RECURRENT = MUON | {"adam_lr": 2e-2}


def _recurrent_words(mogrifier_rounds: int) -> tuple[Recipe, ...]:
    """Searched on Penn Treebank at 1e12 FLOPs; the larger ones are as wide as Transformers, with Muon's rate by one over the width."""
    dropouts = {"embedding_dropout": 0.1, "output_dropout": 0.1, "weight_dropout": 0.3}
    large = _recurrent(256, 192, mogrifier_rounds, **dropouts)
    return (
        Recipe(flops=1e12, model=_recurrent(128, 64, mogrifier_rounds), train=RECURRENT | {"batch_size": 4, "lr": 2e-2}),
        Recipe(flops=1e13, model=_recurrent(256, 128, mogrifier_rounds), train=RECURRENT | {"batch_size": 2, "lr": 1e-2}),
        Recipe(flops=1e14, model=large, train=RECURRENT | {"batch_size": 8, "lr": 7e-3, "weight_decay": 0.3}),
    )


def _mixing(known: Recipe) -> Recipe:
    """The recipe with a prediction that is mixed of two softmaxes, and half of the windows in a step."""
    return replace(known, model=replace(known.model, n_softmax=2), train=known.train | {"batch_size": known.train["batch_size"] // 2})


SEARCHED = "tiny_shakespeare-plays"  # whose held-out play the recipes for characters were chosen on
# Counts tuned as networks are, on plays held out of the training text or on valid; they take no budget.
COUNTS: dict[str, NgramConfig] = {
    "tiny_shakespeare": NgramConfig(order=8, cache=UNBOUNDED, discount_scale=1.15, weights_corpus=SEARCHED),
    "ptb-eos": NgramConfig(order=8, cache=256),
    "wikitext-2-eos": NgramConfig(order=8, cache=2048),
}
# Subwords of the plays are others, so that the weights of their cache cannot be fitted to the held-out play.
COUNTS |= {f"tiny_shakespeare-bpe{size}": NgramConfig(order=6, cache=UNBOUNDED) for size in SUBWORD_RATES}
# The text that a recipe was chosen on, or more exactly its part without the held-out play, and the architecture.
RECIPES: dict[tuple[str, str], tuple[Recipe, ...]] = {
    ("tiny_shakespeare", "linear"): (
        Recipe(flops=1e11, model=LinearConfig(context_length=8, d_model=64), train=ADAMW | {"batch_size": 128}),
        Recipe(flops=1e12, model=LinearConfig(context_length=16, d_model=64), train=ADAMW | {"batch_size": 128, "lr": 1e-3}),
        Recipe(flops=1e13, model=LinearConfig(context_length=16, d_model=64), train=ADAMW | {"batch_size": 512, "lr": 1e-3}),
    ),
    ("tiny_shakespeare", "mlp"): (
        Recipe(flops=1e11, model=_mlp(16, 16, 128), train=ADAMW),
        Recipe(flops=1e12, model=_mlp(16, 32, 512), train=ADAMW | {"batch_size": 128, "lr": 2e-3}),
        Recipe(flops=1e13, model=_mlp(32, 32, 512), train=ADAMW | {"batch_size": 256, "lr": 1e-3}),
    ),
    ("tiny_shakespeare", "self-attention"): (
        Recipe(flops=1e11, model=_one_block(32, 32), train=MUON | {"batch_size": 32}),
        Recipe(flops=1e12, model=_one_block(32, 64), train=MUON),
        Recipe(flops=1e13, model=_one_block(128, 128), train=MUON),
    ),
    ("tiny_shakespeare", "transformer"): COPYING,
    ("tiny_shakespeare", "transformer-no-induction"): NOT_COPYING,
    ("tiny_shakespeare", "lstm"): (
        Recipe(flops=1e11, model=LSTMConfig(context_length=32, n_layer=1, d_model=64), train=ADAMW | {"batch_size": 32, "lr": 4e-2}),
        Recipe(flops=1e12, model=LSTMConfig(context_length=64, n_layer=1, d_model=96), train=ADAMW | {"batch_size": 32, "lr": 2e-2}),
        Recipe(flops=1e13, model=LSTMConfig(context_length=64, n_layer=1, d_model=256), train=ADAMW | {"batch_size": 32, "lr": 5e-3}),
    ),
    ("tiny_shakespeare", "gated-counts"): (
        Recipe(flops=1e10, model=_gated(32), train=GATED | {"lr": 4e-2}),
        Recipe(flops=1e11, model=_gated(64), train=GATED | {"lr": 2e-2}),
    ),
    ("ptb-eos", "gated-counts"): (Recipe(flops=1e10, model=_gated_words(64, 256, 1_024, 4_096), train=GATED | {"lr": 4e-2}),),
    ("wikitext-2-eos", "gated-counts"): (Recipe(flops=1e10, model=_gated_words(256, 1_024, 4_096, 16_384), train=GATED | {"lr": 4e-2}),),
    **{
        (f"tiny_shakespeare-bpe{size}", "transformer"): tuple(_cut(size, known) for known in COPYING if known.flops in CUT_BUDGETS)
        for size in SUBWORD_RATES
    },
    ("tiny_shakespeare-recast", "transformer-no-induction"): NOT_COPYING,
    ("tiny_shakespeare-respelled", "transformer"): (
        *COPYING,
        Recipe(flops=2e15, model=_with_dropout(_copying(2048, 64, 8, 320), 0.2), train=LARGE),
    ),
    ("ptb-eos", "transformer-no-pointer"): (*FEW_WORDS, Recipe(flops=1e14, model=_tied(128, 3, 192, dropout=0.1), train=WORDS)),
    ("wikitext-2-eos", "transformer-no-pointer"): (*FEW_WORDS, Recipe(flops=1e14, model=_tied(128, 4, 160), train=WORDS)),
    **{
        (text, architecture): found
        for text in ("ptb-eos", "wikitext-2-eos")
        for architecture, found in {
            "transformer-softmaxes": tuple(map(_mixing, FEW_POINTED_WORDS)),
            "lstm": _recurrent_words(0),
            "mogrifier": _recurrent_words(4),
        }.items()
    },
    ("ptb-eos", "transformer"): (
        *FEW_POINTED_WORDS,
        Recipe(flops=1e14, model=_pointing(512, 128, 3, 4, 192, dropout=0.1), train=POINTED_WORDS),
        Recipe(flops=1e15, model=_shared(_pointing(512, 128, 4, 8, 384, dropout=0.3), 0.3), train=LARGE_WORDS),
    ),
    ("wikitext-2-eos", "transformer"): (
        *FEW_POINTED_WORDS,
        Recipe(flops=1e14, model=_pointing(512, 128, 4, 4, 112), train=POINTED_WORDS),
        Recipe(flops=1e15, model=_pointing(512, 128, 4, 8, 224, dropout=0.2), train=LARGE_WORDS),
    ),
}


def architectures(level: str) -> list[str]:
    """The architectures that have a recipe for a level, `character`, `subword` or `word`; RecipeError for another one."""
    if level not in LEVELS:
        raise RecipeError(unknown("level", level, LEVELS))
    return list(dict.fromkeys(architecture for text, architecture in RECIPES if data.info(text).level == level))


def nearest_text(architecture: str, corpus: str) -> str:
    """The text of the same level, nearest in length, that the architecture has recipes for; RecipeError where there is none."""
    about = data.info(corpus)
    lengths = {
        text: data.info(text).n_tokens["train"] for text, known in RECIPES if known == architecture and data.info(text).level == about.level
    }
    if not lengths:
        known = instead(architecture, [*architectures(about.level), "counts"], "there are:")
        raise RecipeError(f"no recipe of {architecture!r} for a corpus of {about.level}s; {known}")
    return min(lengths, key=lambda text: (text != corpus, abs(math.log(lengths[text] / about.n_tokens["train"]))))


def tuned_counts(corpus: str) -> NgramConfig:
    """The counts tuned on the text of a corpus's level that is nearest in length; a cache's weights come from valid for any other."""
    about = data.info(corpus)
    text = corpus if about.level == "subword" else data.source(corpus)
    if text in COUNTS:
        return replace(COUNTS[text], weights_corpus="") if searched_on(corpus) else COUNTS[text]
    alike = [known for known in COUNTS if data.info(known).level == about.level]
    nearest = min(alike, key=lambda known: abs(math.log(data.info(known).n_tokens["train"] / about.n_tokens["train"])))
    return replace(COUNTS[nearest], weights_corpus="")


def searched_on(corpus: str) -> bool:
    """Whether valid and test of a corpus are the plays that recipes were chosen on."""
    return data.info(corpus).held_out == data.info(SEARCHED).held_out


def is_long_enough(corpus: str) -> bool:
    """Whether every split of a corpus has tokens to learn from or to score after those that are context only."""
    return min(data.info(corpus).n_tokens.values()) > EVAL_START


def recipe(architecture: str, corpus: str, flops: float) -> RunSpec:
    """The spec that spends at most `flops` on a corpus: that of the nearest text and budget searched; RecipeError where there is none.

    `counts` are n-gram counts, which spend none.
    """
    if architecture == "counts":
        return counted(corpus, tuned_counts(corpus))
    text, about = nearest_text(architecture, corpus), data.info(corpus)
    remedy = f"take a longer text (one of your own: of {21 * EVAL_START:,} {about.level}s or more), or train a model with a short context"
    if not is_long_enough(corpus):
        least = min(about.n_tokens.values())
        raise RecipeError(
            f"{data.called(corpus)} is too short for a recipe: its least split has {least:,} {about.level}s, and {EVAL_START} are context "
            f"only; {remedy}"
        )
    if not 0 < flops < math.inf:
        raise RecipeError(f"a budget must be a finite number of FLOPs above zero, got {flops}")
    nearest = min(RECIPES[text, architecture], key=lambda known: abs(math.log(known.flops / flops)))
    if nearest.model.context_length >= about.n_tokens["train"]:
        raise RecipeError(
            f"{data.called(corpus)} is too short for this recipe: it reads {nearest.model.context_length:,} tokens at a time, and "
            f"train has {about.n_tokens['train']:,}; {remedy}"
        )
    model = _matching(nearest.model, about.vocab_size)
    train = TrainConfig(**nearest.train, flops=int(flops), n_evals=N_EVALS, loss_at="all" if model.predicts_every_position else "last")
    return _validated(scored(RunSpec(corpus=corpus, model=model, train=train)))


def _matching(model: ModelConfig, vocab_size: int) -> ModelConfig:
    """The model with the orders of its induction that the vocabulary allows: with thousands of characters the highest are left out."""
    if not isinstance(model, InductionConfig) or not model.induction:
        return model
    return replace(model, induction=tuple(order for order in model.induction if model.has_room(order, vocab_size)))


def _validated(spec: RunSpec) -> RunSpec:
    """The spec with a validation for each pass over a short text of one's own, so that the weights from before it over-fits are kept."""
    if not own_texts.NAME.fullmatch(spec.corpus):
        return spec
    n_evals = min(max(N_EVALS, math.ceil(passes(spec))), MOST_EVALS)
    return replace(spec, train=replace(spec.train, n_evals=n_evals))


def passes(spec: RunSpec) -> float:
    """How many times a run reads its training text; 0 where the budget buys no step, which is said elsewhere."""
    about = data.info(spec.corpus)
    try:
        return run_cost(spec, about).tokens_seen / (spec.train.train_tokens or about.n_tokens["train"])
    except ConfigError:
        return 0.0


def over_fitting(spec: RunSpec) -> str:
    """What to say of a run that reads its training text many times; empty for another one."""
    times = 0 if spec.is_counts else passes(spec)
    if times <= MANY_PASSES:
        return ""
    kept = "; the weights with the lowest valid NLL are kept" if spec.train.keep == "best" and spec.train.n_evals > 1 else ""
    return f"it reads its text {times:,.0f} times; after more than {MANY_PASSES} a network may know a text by heart and do worse{kept}"


def modest_budget(architecture: str, corpus: str, flops: int) -> int:
    """At most these FLOPs: fewer where the recipe would read a short text many times; what no part of them can do is left to `recipe`."""
    for part in MODEST:
        with contextlib.suppress(ConfigError):
            if 0 < passes(recipe(architecture, corpus, flops // part)) <= MANY_PASSES:
                return flops // part
    return flops


def counted(corpus: str, model: NgramConfig) -> RunSpec:
    """The spec of counts of a whole corpus, scored on the same tokens as its recipes."""
    return scored(RunSpec(corpus=corpus, model=model, train=TrainConfig(epochs=1)))


def scored(spec: RunSpec, eval_tokens: int = 0) -> RunSpec:
    """The spec, scored from token 256 on (`eval_tokens` of them, 0: to the end), each with most of a context before it."""
    length = spec.model.context_length
    stride = max(1, length // STRIDES_PER_CONTEXT) if spec.train.loss_at == "all" else 1
    return replace(spec, train=replace(spec.train, eval_start=EVAL_START, eval_tokens=eval_tokens, eval_stride=stride))
