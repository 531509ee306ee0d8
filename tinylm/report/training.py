"""Train in one call: a text, a model and a bound -> finished runs, found in the ledger or trained now."""

import inspect
import math
import numbers
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, overload

from tinylm import data, files, ledger
from tinylm.config import ConfigError, ModelConfig, NgramConfig, TrainConfig
from tinylm.config.calls import public
from tinylm.config.errors import instead, too_long, unknown
from tinylm.config.interrupts import uninterrupted
from tinylm.data import Corpus
from tinylm.evaluation import pretrained
from tinylm.evaluation.model import Model
from tinylm.ledger import RunRecord
from tinylm.report.runs import Run, Seeds
from tinylm.study import Planned, costs, recipes, single
from tinylm.study.costs import Cost

if TYPE_CHECKING:
    from tinylm.training import machine

RECIPE = "transformer"  # where neither a model nor a recipe is named
CONTEXT_LENGTH = 128  # of a module of one's own, unless given
TAKEN: dict[str, float] = {}  # FLOPs by what was asked for a time, so that the same call finds its run again or goes on with it
NOT_OF_COST = {  # arguments of train, and what to give to cost instead
    "recipe": "give the recipe's name in place of the model: tl.cost('transformer', text, flops=1e12)",
    "seconds": "give flops: tl.train(..., seconds=60) prints how many it takes 60 seconds for",
    "seeds": "every seed costs the same; multiply by their number",
    "minutes": "it trains nothing",
    "live": "it trains nothing",
    "device": "FLOPs are the same on every device",
}

Text: TypeAlias = str | Path | Corpus
Trainable: TypeAlias = ModelConfig | type[ModelConfig] | Callable[..., Any]  # the last makes an nn.Module from a vocabulary size


@dataclass(frozen=True, kw_only=True)
class RunRequest:
    """What is to be trained on a corpus: a recipe, or a model with its protocol and the settings that come before it."""

    corpus: str
    model: Any = None
    recipe: str | None = None
    context_length: int | None = None
    protocol: str | None = None
    settings: dict[str, Any]

    def planned(self, seed: int) -> Planned:
        """The run with a seed; ConfigError where recipe and model contradict each other, or nothing bounds the run."""
        self.check()
        if self.model is None:
            return single.of_recipe(self.recipe or RECIPE, self.corpus, seed, self.protocol, **self._said)
        return single.unplanned(single.spec(self.corpus, self._config(), self.protocol or single.DENSE, seed, **self.settings))

    def check(self) -> None:
        """Raise ConfigError where the arguments contradict each other; nothing is built or measured for it."""
        settings = [field.name for field in fields(TrainConfig)]
        if foreign := [name for name in self.settings if name not in settings]:
            named = [name for name in inspect.signature(train).parameters if name != "settings"]
            raise ConfigError(f"there is no argument {foreign[0]!r}; {instead(foreign[0], named + settings, 'there are:')}")
        if isinstance(self.model, Model | Run):
            raise ConfigError(f"this {type(self.model).__name__} is trained already; give its shape: {self.model.spec.model!r}")
        if self.model is None:
            try:
                return single.check_recipe(self.recipe or RECIPE, self.corpus, self._said, self.protocol)
            except ConfigError as error:
                taken = "" if self.recipe else f"without a model the recipe {RECIPE!r} is taken; "
                raise ConfigError(f"{taken}{error}") from error
        if self.recipe is not None:
            raise ConfigError("a recipe sets the model too; give a model or recipe=..., not both")
        if isinstance(self.model, str):
            raise ConfigError(f"a model is no name; give recipe={self.model!r}, or a shape such as tl.Transformer()")
        if self._is_shape and self.context_length is not None:
            raise ConfigError(
                "context_length beside a shape is for a module of your own; give it to the shape: tl.Transformer(context_length=...)"
            )
        if self._is_counts:
            return single.check_untrained(self.settings)
        if not any(name in self.settings for name in single.BOUNDS):
            raise ConfigError("say for how long: flops=1e11, seconds=60, steps=500 or epochs=1")
        protocol = self.protocol or single.DENSE
        if protocol not in single.PROTOCOLS:
            raise ConfigError(unknown("protocol", protocol, single.PROTOCOLS))
        TrainConfig(**(single.PROTOCOLS[protocol] | self.settings))
        if not self._is_shape:
            self._check_length()

    def _check_length(self) -> None:
        """Raise ConfigError where a split has no window of a module of one's own and the token after it."""
        n_tokens = data.info(self.corpus).n_tokens
        split = min(n_tokens, key=n_tokens.__getitem__)
        if self._length < n_tokens[split]:
            return
        default = "" if self.context_length is not None else "(the default) "
        raise too_long("context_length", self._length, f"{default}is too long: {split} has {n_tokens[split]:,} tokens", n_tokens[split])

    @property
    def _length(self) -> int:
        """The context length of a module of one's own."""
        return CONTEXT_LENGTH if self.context_length is None else self.context_length

    @property
    def _said(self) -> dict[str, Any]:
        """What is set besides text, model, recipe and protocol."""
        return self.settings | ({} if self.context_length is None else {"context_length": self.context_length})

    @property
    def _is_shape(self) -> bool:
        return _is_shape(self.model)

    @property
    def _is_counts(self) -> bool:
        return isinstance(self.model, NgramConfig) or self.model is NgramConfig

    def _config(self) -> ModelConfig:
        """The model as a config; a class is taken with its defaults, and what makes an nn.Module is tried and counted."""
        if isinstance(self.model, ModelConfig):
            return self.model
        if inspect.isclass(self.model) and issubclass(self.model, ModelConfig):
            return self.model()
        with uninterrupted():
            from tinylm.models.networks import own_module  # torch is loaded only for a module of one's own

        return own_module(self.model, self._length, data.vocab_size(self.corpus))


