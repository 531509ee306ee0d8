"""nanoGPT's recipe for characters of Shakespeare on a CPU (Karpathy 2022, README.md), for a budget in place of 2,000 steps. Needs no torch.

Its rate warms up over 100 steps and falls along a cosine to a tenth at the end of the run. What scores it is ours, with longer contexts
than its own.
"""

from dataclasses import replace

from tinylm import data
from tinylm.config import RunSpec, TrainConfig, TransformerConfig
from tinylm.flops import run_cost
from tinylm.study import recipes

TITLE = "nanoGPT"
WARM_UP = 100  # steps
MODEL = TransformerConfig(
    context_length=64,
    n_layer=4,
    n_head=4,
    d_ff=512,
    norm_place="pre",
    ffn="gelu",
    bias=False,
    tied=True,
    init="scaled",
    attention_dropout=0.0,
    ffn_dropout=0.0,
)
TRAIN = TrainConfig(
    steps=2000,
    loss_at="all",
    batch_size=12,
    optimizer="adamw",
    lr=1e-3,
    beta2=0.99,
    weight_decay=0.1,
    clip=1.0,
    schedule="cosine",
    lr_floor=0.1,
    warmup=WARM_UP / 2000,
    n_evals=4,
)


def spec(corpus: str, flops: int, eval_tokens: int = 0) -> RunSpec:
    """Its run for a budget, scored on the tokens that recipes are scored on."""
    made = RunSpec(corpus=corpus, model=MODEL, train=replace(TRAIN, steps=0, flops=flops))
    warmup = min(1.0, round(WARM_UP / run_cost(made, data.info(corpus)).steps, 4))
    return recipes.scored(replace(made, train=replace(made.train, warmup=warmup)), eval_tokens)
