"""From the paper's Transformer to ours at a fixed budget, one change at a time. Needs no torch.

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

    `climbed` says whether the next rung stands on it.
    """

    name: str
    model: dict[str, Any] = field(default_factory=dict)
    train: dict[str, Any] = field(default_factory=dict)
    augmentation: str = ""
    climbed: bool = True

    def change(self, spec: RunSpec) -> RunSpec:
        """The spec with this rung's change."""
        model, train = replace(spec.model, **self.model), replace(spec.train, **self.train)
        return replace(spec, corpus="-".join(filter(None, [spec.corpus, self.augmentation])), model=model, train=train)


def _tried(name: str, **changes: Any) -> Rung:
    return Rung(name=name, climbed=False, **changes)


PAPER, ALL_POSITIONS = "the paper's Transformer", "loss at every position"
RUNGS = (
    Rung(name=PAPER),
    Rung(name="steps in bf16", train={"precision": "bf16"}),
    Rung(name=ALL_POSITIONS, train={"loss_at": "all"}),
    Rung(name="warm-up, a higher rate, linear decay", train={"lr": 2e-3, "warmup": 0.03, "schedule": "linear"}),
    _tried("cosine decay", train={"schedule": "cosine"}),
    Rung(name="pre-norm", model={"norm_place": "pre"}),
    Rung(name="no dropout", model={"attention_dropout": 0.0, "ffn_dropout": 0.0}),
    Rung(name="projections start at zero", model={"init": "zero_out"}),
    Rung(name="Muon", train={"optimizer": "muon", "lr": 5e-3, "adam_lr": 3e-3, "beta2": 0.95}),
    Rung(name="rotary positions", model={"position": "rope"}),
    Rung(name="normalised queries and keys", model={"qk_norm": True}),
    Rung(name="ReLU squared", model={"ffn": "relu2"}),
    Rung(name="RMSNorm, no biases", model={"norm": "rms", "bias": False}),
    Rung(name="batches of 16", train={"batch_size": 16}),
    Rung(name="four narrower layers", model={"n_layer": 4, "d_model": 112, "d_ff": 224}),
    _tried("tied vocabulary head", model={"tied": True}),
    _tried("context of 64, batches of 32", model={"context_length": 64}, train={"batch_size": 32}),
    _tried("context of 256, batches of 8", model={"context_length": 256}, train={"batch_size": 8}),
    _tried("averaged weights", train={"average": "ema", "ema_decay": 0.99}),
    _tried("weight decay 0.1", train={"weight_decay": 0.1}),
    _tried("logits capped at 15", model={"softcap": 15.0}),
    _tried("embedding dropout 0.1", model={"embedding_dropout": 0.1}),
    _tried("dropout 0.1 shared by positions", model={"projection_dropout": 0.1, "ffn_dropout": 0.1, "dropout_kind": "variational"}),
    _tried("attention dropout 0.1", model={"attention_dropout": 0.1}),
    _tried("weight dropout 0.1", model={"weight_dropout": 0.1}),
    _tried("short convolution of 4", model={"convolution": 4}),
    _tried("speakers recast", augmentation="recast"),
    Rung(name="induction", model={"induction": (2, 3, 4, 6)}),
    Rung(name="the last two times", model={"induction_times": 2}),
    Rung(name="windows of 2,048", model={"context_length": 2048, "attention_window": 64}, train={"batch_size": 1}),
    Rung(name="weight decay 0.3", train={"weight_decay": 0.3}),
    Rung(name="speakers respelled", augmentation="respelled"),
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
