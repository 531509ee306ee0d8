"""Techniques of large models, each as one change of a plain pre-norm Transformer at a fixed budget. Needs no torch."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tinylm import data
from tinylm.config import RunSpec, TrainConfig, TransformerConfig
from tinylm.study import recipes, scaling
from tinylm.study.ladder import Rung

Regime = tuple[str, int, int]  # text, how many of its first training tokens are used (0: all), and validations, of which the best counts
CONTEXT = 128
ROWS = 16_384  # of a table of bigrams
BASELINE = Rung(
    name="baseline",
    about="pre-norm blocks with LayerNorm, learned positions, ReLU, biases and no dropout; AdamW, a warm-up of 3 % and a linear decay",
)


def _model(name: str, about: str, **fields: Any) -> Rung:
    return Rung(name=name, about=about, model=fields)


def _train(name: str, about: str, **fields: Any) -> Rung:
    return Rung(name=name, about=about, train=fields)


TECHNIQUES: dict[str, Rung] = {
    rung.name: rung
    for rung in (
        BASELINE,
        _model("RMSNorm", "normalisation without a mean or a bias [(Zhang and Sennrich 2019)](https://arxiv.org/abs/1910.07467)", norm="rms"),
        _model("SwiGLU", "a gated FFN, two thirds as wide [(Shazeer 2020)](https://arxiv.org/abs/2002.05202)", ffn="swiglu"),
        _model("ReLU squared", "the FFN squares what its ReLU lets pass [(So et al. 2021)](https://arxiv.org/abs/2109.08668)", ffn="relu2"),
        _model("GELU", "a smooth activation in the FFN [(Hendrycks and Gimpel 2016)](https://arxiv.org/abs/1606.08415)", ffn="gelu"),
        _model("GQA", "two heads share keys and values [(Ainslie et al. 2023)](https://arxiv.org/abs/2305.13245)", n_kv_head=2),
        _model("MQA", "all heads share keys and values [(Shazeer 2019)](https://arxiv.org/abs/1911.02150)", n_kv_head=1),
        _model("RoPE", "queries and keys are turned by their position [(Su et al. 2024)](https://arxiv.org/abs/2104.09864)", position="rope"),
        _model("ALiBi", "scores fall with the distance [(Press et al. 2022)](https://arxiv.org/abs/2108.12409)", position="alibi"),
        _model("no positions", "the causal mask alone tells positions [(Haviv et al. 2022)](https://arxiv.org/abs/2203.16634)", position="none"),
        _model("qk-norm", "an RMSNorm on queries and keys [(Henry et al. 2020)](https://arxiv.org/abs/2010.04245)", qk_norm=True),
        _model("no biases", "linear layers without biases [(Chowdhery et al. 2022)](https://arxiv.org/abs/2204.02311)", bias=False),
        _model("tied head", "embedding and head share their matrix [(Press and Wolf 2017)](https://arxiv.org/abs/1608.05859)", tied=True),
        _model("post-norm", "normalisation after each sum [(Vaswani et al. 2017)](https://arxiv.org/abs/1706.03762)", norm_place="post"),
        _model(
            "parallel blocks",
            "attention and FFN side by side ([Wang and Komatsuzaki 2021](https://github.com/kingoflolz/mesh-transformer-jax))",
            parallel=True,
        ),
        _model("logit soft-cap", "a tanh bounds the logits at 15 [(Gemma Team 2024)](https://arxiv.org/abs/2408.00118)", softcap=15.0),
        _model(
            "value residual",
            "later blocks take a share of the first one's values [(Zhou et al. 2024)](https://arxiv.org/abs/2410.17897)",
            value_residual=True,
        ),
        _model(
            "x0 residual",
            "each block reads the states and the first block's input, by learned shares "
            "[(Jordan et al. 2024)](https://github.com/KellerJordan/modded-nanogpt)",
            residual_scalars=True,
        ),
        _model(
            "U-net skips",
            "upper blocks get what the lower ones read added [(Ronneberger et al. 2015)](https://arxiv.org/abs/1505.04597)",
            skips=True,
        ),
        _model("short convolution", "attention reads the last four positions mixed [(So et al. 2021)](https://arxiv.org/abs/2109.08668)", convolution=4),
        _model(
            "bigram embedding",
            f"an embedding of the last two tokens too, hashed to {ROWS:,} rows [(Joulin et al. 2017)](https://arxiv.org/abs/1607.01759)",
            bigrams=ROWS,
        ),
        _model(
            "multi-token prediction",
            "a second block on top learns the token after the next one [(Gloeckle et al. 2024)](https://arxiv.org/abs/2404.19737)",
            n_future=2,
        ),
        _model(
            "dropout",
            "a tenth of the embeddings and of what attention and FFN give [(Srivastava et al. 2014)](https://jmlr.org/papers/v15/srivastava14a.html)",
            embedding_dropout=0.1,
            projection_dropout=0.1,
            ffn_dropout=0.1,
        ),
        _train("Muon", "orthogonalised updates [(Jordan et al. 2024)](https://kellerjordan.github.io/posts/muon/)", optimizer="muon"),
        _train("weight decay", "a tenth of the rate [(Loshchilov and Hutter 2019)](https://arxiv.org/abs/1711.05101)", weight_decay=0.1),
        _train("averaged weights", "a running mean of about 100 steps is scored", average="ema", ema_decay=0.99),
        _train("gradient clipping", "gradients of norm 1 at most [(Pascanu et al. 2013)](https://arxiv.org/abs/1211.5063)", clip=1.0),
        _train("no warm-up", "the highest rate from the first step on", warmup=0.0),
        _train("constant rate", "no decay after the warm-up", schedule="constant"),
        _train("cosine decay", "half a cosine in place of the line [(Loshchilov and Hutter 2017)](https://arxiv.org/abs/1608.03983)", schedule="cosine"),
        _train("late decay", "a constant rate, and a linear decay in the last fifth [(Hu et al. 2024)](https://arxiv.org/abs/2404.06395)", schedule="wsd"),
    )
}
# The baseline's learning rate times its width, by text.
RATES = {"wikitext-2-char": 0.2, "tiny_shakespeare": 0.2, "ptb-eos": 0.2}
# How many times the baseline's rate is best, where it is not once.
FACTORS: dict[str, float] = {}


def spec(names: Sequence[str], regime: Regime, flops: int, d_model: int, factor: float, eval_tokens: int = 0) -> RunSpec:
    """The baseline with the techniques of these names, at `factor` times its rate; each scored token with half a context or more."""
    corpus, train_tokens, n_evals = regime
    changes = [TECHNIQUES[name] for name in names]
    model = TransformerConfig(
        context_length=CONTEXT,
        n_layer=4,
        d_model=d_model,
        d_ff=4 * d_model,
        norm_place="pre",
        init="scaled",
        attention_dropout=0.0,
        ffn_dropout=0.0,
    )
    train = TrainConfig(
        **recipes.ADAMW | {"lr": rate(corpus, d_model, factor)},
        precision="bf16",
        loss_at="all",
        batch_size=scaling.windows(flops, CONTEXT),
        train_tokens=train_tokens,
        flops=flops,
        n_evals=n_evals,
        eval_start=recipes.EVAL_START,
        eval_stride=CONTEXT // 2,
        eval_tokens=eval_tokens,
    )
    made = RunSpec(corpus=corpus, model=model, train=train)
    for change in changes:
        made = change.change(made)
    if made.model.ffn == "swiglu":
        made = replace(made, model=replace(made.model, d_ff=8 * d_model // 3))
    if made.train.optimizer == "muon":
        lr = float(f"{scaling.RATE / d_model * factor:.2g}")
        made = replace(made, train=replace(made.train, adam_lr=made.train.lr, lr=lr))
    return made


def rate(corpus: str, d_model: int, factor: float) -> float:
    """AdamW's learning rate on a text, of other texts that of the nearest level."""
    known = corpus if corpus in RATES else "ptb-eos" if data.info(corpus).level == "word" else "wikitext-2-char"
    return float(f"{RATES[known] / d_model * factor:.2g}")
