"""Ways to regularise a Transformer that reads a short text again and again, each as one change of it. Needs no torch."""

from collections.abc import Sequence
from dataclasses import replace

from tinylm import data
from tinylm.config import RunSpec
from tinylm.study import techniques
from tinylm.study.ladder import Rung
from tinylm.study.techniques import BASELINE, Regime, Shape

# By text, how many times the rate of the section on techniques is best, by valid of a seed that is not reported: for the plain Transformer,
TIMES = {"ptb-eos": 0.25, "wikitext-2-eos": 0.25}
# and for the one that reads all words.
TIMES_OF_ALL = {"ptb-eos": 1.0, "wikitext-2-eos": 1.0}
# The best two by valid at the smaller budget, in the mean over both texts, and what more of the text is called.
KEPT = ("embedding dropout", "averaged weights")
MORE_TEXT = "all words"


def _everywhere(share: float) -> dict[str, float]:
    """Dropout of all activations that have one, but for attention weights."""
    return dict.fromkeys(("embedding_dropout", "projection_dropout", "ffn_dropout", "output_dropout"), share)


REGULARISERS: dict[str, Rung] = {
    rung.name: rung
    for rung in (
        BASELINE,
        Rung.of_model(
            "dropout 0.1",
            "of embeddings, of what attention and FFN give, and before the head "
            "[(Srivastava et al. 2014)](https://jmlr.org/papers/v15/srivastava14a.html)",
            **_everywhere(0.1),
        ),
        Rung.of_model("dropout 0.3", "the same, three tenths", **_everywhere(0.3)),
        Rung.of_model("dropout 0.5", "the same, half", **_everywhere(0.5)),
        Rung.of_model(
            "one mask a window",
            "dropout of 0.3 that is the same at each position [(Gal and Ghahramani 2016)](https://arxiv.org/abs/1512.05287)",
            **_everywhere(0.3),
            dropout_kind="variational",
        ),
        Rung.of_model("embedding dropout", "0.3 of the embeddings alone", embedding_dropout=0.3),
        Rung.of_model("output dropout", "0.3 before the head alone", output_dropout=0.3),
        Rung.of_model("attention dropout", "0.3 of the attention weights alone", attention_dropout=0.3),
        Rung.of_model(
            "weight dropout", "0.3 of the blocks' matrices [(Merity et al. 2018)](https://arxiv.org/abs/1708.02182)", weight_dropout=0.3
        ),
        Rung.of_training(
            "weight decay 0.1", "times the rate [(Loshchilov and Hutter 2019)](https://arxiv.org/abs/1711.05101)", weight_decay=0.1
        ),
        Rung.of_training("weight decay 1", "the same, ten times as strong", weight_decay=1.0),
        Rung.of_training("weight decay 10", "the same, a hundred times as strong", weight_decay=10.0),
        Rung.of_training(
            "token noise 0.1",
            "of the words read, others of the text in their place [(Xie et al. 2017)](https://arxiv.org/abs/1703.02573)",
            token_noise=0.1,
        ),
        Rung.of_training("token noise 0.3", "the same, three tenths", token_noise=0.3),
        Rung.of_training("averaged weights", "a running mean of about 100 steps is scored", average="ema", ema_decay=0.99),
        Rung.of_training("constant rate", "no decay after the warm-up: early stopping alone", schedule="constant"),
        Rung.of_model(
            "tied head", "embedding and head share their matrix [(Press and Wolf 2017)](https://arxiv.org/abs/1608.05859)", tied=True
        ),
        Rung.of_model("half the width", "states of 48, not 96", d_model=48, d_ff=192),
        Rung.of_model("half the layers", "two, not four", n_layer=2),
        Rung.of_model(
            "shared layers", "one block runs four times [(Dehghani et al. 2019)](https://arxiv.org/abs/1807.03819)", n_layer=1, loops=4
        ),
        Rung.of_model("twice the context", "128 words, not 64", context_length=128),
        Rung.of_training(MORE_TEXT, "the whole training text, of which fewer passes are read", train_tokens=0),
        Rung(name=f"{MORE_TEXT}, dropout 0.1", about="both", model=_everywhere(0.1), train={"train_tokens": 0}),
    )
}


def spec(names: Sequence[str], text: Regime, shape: Shape, flops: int, times: float = 0.0, eval_tokens: int = 0) -> RunSpec:
    """The plain Transformer with the changes of these names, at so many times the techniques' rate (0: as many as are best).

    A rate goes with the inverse of the width, and a step predicts as many tokens with every context.
    """
    length, _, d_model = shape
    best = TIMES_OF_ALL if any("train_tokens" in REGULARISERS[name].train for name in names) else TIMES
    made = plain = techniques.spec([], text, shape, flops, times or best.get(data.source(text[0]), 1.0), eval_tokens)
    for name in names:
        made = REGULARISERS[name].change(made)
    train = replace(
        made.train,
        lr=float(f"{plain.train.lr * d_model / made.model.d_model:.2g}"),
        batch_size=max(1, plain.train.batch_size * length // made.model.context_length),
    )
    return replace(made, train=train)
