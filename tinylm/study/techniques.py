"""Techniques of large models, each as one change of a plain pre-norm Transformer at a fixed budget. Needs no torch.

The plain one has rotary positions, and learned ones are a change: with them it stands still at these budgets where pairs of characters
are all it knows (valid NLL 2.373 at 1e11 and 2.185 at 1e12 FLOPs on WikiText-2; with rotations 2.088 at 1e11), so that whatever brings
neighbours together would win.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from tinylm import data
from tinylm.config import RunSpec, TrainConfig, TransformerConfig
from tinylm.study import recipes, scaling
from tinylm.study.ladder import Rung

Regime = tuple[str, int, int]  # text, how many of its first training tokens are used (0: all), and validations, of which the best counts
Budget = tuple[int, int, int]  # FLOPs, seeds, and the width of the Transformer
Shape = tuple[int, int, int]  # context length, layers, width
Numbers = TypeVar("Numbers")
SEPARATOR = " + "  # between the names of techniques that are used together
ROWS = 16_384  # of a table of bigrams
SHORT = 892_117  # tokens of a longer text's beginning that are as many as Tiny Shakespeare has to train on
FRESH, REPEATED = "fresh characters", "repeated characters"  # what a run says of its text, beside words
BASELINE = Rung(
    name="baseline",
    about="pre-norm blocks with LayerNorm, rotary positions, ReLU, biases and no dropout; AdamW, a warm-up of 3 % and a linear decay",
)


TECHNIQUES: dict[str, Rung] = {
    rung.name: rung
    for rung in (
        BASELINE,
        Rung.of_model(
            "RMSNorm", "normalisation without a mean or a bias [(Zhang and Sennrich 2019)](https://arxiv.org/abs/1910.07467)", norm="rms"
        ),
        Rung.of_model("SwiGLU", "a gated FFN, two thirds as wide [(Shazeer 2020)](https://arxiv.org/abs/2002.05202)", ffn="swiglu"),
        Rung.of_model(
            "ReLU squared", "the FFN squares what its ReLU lets pass [(So et al. 2021)](https://arxiv.org/abs/2109.08668)", ffn="relu2"
        ),
        Rung.of_model("GELU", "a smooth activation in the FFN [(Hendrycks and Gimpel 2016)](https://arxiv.org/abs/1606.08415)", ffn="gelu"),
        Rung.of_model("GQA", "two heads share keys and values [(Ainslie et al. 2023)](https://arxiv.org/abs/2305.13245)", n_kv_head=2),
        Rung.of_model("MQA", "all heads share keys and values [(Shazeer 2019)](https://arxiv.org/abs/1911.02150)", n_kv_head=1),
        Rung.of_model(
            "learned positions",
            "a vector for each position, in place of rotations [(Vaswani et al. 2017)](https://arxiv.org/abs/1706.03762)",
            position="learned",
        ),
        Rung.of_model("ALiBi", "scores fall with the distance [(Press et al. 2022)](https://arxiv.org/abs/2108.12409)", position="alibi"),
        Rung.of_model(
            "no positions", "the causal mask alone tells positions [(Haviv et al. 2022)](https://arxiv.org/abs/2203.16634)", position="none"
        ),
        Rung.of_model("qk-norm", "an RMSNorm on queries and keys [(Henry et al. 2020)](https://arxiv.org/abs/2010.04245)", qk_norm=True),
        Rung.of_model("no biases", "linear layers without biases [(Chowdhery et al. 2022)](https://arxiv.org/abs/2204.02311)", bias=False),
        Rung.of_model(
            "tied head", "embedding and head share their matrix [(Press and Wolf 2017)](https://arxiv.org/abs/1608.05859)", tied=True
        ),
        Rung.of_model(
            "post-norm", "normalisation after each sum [(Vaswani et al. 2017)](https://arxiv.org/abs/1706.03762)", norm_place="post"
        ),
        Rung.of_model(
            "parallel blocks",
            "attention and FFN side by side [(Wang and Komatsuzaki 2021)](https://github.com/kingoflolz/mesh-transformer-jax)",
            parallel=True,
        ),
        Rung.of_model(
            "logit soft-cap", "a tanh bounds the logits at 15 [(Gemma Team 2024)](https://arxiv.org/abs/2408.00118)", softcap=15.0
        ),
        Rung.of_model(
            "value residual",
            "later blocks take a share of the first one's values [(Zhou et al. 2024)](https://arxiv.org/abs/2410.17897)",
            value_residual=True,
        ),
        Rung.of_model(
            "x0 residual",
            "each block reads the states and the first block's input, by learned shares "
            "[(Jordan et al. 2024)](https://github.com/KellerJordan/modded-nanogpt)",
            residual_scalars=True,
        ),
        Rung.of_model(
            "U-net skips",
            "upper blocks get what the lower ones read added [(Ronneberger et al. 2015)](https://arxiv.org/abs/1505.04597)",
            skips=True,
        ),
        Rung.of_model(
            "short convolution",
            "attention reads the last four positions mixed [(So et al. 2021)](https://arxiv.org/abs/2109.08668)",
            convolution=4,
        ),
        Rung.of_model(
            "bigram embedding",
            f"an embedding of the last two tokens too, hashed to {ROWS:,} rows [(Joulin et al. 2017)](https://arxiv.org/abs/1607.01759)",
            bigrams=ROWS,
        ),
        Rung.of_model(
            "multi-token prediction",
            "a second block on top learns the token after the next one [(Gloeckle et al. 2024)](https://arxiv.org/abs/2404.19737)",
            n_future=2,
        ),
        Rung.of_model(
            "dropout",
            "a tenth of the embeddings and of what attention and FFN give [(Srivastava et al. 2014)](https://jmlr.org/papers/v15/srivastava14a.html)",
            embedding_dropout=0.1,
            projection_dropout=0.1,
            ffn_dropout=0.1,
        ),
        Rung.of_training(
            "Muon", "orthogonalised updates [(Jordan et al. 2024)](https://kellerjordan.github.io/posts/muon/)", optimizer="muon"
        ),
        Rung.of_training(
            "weight decay", "a tenth of the rate [(Loshchilov and Hutter 2019)](https://arxiv.org/abs/1711.05101)", weight_decay=0.1
        ),
        Rung.of_training("averaged weights", "a running mean of about 100 steps is scored", average="ema", ema_decay=0.99),
        Rung.of_training(
            "gradient clipping", "gradients of norm 1 at most [(Pascanu et al. 2013)](https://arxiv.org/abs/1211.5063)", clip=1.0
        ),
        Rung.of_training("no warm-up", "the highest rate from the first step on", warmup=0.0),
        Rung.of_training("constant rate", "no decay after the warm-up", schedule="constant"),
        Rung.of_training(
            "cosine decay", "half a cosine, not a line [(Loshchilov and Hutter 2017)](https://arxiv.org/abs/1608.03983)", schedule="cosine"
        ),
        Rung.of_training(
            "late decay", "a linear decay in the last fifth only [(Hu et al. 2024)](https://arxiv.org/abs/2404.06395)", schedule="wsd"
        ),
    )
}
# The baseline's learning rate times its width, by text.
RATES = {"wikitext-2-char": 0.2, "tiny_shakespeare": 0.2, "ptb-eos": 0.15}
FEWER = {"word": 4}  # times fewer windows in a step: with a vocabulary's head a budget has few tokens
# By text, how many times the baseline's rate is best with a technique, where it is not once.
FACTORS: dict[str, dict[str, float]] = {
    "wikitext-2-char": {
        "RMSNorm": 2.0,
        "ReLU squared": 4.0,
        "GELU": 2.0,
        "GQA": 2.0,
        "MQA": 4.0,
        "ALiBi": 2.0,
        "qk-norm": 4.0,
        "tied head": 2.0,
        "parallel blocks": 2.0,
        "logit soft-cap": 4.0,
        "value residual": 2.0,
        "short convolution": 4.0,
        "multi-token prediction": 0.5,
        "dropout": 4.0,
        "Muon": 4.0,
        "gradient clipping": 4.0,
        "no warm-up": 0.5,
        "cosine decay": 2.0,
    },
    "tiny_shakespeare": {
        "baseline": 4.0,
        "RMSNorm": 4.0,
        "SwiGLU": 2.0,
        "ReLU squared": 2.0,
        "GELU": 2.0,
        "MQA": 4.0,
        "learned positions": 0.5,
        "ALiBi": 0.5,
        "no positions": 0.25,
        "no biases": 4.0,
        "value residual": 4.0,
        "short convolution": 4.0,
        "bigram embedding": 2.0,
        "multi-token prediction": 2.0,
        "dropout": 2.0,
        "weight decay": 2.0,
        "averaged weights": 4.0,
        "cosine decay": 2.0,
        "late decay": 2.0,
    },
    "ptb-eos": {
        "baseline": 0.5,
        "RMSNorm": 0.5,
        "SwiGLU": 2.0,
        "ReLU squared": 0.5,
        "GELU": 0.5,
        "learned positions": 0.5,
        "ALiBi": 0.5,
        "qk-norm": 0.5,
        "tied head": 2.0,
        "post-norm": 0.25,
        "value residual": 0.5,
        "U-net skips": 0.5,
        "short convolution": 0.5,
        "bigram embedding": 0.5,
        "multi-token prediction": 2.0,
        "dropout": 0.5,
        "averaged weights": 0.5,
        "no warm-up": 0.5,
        "constant rate": 0.5,
        "cosine decay": 0.5,
        "late decay": 0.5,
    },
}
SEARCHED_AGAIN = 1_000_000_000_000  # FLOPs
# The same by a search at that budget, for it and for larger ones.
LARGER_FACTORS: dict[str, dict[str, float]] = {
    "wikitext-2-char": {
        "baseline": 2.0,
        "RMSNorm": 2.0,
        "SwiGLU": 2.0,
        "GELU": 2.0,
        "GQA": 2.0,
        "MQA": 4.0,
        "qk-norm": 2.0,
        "parallel blocks": 2.0,
        "logit soft-cap": 2.0,
        "value residual": 2.0,
        "x0 residual": 4.0,
        "U-net skips": 2.0,
        "short convolution": 4.0,
        "bigram embedding": 2.0,
        "dropout": 2.0,
        "Muon": 2.0,
        "weight decay": 4.0,
        "averaged weights": 2.0,
        "gradient clipping": 2.0,
        "constant rate": 0.5,
        "cosine decay": 2.0,
    },
    "tiny_shakespeare": {
        "baseline": 0.5,
        "RMSNorm": 0.5,
        "SwiGLU": 0.5,
        "ReLU squared": 0.5,
        "GELU": 4.0,
        "ALiBi": 0.5,
        "no positions": 0.5,
        "qk-norm": 0.5,
        "no biases": 0.5,
        "tied head": 2.0,
        "post-norm": 2.0,
        "logit soft-cap": 0.5,
        "x0 residual": 0.5,
        "U-net skips": 0.5,
        "short convolution": 0.5,
        "bigram embedding": 0.5,
        "multi-token prediction": 0.5,
        "weight decay": 0.5,
        "averaged weights": 0.5,
        "gradient clipping": 0.5,
        "no warm-up": 0.5,
        "constant rate": 0.5,
        "cosine decay": 0.5,
        "late decay": 0.5,
    },
    "ptb-eos": {
        "baseline": 0.5,
        "RMSNorm": 0.5,
        "SwiGLU": 0.5,
        "GELU": 0.5,
        "GQA": 0.5,
        "MQA": 0.5,
        "learned positions": 0.5,
        "ALiBi": 0.5,
        "no positions": 0.5,
        "qk-norm": 0.5,
        "no biases": 0.5,
        "tied head": 0.5,
        "parallel blocks": 0.5,
        "logit soft-cap": 0.5,
        "value residual": 0.5,
        "x0 residual": 0.5,
        "U-net skips": 0.5,
        "short convolution": 0.5,
        "bigram embedding": 0.5,
        "multi-token prediction": 0.5,
        "dropout": 0.5,
        "weight decay": 0.5,
        "averaged weights": 0.5,
        "gradient clipping": 0.5,
        "no warm-up": 0.5,
        "constant rate": 0.5,
        "cosine decay": 0.5,
        "late decay": 0.5,
    },
}
NEAREST = {"character": "wikitext-2-char", "subword": "wikitext-2-char", "word": "ptb-eos"}  # whose numbers a text without its own takes


def regime(spec: RunSpec) -> str:
    """What a run says of its text: words, or characters that are read again and again, or hardly ever twice."""
    if data.info(spec.corpus).level == "word":
        return "words"
    return REPEATED if spec.train.train_tokens else FRESH


def with_baseline(names: Sequence[str]) -> list[str]:
    """Each name once, the baseline first."""
    return list(dict.fromkeys([BASELINE.name, *names]))


def factor(names: Sequence[str], corpus: str, flops: int) -> float:
    """How many times the text's rate is best with these techniques, each searched alone: each multiplies what is best for the baseline."""
    known = _known(LARGER_FACTORS if flops >= SEARCHED_AGAIN else FACTORS, corpus)
    best = known.get(BASELINE.name, 1.0)
    return best * math.prod(known.get(name, 1.0) / best for name in names)


