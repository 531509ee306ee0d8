"""What to run: frozen, keyword-only dataclasses that say everything that changes a result and nothing else.

Imports no torch, so a study can be planned, keyed and looked up in milliseconds.
"""

import hashlib
import json
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

from tinylm.config.fields import Checked
from tinylm.config.models import GatedCountsConfig, ModelConfig, NgramConfig

MAX_EVALS = 100_000
SEEDS_APART = 1_000  # a run's seed and its teachers': more than any study has


@dataclass(frozen=True, kw_only=True, repr=False)
class TrainConfig(Checked):
    """How to train and score; exactly one of `steps`, `epochs` and `flops` bounds the run. Zero means "not set" or "all".

    - `loss_at`: positions of a window that the loss is taken at
    - `n_targets`: how many of all positions the loss is taken at, the last ones; 0: every one
    - `batch_size`: windows in a step
    - `windows_per_epoch`: training windows in an epoch; 0: every window
    - `sampling`: `random`, windows drawn with replacement; `shuffled`, each visited once an epoch; `tiled`, windows side by side from a
      random offset, so that each token is predicted once an epoch
    - `train_tokens`: the first tokens of the training text that are used; 0: all
    - `token_noise`: share of the tokens read in training that draws from the training text replace (Xie et al. 2017)
    - `optimizer`: `muon` is for hidden matrices, at the rate lr; AdamW has the rest
    - `lr`: the highest rate of the schedule
    - `adam_lr`: the rate of muon's AdamW; 0: lr
    - `weight_decay_schedule`: of the decay, which is multiplied by the rate in any case; `linear`, it falls to zero over the run
    - `schedule`: of the rate; `wsd` is a warm-up, a constant rate, and a linear decay
    - `warmup`: fraction of the run in which the rate rises
    - `decay`: fraction of the run in which the rate of wsd falls
    - `lr_floor`: the share of the highest rate that a falling schedule ends at
    - `clip`: largest norm of a step's gradient; 0: any
    - `average`: `ema` or `swa`, a mean of the weights is scored and kept: a running one, or the equal one of the run's last part
    - `ema_decay`: a step adds 1 - ema_decay of its weights to the mean
    - `swa_share`: fraction of the run, its last part, whose weights swa averages
    - `n_evals`: validations, spread evenly over the run
    - `keep`: which validation's weights are tested
    - `precision`: of a step's arithmetic; weights and scores are always fp32
    - `micro_batch`: windows that go through the model at a time, gradients add up; 0: the batch
    - `eval_context`: tokens of a scoring window; 0: context_length
    - `eval_stride`: tokens that a scoring window moves by, its last ones, which it scores
    - `eval_start`: the first scored token of a split; 0: eval_context
    - `eval_tokens`: scored tokens of a split; 0: to its end
    """

    steps: int = 0
    epochs: int = 0
    flops: int = 0
    loss_at: Literal["last", "all"] = "last"
    n_targets: int = 0
    batch_size: int = 64
    windows_per_epoch: int = 50_000
    sampling: Literal["random", "shuffled", "tiled"] = "random"
    train_tokens: int = 0
    token_noise: float = 0.0
    optimizer: Literal["adam", "adamw", "muon"] = "adam"
    lr: float = 3e-4
    adam_lr: float = 0.0
    beta1: float = 0.9
    beta2: float = 0.999
    weight_decay: float = 0.0
    weight_decay_schedule: Literal["constant", "linear"] = "constant"
    schedule: Literal["constant", "cosine", "linear", "wsd"] = "constant"
    warmup: float = 0.0
    decay: float = 0.2
    lr_floor: float = 0.0
    clip: float = 0.0
    average: Literal["none", "ema", "swa"] = "none"
    ema_decay: float = 0.999
    swa_share: float = 0.1
    n_evals: int = 1
    keep: Literal["best", "last"] = "best"
    precision: Literal["fp32", "bf16"] = "fp32"
    micro_batch: int = 0
    eval_context: int = 0
    eval_stride: int = 1
    eval_start: int = 0
    eval_tokens: int = 0

    def validations(self, steps: int) -> list[int]:
        """The steps of a run of so many that are followed by a validation, rising; the last one is among them."""
        return sorted({round(steps * (i + 1) / self.n_evals) for i in range(self.n_evals)} - {0})

    def check(self) -> None:
        bounds = [name for name in ("steps", "epochs", "flops") if getattr(self, name)]
        self.require(len(bounds) == 1, f"set exactly one of steps, epochs and flops above zero, got {' and '.join(bounds) or 'none'}")
        self.require(self.batch_size > 0, "batch_size must be at least 1")
        self.require(self.micro_batch <= self.batch_size, f"micro_batch={self.micro_batch} is larger than the batch; lower it")
        self.require(self.lr > 0, "lr must be above zero")
        self.require(self.optimizer != "adam" or self.weight_decay == 0, "adam has no weight_decay; set optimizer='adamw'")
        self.require(0 < self.n_evals <= MAX_EVALS, f"n_evals must be at least 1 and at most {MAX_EVALS:,}")
        self.require(self.eval_stride > 0, "eval_stride must be at least 1")
        self.require(self.warmup <= 1, f"warmup is a fraction of the run, got {self.warmup}")
        self.require(self.token_noise < 1, f"token_noise is a share of the tokens below 1, got {self.token_noise}")
        self.require(self.swa_share <= 1, f"swa_share is a fraction of the run, got {self.swa_share}")
        self.require(self.lr_floor <= 1, f"lr_floor is a share of the highest rate, got {self.lr_floor}")
        side_by_side = self.sampling != "tiled" or self.windows_per_epoch == TrainConfig.windows_per_epoch
        self.require(side_by_side, "windows_per_epoch has no effect with sampling='tiled'; leave it out")
        for name in ("beta1", "beta2", "ema_decay"):
            self.require(getattr(self, name) < 1, f"{name} must be below 1")
        # A setting without effect would give one run two keys.
        self.require(self.loss_at == "all" or not self.n_targets, "n_targets needs loss_at='all'")
        owners = {"adam_lr": ("optimizer", "muon"), "decay": ("schedule", "wsd")}
        owners |= {"ema_decay": ("average", "ema"), "swa_share": ("average", "swa")}
        for name, (owner, value) in owners.items():
            has_effect = getattr(self, owner) == value or getattr(self, name) == getattr(TrainConfig, name)
            self.require(has_effect, f"{name} needs {owner}={value!r}")
        self.require(self.schedule != "constant" or not self.lr_floor, "lr_floor needs a schedule that falls, such as schedule='cosine'")
        falls = self.weight_decay_schedule != "constant"
        self.require(self.weight_decay > 0 or not falls, "weight_decay_schedule needs a weight_decay above zero")
        fits = self.schedule != "wsd" or 0 < self.decay <= 1 - self.warmup
        self.require(fits, f"decay={self.decay} must be above zero and fit beside warmup={self.warmup} in the run; change one")