@overload
def train(text: Text, model: Trainable | None = None, *, seeds: None = None, **settings: Any) -> Run: ...


@overload
def train(text: Text, model: Trainable | None = None, *, seeds: Iterable[int], **settings: Any) -> Seeds: ...


def _is_shape(model: Any) -> bool:
    """Whether it is the shape of one of the library's models, or its class."""
    return isinstance(model, ModelConfig) or (inspect.isclass(model) and issubclass(model, ModelConfig))


@public("stopped before the first step; repeat to begin")
def train(
    text: Text,
    model: Trainable | None = None,
    *,
    recipe: str | None = None,
    flops: float | None = None,
    seconds: float | None = None,
    seed: int | None = None,
    seeds: Iterable[int] | None = None,
    level: str | None = None,
    context_length: int | None = None,
    protocol: str | None = None,
    minutes: float = 0.0,
    live: bool = False,
    device: str = "auto",
    **settings: Any,
) -> Run | Seeds:
    """Train a model on a text, with one seed or several; a run whose record and weights are here is found.

    `text` is a corpus, or what `corpus` makes one of; `level` is for a text of one's own. `model` is `Transformer(...)`, `Counts(...)` or
    the like, or a class or function that makes an nn.Module (B, T) -> (B, T, V) from the vocabulary size and is trained at
    `context_length` (128). Without a model the `recipe` is trained, the best known model for a number of `flops`.

    `flops`, `seconds`, `steps` or `epochs` bounds the run; `seconds` become the FLOPs that this machine should train and score
    in them, which are printed and repeat the run. `settings` are other fields of TrainConfig, such as lr; the `protocol`, dense, full or
    paper, sets the rest. `seeds` gives several runs. What should take more than ten minutes needs `minutes`, after which it stops.
    *Interrupt* saves, and the same call goes on. `live` draws the curves meanwhile. TinylmError for what cannot be trained.

    >>> run = train("grammar-char", Counts(order=3))
    >>> run.model.generate("the ", length=6, temperature=0)
    'the sees t'
    """
    corpus = _corpus(text, level, "the text comes first: tl.train(text, model)")
    chosen, on = _seeds(seed, seeds), _settings(device, minutes, live)
    settings |= _bound(flops)
    request = RunRequest(corpus=corpus, model=model, recipe=recipe, context_length=context_length, protocol=protocol, settings=settings)
    request = request if seconds is None else _within(request, seconds, on)
    runs = _finished([request.planned(one) for one in chosen], on, live)
    return Seeds(runs) if seeds is not None else runs[0]


def _corpus(text: Text, level: str | None, swapped: str) -> str:
    """The name of a text's corpus; ConfigError that says `swapped` for a model in its place."""
    if _is_shape(text) or callable(text):
        raise ConfigError(swapped)
    return data.corpus(text, level).info.name


def _seeds(seed: int | None, seeds: Iterable[int] | None) -> list[int]:
    """The seeds that are meant; ConfigError for none, for one that comes twice, and for a number in the place of several."""
    if seeds is None:
        return [0 if seed is None else seed]
    if seed is not None:
        raise ConfigError("give seed or seeds, not both")
    if isinstance(seeds, str) or not isinstance(seeds, Iterable):
        raise ConfigError(f"seeds are several numbers, got {seeds!r}; write seeds=range(3)")
    chosen = list(seeds)
    if not chosen or len(set(chosen)) < len(chosen):
        raise ConfigError(f"seeds must be at least one, and each once, got {chosen}; write seeds=range(3)")
    return chosen


