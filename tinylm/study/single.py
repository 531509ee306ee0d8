"""A run of one's own: corpus, model and bound -> spec, by the dense protocol or by that of the paper. Needs no torch.

Dense: the loss at every position, AdamW, windows that move by half a context when they score, and scoring in proportion to training.
Full: dense, but all of valid and test is scored, each token with most of a context before it, as the study scores its recipes.
Paper: the loss at the last position, Adam, every scored token with a window of its own.
"""

from collections.abc import Iterable
from dataclasses import fields, replace
from typing import Any

from tinylm import data, flops, study
from tinylm.config import ConfigError, ModelConfig, NgramConfig, RunSpec, TrainConfig
from tinylm.config.errors import ArgumentError, unknown
from tinylm.config.scored import check_scoring
from tinylm.study import titles
from tinylm.study.planned import BOUNDS, Planned
from tinylm.study.recipes import ADAMW, EVAL_START, STRIDES_PER_CONTEXT, nearest_text, recipe

COUNTS = "counts"  # the recipe that takes no budget
UNTRAINED = "counts are not trained; leave out {}"
OF_COUNTS = {"train_tokens", "eval_start", "eval_tokens"}  # the settings that have a say in counts
SECTION = "local"  # the folder of the ledger that holds single runs
N_EVALS = 4  # validations of a run that is not counted in epochs
DENSE, FULL = "dense", "full"  # the protocol where none is named, and the one that scores as the study does
PROTOCOLS: dict[str, dict[str, Any]] = {
    DENSE: ADAMW | {"loss_at": "all"},  # of a model that gives one prediction a window: last
    FULL: ADAMW | {"loss_at": "all"},
    "paper": {"eval_tokens": 10_000},
}
OF_RECIPES = (DENSE, FULL)
TARGETS_PER_STEP, WINDOWS_PER_STEP = 512, 64  # of models that predict every position, and of those that give one prediction a window
SCORING = 0.2  # of the training's FLOPs at most, unless LEAST_SCORED or what the user sets costs more
LEAST_SCORED, WORTH_A_CURVE = 500, 1_000  # tokens: two blocks, and what each of several validations should have


def spec(corpus: str, model: ModelConfig, protocol: str = DENSE, seed: int = 0, **train: Any) -> RunSpec:
    """The run of a model on a corpus; `train` are fields of TrainConfig, which come before the protocol's.

    One of steps, epochs and flops bounds it, one epoch unless given. ConfigError for settings that cannot be run.
    """
    if protocol not in PROTOCOLS:
        raise ConfigError(unknown("protocol", protocol, PROTOCOLS))
    if isinstance(model, NgramConfig):  # nothing is trained, so nothing of a protocol has a say but what is scored
        check_untrained(train)
        train = {"epochs": 1, "eval_start": _first_scored(corpus)} | train
        return RunSpec(corpus=corpus, model=model, train=TrainConfig(**train), seed=seed)
    if not any(name in train for name in BOUNDS):
        train = {"epochs": 1} | train
    if protocol in OF_RECIPES:
        made = _dense(corpus, model, seed, train, STRIDES_PER_CONTEXT if protocol == FULL else 2)
        return made if protocol == FULL else _scored_in_proportion(made, {"n_evals", "eval_tokens"} - train.keys())
    settings = {"n_evals": train.get("epochs", N_EVALS)} | PROTOCOLS["paper"] | train
    return _scorable(RunSpec(corpus=corpus, model=model, train=TrainConfig(**settings), seed=seed))


def _scorable(made: RunSpec) -> RunSpec:
    """The run as it is; ConfigError where nothing could be scored when it is trained."""
    check_scoring(made, data.info(made.corpus).n_tokens)
    return made


def check_untrained(settings: Iterable[str]) -> None:
    """Raise ConfigError for a setting of training, which counts have none of; what is no setting at all is left to TrainConfig."""
    trained = {field.name for field in fields(TrainConfig)} - OF_COUNTS
    if extra := sorted(trained & set(settings)):
        raise ArgumentError(UNTRAINED, extra[0])


def unplanned(spec: RunSpec, section: str = SECTION) -> Planned:
    """A run that no plan has, with its names for people; what trains, finds or shows one takes it from here."""
    return Planned(section=section, role="single", architecture=titles.architecture(spec.model), name=titles.run(spec), spec=spec)