def spec(names: Sequence[str], regime: Regime, shape: Shape, flops: int, times: float = 0.0, eval_tokens: int = 0) -> RunSpec:
    """The baseline with the techniques of these names, at so many times its rate (0: as many as are best).

    Each scored token has half a context or more before it.
    """
    corpus, train_tokens, n_evals = regime
    context_length, n_layer, d_model = shape
    plain: dict[str, Any] = {"position": "rope", "init": "scaled", "attention_dropout": 0.0, "ffn_dropout": 0.0}
    blocks: dict[str, Any] = {"n_layer": n_layer, "d_model": d_model, "d_ff": 4 * d_model, "norm_place": "pre"}
    train = TrainConfig(
        **recipes.ADAMW | {"lr": _known(RATES, corpus) / d_model},
        precision="bf16",
        loss_at="all",
        batch_size=max(1, scaling.windows(flops, context_length) // FEWER.get(data.info(corpus).level, 1)),
        train_tokens=train_tokens,
        flops=flops,
        n_evals=n_evals,
        eval_start=recipes.EVAL_START,
        eval_stride=context_length // 2,
        eval_tokens=eval_tokens,
    )
    made = RunSpec(corpus=corpus, model=TransformerConfig(context_length=context_length, **blocks, **plain), train=train)
    for name in names:
        made = TECHNIQUES[name].change(made)
    return _fitted(made, times or factor(names, corpus, flops))


def _fitted(made: RunSpec, times: float) -> RunSpec:
    """With so many times the rates, and what else depends on the width: a gated FFN as large as the plain one, Muon's own rate."""
    model, train = made.model, made.train
    if model.ffn == "swiglu":
        model = replace(model, d_ff=2 * model.d_ff // 3)
    rates = {"lr": train.lr}
    if train.optimizer == "muon":
        rates = {"lr": scaling.RATE / model.d_model, "adam_lr": train.lr}
    return replace(made, model=model, train=replace(train, **{name: float(f"{rate * times:.2g}") for name, rate in rates.items()}))


def _known(by_text: Mapping[str, Numbers], corpus: str) -> Numbers:
    """What is known of a text, of the one it is made from, or of one of its level."""
    source = data.source(corpus)
    return by_text[source] if source in by_text else by_text[NEAREST[data.info(corpus).level]]
