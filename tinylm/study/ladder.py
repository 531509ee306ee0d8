"""From the study's Transformer to ours at a fixed budget, one change at a time. Needs no torch.

Each rung differs from the one it is compared with in one thing. Which rungs are climbed and which are only tried was decided on plays
held out of the training text, with seeds that the report does not use; a rung that is tried stays in the report, whatever it brings.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tinylm.config import RunSpec


@dataclass(frozen=True, kw_only=True)
class Rung:
    """A change of the model's and the training's fields, or of the corpus to one derived from it, named by what is added to its name.

    `about` says what changes, for readers; `climbed` whether the next rung stands on it.
    """

    name: str
    about: str
    model: dict[str, Any] = field(default_factory=dict)
    train: dict[str, Any] = field(default_factory=dict)
    augmentation: str = ""
    climbed: bool = True

    @classmethod
    def of_model(cls, name: str, about: str, **fields: Any) -> "Rung":
        """A change of these fields of the model."""
        return cls(name=name, about=about, model=fields)

    @classmethod
    def of_training(cls, name: str, about: str, **fields: Any) -> "Rung":
        """A change of these fields of the training."""
        return cls(name=name, about=about, train=fields)

    def change(self, spec: RunSpec) -> RunSpec:
        """The spec with this rung's change."""
        model, train = replace(spec.model, **self.model), replace(spec.train, **self.train)
        return replace(spec, corpus="-".join(filter(None, [spec.corpus, self.augmentation])), model=model, train=train)


def _tried(name: str, about: str, **changes: Any) -> Rung:
    return Rung(name=name, about=about, climbed=False, **changes)