@dataclass(frozen=True, kw_only=True, repr=False)
class TeacherConfig(Checked):
    """What a network learns from beside its text (Hinton et al. 2015): networks that are trained before it in the same way, or counts.

    - `model`: of the teachers; counts predict each part of the training text by the others
    - `number`: networks, which differ in their seed and teach by the mean of their probabilities
    - `generations`: of teachers, each taught by the one before (Furlanello et al. 2018)
    - `share`: of the budget, which trains the teachers; of that again, their own teachers
    - `weight`: of the loss against what the teachers predict; that against the text has the rest
    - `temperature`: by which the logits of both are divided in that loss
    """

    model: ModelConfig
    number: int = 1
    generations: int = 1
    share: float = 0.5
    weight: float = 0.5
    temperature: float = 1.0

    def check(self) -> None:
        self.require(self.number > 0 and self.generations > 0, "number and generations must be at least 1")
        self.require(0 < self.share < 1, f"share is the part of a budget that trains teachers, got {self.share}")
        self.require(0 < self.weight <= 1, f"weight must be above 0 and at most 1, got {self.weight}")
        self.require(self.temperature > 0, "temperature must be above zero")
        untrained = isinstance(self.model, NgramConfig)
        idle = [name for name in ("number", "generations", "share") if getattr(self, name) != getattr(TeacherConfig, name)]
        self.require(not (untrained and idle), f"counts are one teacher, which is not trained; leave out {' and '.join(idle)}")
        self.require(not isinstance(self.model, GatedCountsConfig), "gated-counts cannot teach: it is trained in another way")


