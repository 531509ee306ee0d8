"""Specs of models so small that a test trains them on the spot."""

from tinylm.config import LinearConfig, RunSpec, TrainConfig, TransformerConfig

TRAIN = TrainConfig(steps=30, eval_tokens=300, lr=3e-3)
SHAPE = TransformerConfig(context_length=16, n_layer=2, n_head=2, d_model=16, d_ff=16)
SPECS = {
    "last": RunSpec(corpus="grammar-char", model=SHAPE, train=TRAIN),
    "all": RunSpec(corpus="grammar-char", model=SHAPE, train=TrainConfig(steps=30, eval_tokens=300, lr=3e-3, loss_at="all", eval_stride=4)),
    "linear": RunSpec(corpus="grammar-char", model=LinearConfig(context_length=8, d_model=8), train=TRAIN),
    "words": RunSpec(corpus="grammar-word", model=SHAPE, train=TRAIN),
}