@public()
def cost(
    model: Trainable | str,
    text: Text,
    *,
    level: str | None = None,
    context_length: int | None = None,
    seed: int = 0,
    **settings: Any,
) -> Cost:
    """What training a model on a text would cost, part by part, beside 2ND and 6ND; nothing is trained.

    The `settings` are bounds and fields of TrainConfig, as in `train`; a recipe is given by its name in place of the model. Without
    flops, steps or epochs it is the cost of one step.

    >>> cost(Transformer(n_layer=2, d_model=64), "grammar-char").n_params
    112803
    """
    if foreign := [name for name in NOT_OF_COST if name in settings]:
        raise ConfigError(f"tl.cost takes no {foreign[0]}; {NOT_OF_COST[foreign[0]]}")
    corpus = _corpus(text, level, "the model comes first: tl.cost(model, text)")
    named = {"recipe": model, "model": None} if isinstance(model, str) else {"model": model}
    is_counts = isinstance(model, NgramConfig) or model is NgramConfig
    is_bounded = isinstance(model, str) or is_counts or any(name in settings for name in single.BOUNDS)
    bounded = dict(settings) if is_bounded else {"steps": 1} | settings
    protocol = bounded.pop("protocol", None)
    return costs.cost(RunRequest(corpus=corpus, context_length=context_length, protocol=protocol, settings=bounded, **named).planned(seed))


def _settings(device: str, minutes: float, live: bool) -> "machine.Settings":
    """Where and for how long is trained; ConfigError for arguments that say neither, `live` included."""
    with uninterrupted():
        from tinylm.training import machine  # torch is loaded only where something is trained

    if not isinstance(live, bool):
        raise ConfigError(f"live must be True or False, got {live!r}")
    if not _is_number(minutes) or minutes < 0:
        raise ConfigError(f"minutes must be a number, zero or above, got {minutes!r}")
    folders = {"folder": files.LOCAL_LEDGER, "checkpoints": files.CHECKPOINTS, "weights": files.WEIGHTS}
    return machine.Settings(device=machine.device(device), minutes=minutes, **folders)


def _is_number(value: Any) -> bool:
    """Whether it is a finite number."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool) and math.isfinite(value)


def _bound(flops: float | None) -> dict[str, float]:
    """A number of FLOPs as a setting, where one is given; ConfigError for what is no number."""
    if not (flops is None or _is_number(flops)):
        raise ConfigError(f"flops must be a number above zero, got {flops!r}")
    return {} if flops is None else {"flops": flops}


def _within(request: RunRequest, seconds: float, on: "machine.Settings") -> RunRequest:
    """The request with the FLOPs that `seconds` buy here, to two digits, which it prints; its other fields are checked first."""
    with uninterrupted():
        from tinylm.training import forecast

    if "flops" in request.settings:
        raise ConfigError("give flops or seconds, not both")
    if not _is_number(seconds) or seconds <= 0:
        raise ConfigError(f"seconds must be a number above zero, got {seconds!r}")

    def spending(flops: float) -> RunRequest:
        return replace(request, settings=request.settings | {"flops": flops})

    spending(1).check()
    asked = f"{request}, {seconds} s on {on.device}"
    if asked not in TAKEN:
        affordable = forecast.affordable_flops(lambda flops: spending(flops).planned(0), seconds, on)
        TAKEN[asked] = float(f"{affordable:.1e}")
    print(f"{seconds:g} seconds are taken for flops={TAKEN[asked]:.1e} in this session; in another, give these FLOPs to repeat the run")
    return spending(TAKEN[asked])


def _finished(planned: Sequence[Planned], on: "machine.Settings", live: bool) -> list[Run]:
    """The runs, those without record or weights trained first."""
    with uninterrupted():
        from tinylm.training import pool

    known = ledger.known()
    missing = [run for run in planned if not _is_finished(run, known.find(run.spec))]
    if missing:
        print(pool.require_allowed(missing, on, "tl.train(..., minutes={minutes})"))
        for caution in dict.fromkeys(caution for run in missing if (caution := recipes.over_fitting(run.spec))):
            print(caution)
        from tinylm.report.live import LiveCurve

        pool.finish_all(missing, on, watch=LiveCurve() if live else pool.unwatched)
        known = ledger.known()
    runs = [Run(run, known.records[run.spec.key]) for run in planned]
    for run in runs:
        if run.diverged:
            print(f"{run.run.title}: {run.diverged}")
    return runs


def _is_finished(run: Planned, record: RunRecord | None) -> bool:
    """Whether nothing is left to train: a run that diverged has no weights, and would diverge again."""
    return record is not None and (run.spec.is_counts or record.status == "diverged" or pretrained.usable(run.spec.key) is not None)
