"""A Transformer without induction of any width, depth and context at any budget, trained by one rule. Needs no torch.

The rule gives batch and rates of every run of an isoFLOP curve. It was read off searches at 1e11 FLOPs on The Winter's Tale and on valid
of WikiText-2 as characters, and at 1e12 on the latter; the records lie in docs/ledger/search. The recipe of 1e13 has a like rate.
"""

import math

from tinylm.config import RunSpec, TrainConfig, TransformerConfig
from tinylm.study import recipes
from tinylm.study.recipes import EVAL_START

TOKENS, AT = 1_024, 1e12  # a step has so many tokens at this budget
GROWTH = math.log10(2)  # and twice as many at ten times the budget
MUON = {name: value for name, value in recipes.MUON.items() if name not in ("lr", "adam_lr")}
RATE = 0.5  # Muon's learning rate times the width
ADAM_SHARE = 0.6  # the rate of the other weights over Muon's


def spec(corpus: str, flops: int, d_model: int, n_layer: int = 4, context_length: int = 128, eval_tokens: int = 0) -> RunSpec:
    """The run of a width at a budget, its FFN twice as wide, each scored token with half a context or more before it."""
    lr = float(f"{RATE / d_model:.2g}")
    train = TrainConfig(
        **MUON,
        lr=lr,
        adam_lr=float(f"{ADAM_SHARE * lr:.2g}"),
        weight_decay=0.3,
        loss_at="all",
        batch_size=windows(flops, context_length),
        flops=flops,
        eval_start=EVAL_START,
        eval_stride=context_length // 2,
        eval_tokens=eval_tokens,
    )
    return RunSpec(corpus=corpus, model=model(d_model, n_layer, context_length), train=train)


def model(d_model: int, n_layer: int = 4, context_length: int = 128) -> TransformerConfig:
    """The shape of a width."""
    return recipes.modern(context_length=context_length, n_layer=n_layer, d_model=d_model, d_ff=2 * d_model)


def windows(flops: float, context_length: int) -> int:
    """The windows of a step."""
    return max(1, round(TOKENS * (flops / AT) ** GROWTH / context_length))
