"""A run of one's own: corpus, model and bound -> spec, by the dense protocol or by that of the paper. Needs no torch.

Dense: the loss at every position, AdamW, windows that move by half a context when they score, and no more scored tokens than cost a
fifth of the training's FLOPs. Paper: the loss at the last position, Adam, every scored token with a window of its own.
"""

from dataclasses import replace
from typing import Any

from tinylm import data, flops
from tinylm.config import ConfigError, ModelConfig, NgramConfig, RunSpec, TrainConfig
from tinylm.config.errors import unknown
from tinylm.study.planned import Planned
from tinylm.study.recipes import ADAMW, EVAL_START, recipe

SECTION = "local"  # the folder of the ledger that holds single runs
N_EVALS = 4  # validations of a run that is not counted in epochs
PROTOCOLS: dict[str, dict[str, Any]] = {
    "dense": ADAMW,
    "paper": {"eval_tokens": 10_000},
}
TARGETS_PER_STEP, WINDOWS_PER_STEP = 512, 64  # of models that predict every position, and of those that give one prediction a window
BOUNDS = ("steps", "epochs", "flops")
SCORING = 0.2  # of the training's FLOPs at most; the rest of a quarter is for what is not counted
LEAST_SCORED, WORTH_A_CURVE = 500, 1_000  # tokens: two blocks, and what each of several validations should have


def spec(corpus: str, model: ModelConfig, protocol: str = "dense", seed: int = 0, **train: Any) -> RunSpec:
    """The run of a model on a corpus; `train` are fields of TrainConfig, which come before the protocol's.

    One of steps, epochs and flops bounds it, one epoch unless given. ConfigError for settings that cannot be run.
    """
    if protocol not in PROTOCOLS:
        raise ConfigError(unknown("protocol", protocol, PROTOCOLS))
    if not any(name in train for name in BOUNDS):
        train = {"epochs": 1} | train
    if isinstance(model, NgramConfig):  # nothing is trained, so nothing of a protocol has a say but what is scored
        train = {"epochs": 1, "eval_start": _first_scored(corpus)} | train
        return RunSpec(corpus=corpus, model=model, train=TrainConfig(**train), seed=seed)
    if protocol == "dense":
        return _dense(corpus, model, seed, train)
    settings = {"n_evals": train.get("epochs", N_EVALS)} | PROTOCOLS["paper"] | train
    return RunSpec(corpus=corpus, model=model, train=TrainConfig(**settings), seed=seed)


def planned(
    corpus: str,
    model: ModelConfig,
    architecture: str,
    name: str,
    protocol: str = "dense",
    seed: int = 0,
    section: str = SECTION,
    **train: Any,
) -> Planned:
    """The run as one that is planned, with its names for people; its fields as `spec`."""
    made = spec(corpus, model, protocol, seed, **train)
    return Planned(section=section, role="single", architecture=architecture, name=name, spec=made)


def of_recipe(architecture: str, corpus: str, flops: float, seed: int = 0) -> Planned:
    """The run of a recipe; RecipeError where there is none."""
    made = replace(recipe(architecture, corpus, flops), seed=seed)
    return Planned(section=SECTION, role="single", architecture=architecture, name=f"{architecture} recipe", spec=made)


def _dense(corpus: str, model: ModelConfig, seed: int, train: dict[str, Any]) -> RunSpec:
    every = model.predicts_every_position
    own: dict[str, Any] = {"loss_at": "all" if every else "last", "n_evals": train.get("epochs", N_EVALS)}
    own["batch_size"] = max(1, TARGETS_PER_STEP // model.context_length) if every else WINDOWS_PER_STEP
    made = RunSpec(corpus=corpus, model=model, train=TrainConfig(**(PROTOCOLS["dense"] | own | train)), seed=seed)
    scoring = {name: value for name, value in _scoring(made).items() if name not in train}
    return replace(made, train=replace(made.train, **scoring))


def _scoring(made: RunSpec) -> dict[str, int]:
    """The dense protocol's scoring of a run: its windows, its validations, and the tokens that its share of FLOPs pays for."""
    about, length, dense = data.info(made.corpus), made.model.context_length, made.train.loss_at == "all"
    least = _least_tokens(made.corpus)
    stride = max(1, length // 2) if dense else 1
    windows = {"eval_stride": stride, "eval_start": max(_first_scored(made.corpus), 0 if dense else length)}
    token = sum(flops.forward_parts(made.model, about.vocab_size, stride, stride).values()) / stride
    paid = SCORING * flops.run_cost(made, about).flops / token  # in all: by each validation, and at the end on test
    n_evals = made.train.n_evals if paid >= WORTH_A_CURVE * (made.train.n_evals + 1) else 1
    each = int(paid / (n_evals + 1))
    return windows | {"n_evals": n_evals, "eval_tokens": 0 if each >= least else max(LEAST_SCORED, each)}


def _least_tokens(corpus: str) -> int:
    """Tokens of the shorter of valid and test."""
    return min(data.info(corpus).n_tokens[split] for split in ("valid", "test"))


def _first_scored(corpus: str) -> int:
    """The token from which on every model of a corpus is scored, so that their losses can be compared."""
    return min(EVAL_START, _least_tokens(corpus) // 2)