@dataclass(frozen=True, kw_only=True, repr=False)
class RunSpec(Checked):
    """One planned run: a corpus's name, a model, how to train and score it, a seed, and what teaches it beside its text, if anything."""

    corpus: str
    model: ModelConfig
    train: TrainConfig
    seed: int = 0
    teacher: TeacherConfig | None = None

    def check(self) -> None:
        one_position = self.train.loss_at == "last" and self.train.eval_stride == 1
        message = f"{self.model.kind} predicts one token per window; set loss_at='last' and eval_stride=1"
        self.require(self.model.predicts_every_position or one_position, message)
        if isinstance(self.model, GatedCountsConfig):
            self._check_gated()
        if self.teacher:
            self._check_teacher(self.teacher.model)
        n_targets, length = self.train.n_targets, self.model.context_length
        fewer = n_targets < length or not n_targets
        self.require(fewer, f"n_targets={n_targets} must be below context_length={length}; 0 takes the loss at every position")
        n_future = getattr(self.model, "n_future", 1)
        self.require(n_future <= max(self.n_targets, 1), f"n_future={n_future} needs the loss at as many positions; set loss_at='all'")

    def _check_gated(self) -> None:
        """Raise ConfigError for what batch normalisation, whose means are no weights, does not go with."""
        train = self.train
        self.require(train.loss_at == "all", "gated-counts learns at every position; set loss_at='all'")
        self.require(train.n_targets != 1, "gated-counts is normalised over the tokens of a batch; n_targets must be 0 or at least 2")
        self.require(not train.token_noise, "gated-counts reads no tokens; leave token_noise out")
        self.require(train.average == "none", "gated-counts cannot average its weights; leave average out")
        self.require(not train.micro_batch, "gated-counts is normalised over a whole batch; leave micro_batch out")
        self.require(train.precision == "fp32", "gated-counts computes in fp32; leave precision out")

    def _check_teacher(self, model: ModelConfig) -> None:
        """Raise ConfigError for a run that cannot learn from the predictions of such a model."""
        self.require(not isinstance(self.model, GatedCountsConfig | NgramConfig), f"{self.model.kind} cannot learn from a teacher")
        self.require(getattr(self.model, "n_future", 1) == 1, "a teacher predicts the next token only; leave n_future out")
        if isinstance(model, NgramConfig):
            return
        self.require(self.train.flops > 0, "teachers get a share of a budget; set flops")
        alike = model.context_length == self.model.context_length and model.predicts_every_position >= self.model.predicts_every_position
        self.require(alike, f"teachers read the same windows; set their context_length={self.model.context_length}")

    @cached_property
    def teachers(self) -> tuple["RunSpec", ...]:
        """The runs that teach this one: counts, or networks with seeds of their own, of which the last weights teach."""
        if self.teacher is None:
            return ()
        model, number, generations = self.teacher.model, self.teacher.number, self.teacher.generations
        if isinstance(model, NgramConfig):
            counting = TrainConfig(epochs=1, train_tokens=self.train.train_tokens)
            return (RunSpec(corpus=self.corpus, model=model, train=counting),)
        budget = int(self.train.flops * self.teacher.share / number)
        # Of their scores none is used, so that few tokens are scored.
        train = replace(self.train, flops=budget, n_evals=1, eval_tokens=self.train.eval_stride)
        before = replace(self.teacher, generations=generations - 1) if generations > 1 else None
        first = RunSpec(corpus=self.corpus, model=model, train=train, seed=self.seed, teacher=before)
        return tuple(replace(first, seed=self.seed + n * SEEDS_APART) for n in range(1, number + 1))

    @property
    def is_counts(self) -> bool:
        """Whether the model counts n-grams: nothing is trained, and one seed says all."""
        return isinstance(self.model, NgramConfig)

    @property
    def n_targets(self) -> int:
        """Positions of each training window that the loss is taken at: its last ones."""
        return (self.train.n_targets or self.model.context_length) if self.train.loss_at == "all" else 1

    def scored(self, n_split: int) -> range:
        """Indices of the scored tokens of a split of `n_split` tokens; empty where it is too short."""
        start = self.train.eval_start or self.train.eval_context or self.model.context_length
        return range(start, min(n_split, start + self.train.eval_tokens) if self.train.eval_tokens else n_split)

    @cached_property
    def key(self) -> str:
        """16 hex digits that identify the run: a hash of the fields that differ from their defaults."""
        text = json.dumps(changed(self), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def changed(config: Checked) -> dict[str, Any]:
    """The fields that differ from their defaults, nested configs likewise, each model with its kind."""
    tag = {"kind": config.kind} if isinstance(config, ModelConfig) else {}
    return tag | {name: changed(value) if isinstance(value, Checked) else value for name, value in config.changed().items()}