def of_recipe(name: str, corpus: str, seed: int = 0, protocol: str | None = None, **settings: Any) -> Planned:
    """The run of a recipe at its budget, `flops`; ConfigError as `check_recipe`, RecipeError where it cannot have the budget.

    One that the study has too is scored as there, so that its record is found; another one in proportion, unless the protocol is full.
    """
    check_recipe(name, corpus, settings, protocol)
    made = recipe(name, corpus, settings.get("flops", 0))
    if protocol != FULL and not made.is_counts and made.key not in study.by_key():
        made = _affordable(made)
    return unplanned(replace(made, seed=seed))


def check_recipe(name: str, corpus: str, settings: Iterable[str], protocol: str | None = None) -> None:
    """Raise ConfigError for a recipe that there is not, and where `settings`, the names of what is set besides, do not go with it."""
    if protocol not in (None, *OF_RECIPES):
        raise ConfigError(f"a recipe sets its training itself; {unknown('protocol', protocol, OF_RECIPES)}")
    if name != COUNTS:
        nearest_text(name, corpus)
    if extra := sorted(set(settings) - {"flops"}):
        sentence = "a recipe sets all but text, budget, seed and protocol; leave out {}, or give a model in place of the recipe"
        raise ArgumentError(sentence, extra[0])
    if name == COUNTS and "flops" in settings:
        raise ArgumentError(UNTRAINED, "flops")
    if name != COUNTS and "flops" not in settings:
        raise ArgumentError(f"the recipe {name!r} needs a budget; say how many FLOPs: {{}}", "flops=1e11")


def _affordable(made: RunSpec) -> RunSpec:
    """A recipe's run as it is where SCORING pays for its scoring; else as much of it as that pays for, with windows that move further."""
    if flops.scoring_flops(made, data.info(made.corpus)) <= SCORING * flops.run_cost(made, data.info(made.corpus)).flops:
        return made
    stride = max(1, made.model.context_length // 2) if made.train.loss_at == "all" else 1
    return _scored_in_proportion(replace(made, train=replace(made.train, eval_stride=stride)), {"n_evals", "eval_tokens"})


def _dense(corpus: str, model: ModelConfig, seed: int, train: dict[str, Any], strides: int) -> RunSpec:
    """A run by the dense protocol, in whose scoring a window moves so many times until it reads other text."""
    said = TrainConfig(**(PROTOCOLS[DENSE] | ({} if model.predicts_every_position else {"loss_at": "last"}) | train))
    dense = said.loss_at == "all"
    window = said.eval_context or model.context_length
    own = {
        "batch_size": max(1, TARGETS_PER_STEP // (said.n_targets or model.context_length)) if dense else WINDOWS_PER_STEP,
        "n_evals": said.epochs or N_EVALS,
        "eval_stride": max(1, window // strides) if dense else 1,
        "eval_start": max(_first_scored(corpus), 0 if dense else window),
    }
    return _scorable(RunSpec(corpus=corpus, model=model, train=replace(said, **(own | train)), seed=seed))


def _scored_in_proportion(made: RunSpec, free: set[str]) -> RunSpec:
    """With as many validations and scored tokens, where these are `free`, as SCORING pays for."""
    about = data.info(made.corpus)
    paid = SCORING * flops.run_cost(made, about).flops

    def scored(**fields: int) -> RunSpec:
        return replace(made, train=replace(made.train, **fields))

    if "n_evals" in free:
        curve = scored(eval_tokens=WORTH_A_CURVE) if "eval_tokens" in free else made
        made = made if flops.scoring_flops(curve, about) <= paid else scored(n_evals=1)
    if "eval_tokens" in free and flops.scoring_flops(made, about) > paid:
        stride = made.train.eval_stride
        windows = int(paid / flops.scoring_flops(scored(eval_tokens=stride), about))
        made = scored(eval_tokens=max(LEAST_SCORED, windows * stride))
    return made


def _least_tokens(corpus: str) -> int:
    """Tokens of the shorter of valid and test."""
    return min(data.info(corpus).n_tokens[split] for split in ("valid", "test"))


def _first_scored(corpus: str) -> int:
    """The token from which on every model of a corpus is scored, so that their losses can be compared."""
    return min(EVAL_START, _least_tokens(corpus) // 2)