PAPER, ALL_POSITIONS = "the study's Transformer", "loss at every position"
RUNGS = (
    Rung(
        name=PAPER,
        about="the study's: post-norm blocks, learned positions, dropout, Adam at a constant rate, the loss at the last position",
    ),
    Rung(
        name="steps in bf16",
        about="forward and backward pass in 16-bit floating point; weights and scores stay in 32",
        train={"precision": "bf16"},
    ),
    Rung(
        name=ALL_POSITIONS, about="each position of a window predicts its next character, not the last one alone", train={"loss_at": "all"}
    ),
    Rung(
        name="warm-up, a higher rate, linear decay",
        about="a rate about seven times as high, which rises over the first 3 % of the steps and falls in a line to zero",
        train={"lr": 2e-3, "warmup": 0.03, "schedule": "linear"},
    ),
    _tried("cosine decay", "the rate falls along half a cosine instead", train={"schedule": "cosine"}),
    Rung(
        name="pre-norm",
        about="the normalisation stands before attention and FFN, off the residual path [(Xiong et al. 2020)](https://arxiv.org/abs/2002.04745)",
        model={"norm_place": "pre"},
    ),
    Rung(name="no dropout", about="no activation is zeroed in training", model={"attention_dropout": 0.0, "ffn_dropout": 0.0}),
    Rung(
        name="projections start at zero",
        about="the matrices that write into the residual path start as zeros, so that a block first passes on its input",
        model={"init": "zero_out"},
    ),
    Rung(
        name="Muon",
        about="hidden matrices get orthogonalised updates [(Jordan et al. 2024)](https://kellerjordan.github.io/posts/muon/) at a rate of "
        "their own, all others AdamW's [(Loshchilov and Hutter 2019)](https://arxiv.org/abs/1711.05101)",
        train={"optimizer": "muon", "lr": 5e-3, "adam_lr": 3e-3, "beta2": 0.95},
    ),
    Rung(
        name="rotary positions",
        about="queries and keys are turned by their position [(Su et al. 2024)](https://arxiv.org/abs/2104.09864); no learned vectors",
        model={"position": "rope"},
    ),
    Rung(
        name="normalised queries and keys",
        about="an RMSNorm on each head's queries and keys [(Henry et al. 2020)](https://arxiv.org/abs/2010.04245)",
        model={"qk_norm": True},
    ),
    Rung(
        name="ReLU squared",
        about="the FFN squares what its ReLU lets pass [(So et al. 2021)](https://arxiv.org/abs/2109.08668)",
        model={"ffn": "relu2"},
    ),
    Rung(
        name="RMSNorm, no biases",
        about="normalisation without a mean or a bias [(Zhang and Sennrich 2019)](https://arxiv.org/abs/1910.07467), and no biases "
        "elsewhere",
        model={"norm": "rms", "bias": False},
    ),
    Rung(name="batches of 16", about="a quarter of the windows in a step, and four times the steps", train={"batch_size": 16}),
    Rung(
        name="four narrower layers",
        about="one layer more, at the same number of parameters",
        model={"n_layer": 4, "d_model": 112, "d_ff": 224},
    ),
    _tried(
        "tied vocabulary head",
        "embedding and head share their matrix [(Press and Wolf 2017)](https://arxiv.org/abs/1608.05859)",
        model={"tied": True},
    ),
    _tried("context of 64, batches of 32", "windows half as long, twice as many", model={"context_length": 64}, train={"batch_size": 32}),
    _tried("context of 256, batches of 8", "windows twice as long, half as many", model={"context_length": 256}, train={"batch_size": 8}),
    _tried("averaged weights", "a running mean of the weights is scored", train={"average": "ema", "ema_decay": 0.99}),
    _tried(
        "mean of the last weights",
        "the equal mean of the weights after each of the last tenth of the steps is scored "
        "[(Izmailov et al. 2018)](https://arxiv.org/abs/1803.05407)",
        train={"average": "swa"},
    ),
    _tried(
        "weight decay 0.1",
        "each step shrinks the weights by a tenth of the rate [(Loshchilov and Hutter 2019)](https://arxiv.org/abs/1711.05101)",
        train={"weight_decay": 0.1},
    ),
    _tried("logits capped at 15", "a tanh bounds the logits", model={"softcap": 15.0}),
    _tried("embedding dropout 0.1", "single elements of the embeddings are zeroed in training", model={"embedding_dropout": 0.1}),
    _tried(
        "dropout 0.1 shared by positions",
        "dropout after attention and in the FFN, one mask for all positions of a window",
        model={"projection_dropout": 0.1, "ffn_dropout": 0.1, "dropout_kind": "variational"},
    ),
    _tried("attention dropout 0.1", "dropout of the attention weights", model={"attention_dropout": 0.1}),
    _tried(
        "weight dropout 0.1",
        "dropout of the elements of the blocks' matrices [(Merity et al. 2018)](https://arxiv.org/abs/1708.02182)",
        model={"weight_dropout": 0.1},
    ),
    _tried("short convolution of 4", "attention reads each position mixed with the three before it", model={"convolution": 4}),
    _tried("speakers recast", "trained on the recast text", augmentation="recast"),
    Rung(
        name="induction",
        about="what followed the last time that the same 2, 3, 4 or 6 characters stood is added to the embedding",
        model={"induction": (2, 3, 4, 6)},
    ),
    Rung(name="induction at two places", about="induction looks up the latest two places instead of one", model={"induction_times": 2}),
    Rung(
        name="induction over 2,048",
        about="one window of 2,048 characters a step instead of 16 of 128; attention reaches 64 to 128 back, induction all the way",
        model={"context_length": 2048, "attention_window": 64},
        train={"batch_size": 1},
    ),
    Rung(name="weight decay 0.3", about="each step shrinks the weights by three tenths of the rate", train={"weight_decay": 0.3}),
    _tried(
        "weight decay that falls",
        "the decay begins at twice as much and falls in a line to zero, beside the rate that it is multiplied by in any case",
        train={"weight_decay": 0.6, "weight_decay_schedule": "linear"},
    ),
    _tried(
        "gates on heads",
        "what each head gives is scaled by a gate that its position's input opens [(Qiu et al. 2025)](https://arxiv.org/abs/2505.06708)",
        model={"head_gates": True},
    ),
    _tried(
        "exclusive attention",
        "heads leave out what lies along the value of their own position [(Zhai 2026)](https://arxiv.org/abs/2603.09078)",
        model={"exclusive": True},
    ),
    _tried(
        "skips between blocks",
        "the upper two blocks get what the lower two read added, in reverse order, by learned shares "
        "[(Ronneberger et al. 2015)](https://arxiv.org/abs/1505.04597)",
        model={"skips": True},
    ),
    _tried(
        "two layers run twice",
        "half of the weights for the same FLOPs [(Dehghani et al. 2019)](https://arxiv.org/abs/1807.03819)",
        model={"n_layer": 2, "loops": 2},
    ),
    _tried(  # not climbed: the respelled text is read less than once at the ladder's budget
        "each character once an epoch",
        "windows stand side by side from a random offset, where they began at random places",
        train={"sampling": "tiled"},
    ),
    Rung(name="speakers respelled", about="trained on the respelled text", augmentation="respelled"),
)


def climb(first: RunSpec, rungs: Sequence[Rung]) -> dict[str, RunSpec]:
    """The spec of each rung by name: it changes the last climbed one below it; the first rung changes `first`."""
    specs, below = {}, first
    for rung in rungs:
        specs[rung.name] = rung.change(below)
        below = specs[rung.name] if rung.climbed else below
    return specs


def stands_on(rungs: Sequence[Rung]) -> dict[str, str]:
    """The name of the rung that each one is compared with, "" for the first."""
    names, below = {}, ""
    for rung in rungs:
        names[rung.name] = below
        below = rung.name if rung.climbed else below
    return names
