"""Train in one call: a text, a model and a bound -> finished runs, found in the ledger or trained now."""

import inspect
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinylm import data, files, ledger
from tinylm.config import ConfigError, ModelConfig, NgramConfig
from tinylm.data import Corpus
from tinylm.evaluation import pretrained
from tinylm.report.runs import Run, Seeds
from tinylm.study import Planned, costs, single, titles
from tinylm.study.costs import Cost

if TYPE_CHECKING:
    from tinylm.training import pool

RECIPE = "transformer"  # where neither a model nor a recipe is named
CONTEXT_LENGTH = 128  # of a module of one's own, unless given

Text = str | Path | Corpus


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is to be trained on a corpus: a recipe, or a model with its protocol and the settings that come before it."""

    corpus: str
    model: Any = None
    recipe: str | None = None
    context_length: int | None = None
    protocol: str = "dense"
    settings: dict[str, Any]

    def planned(self, seed: int) -> Planned:
        """The run with a seed; ConfigError where recipe and model contradict each other, or nothing bounds the run."""
        if self.model is None:
            return self._of_recipe(seed)
        if self.recipe is not None:
            raise ConfigError("a recipe sets the model too; give a model or recipe=..., not both")
        model = self._config()
        bounded = isinstance(model, NgramConfig) or any(name in self.settings for name in single.BOUNDS)
        if not bounded:
            raise ConfigError("say for how long: flops=1e11, seconds=60, steps=500 or epochs=1")
        title = titles.architecture(model)
        changed = repr(model).partition("(")[2].removesuffix(")")
        name = model.title if isinstance(model, NgramConfig) else title + (f"({changed})" if changed and model.kind != "module" else "")
        return single.planned(self.corpus, model, title, name, self.protocol, seed, **self.settings)

    def _of_recipe(self, seed: int) -> Planned:
        recipe = self.recipe or RECIPE
        if extra := sorted(self.settings.keys() - {"flops"}):
            raise ConfigError(f"a recipe sets all but text, flops and seed; leave out {extra[0]}, or give a model")
        if "flops" not in self.settings and recipe != "counts":
            raise ConfigError(f"the recipe {recipe!r} needs a budget; say how many FLOPs: flops=1e11")
        return single.of_recipe(recipe, self.corpus, self.settings.get("flops", 0), seed)

    def _config(self) -> ModelConfig:
        """The model as a config; a class is taken with its defaults, and what makes an nn.Module is tried and counted."""
        if isinstance(self.model, ModelConfig):
            return self.model
        if inspect.isclass(self.model) and issubclass(self.model, ModelConfig):
            return self.model()
        from tinylm.models.networks import own_module  # torch is loaded only for a module of one's own

        return own_module(self.model, self.context_length or CONTEXT_LENGTH, data.vocab_size(self.corpus))


def train(
    text: Text,
    model: Any = None,
    *,
    recipe: str | None = None,
    flops: float | None = None,
    seconds: float | None = None,
    seed: int = 0,
    seeds: Iterable[int] | None = None,
    level: str | None = None,
    context_length: int | None = None,
    protocol: str = "dense",
    minutes: float = 0.0,
    live: bool = False,
    device: str = "auto",
    **settings: Any,
) -> Run | Seeds:
    """Train a model on a text, with one seed or several; a run whose record and weights are here is found.

    `text` is a corpus, or what `corpus` makes one of; `level` is for a text of one's own. `model` is `Transformer(...)`, `Counts(...)` or
    the like, or a class or function that makes an nn.Module (B, T) -> (B, T, V) from the vocabulary size and is trained at
    `context_length` (128). Without a model the `recipe` is trained, the best known model for a number of `flops`.

    `flops`, `seconds`, `steps` or `epochs` bounds the run. `settings` are other fields of TrainConfig, such as lr; the `protocol`, dense
    or paper, sets the rest. `seeds` gives several runs. What should take more than ten minutes needs `minutes`, after which it stops.
    *Interrupt* saves, and the same call goes on. `live` draws the curves meanwhile. TinylmError for what cannot be trained.

    >>> run = train("grammar-char", Counts(order=3))
    >>> run.model.generate("the ", length=6, temperature=0)
    'the sees t'
    """
    corpus, on = data.corpus(text, level).info.name, _settings(device, minutes)
    if seconds is not None:
        flops = _affordable(seconds, flops, on)
    settings |= {} if flops is None else {"flops": flops}
    wanted = Wanted(corpus=corpus, model=model, recipe=recipe, context_length=context_length, protocol=protocol, settings=settings)
    planned = [wanted.planned(seed) for seed in ([seed] if seeds is None else seeds)]
    runs = _finished(planned, on, live)
    return Seeds(runs) if seeds is not None else runs[0]


def cost(model: Any, text: Text, *, level: str | None = None, context_length: int | None = None, seed: int = 0, **settings: Any) -> Cost:
    """What training a model on a text would cost, part by part, beside 2ND and 6ND; nothing is trained.

    The arguments are those of `train`; a recipe is given by its name in place of the model. Without flops, steps or epochs it is the cost
    of one step.

    >>> cost(Transformer(n_layer=2, d_model=64), "grammar-char").n_params
    112803
    """
    corpus = data.corpus(text, level).info.name
    named = {"recipe": model, "model": None} if isinstance(model, str) else {"model": model}
    bounded = settings if isinstance(model, str) or any(name in settings for name in single.BOUNDS) else {"steps": 1} | settings
    protocol = bounded.pop("protocol", "dense")
    return costs.cost(Wanted(corpus=corpus, context_length=context_length, protocol=protocol, settings=bounded, **named).planned(seed))


def _settings(device: str, minutes: float) -> "pool.Settings":
    from tinylm.training import pool  # torch is loaded only where something is trained

    folders = {"folder": files.LOCAL_LEDGER, "checkpoints": files.CHECKPOINTS, "weights": files.WEIGHTS}
    return pool.Settings(device=pool.device(device), minutes=minutes, **folders)


def _affordable(seconds: float, flops: float | None, on: "pool.Settings") -> float:
    """The FLOPs that training should spend in so many seconds here, to two digits."""
    from tinylm.training import pool

    if flops is not None:
        raise ConfigError("give flops or seconds, not both")
    if not 0 < seconds < float("inf"):
        raise ConfigError(f"seconds must be above zero, got {seconds}")
    return float(f"{seconds * pool.expected_speed(replace(on, workers=1)):.1e}")


def _finished(planned: Sequence[Planned], on: "pool.Settings", live: bool) -> list[Run]:
    """The runs, those without record or weights trained first."""
    from tinylm.training import pool

    known, here = ledger.known(), pretrained.at_hand()
    missing = [run for run in planned if known.find(run.spec) is None or not (run.spec.is_counts or run.spec.key in here)]
    if missing:
        print(pool.require_allowed(missing, on, "tl.train(..., minutes={minutes})"))
        from tinylm.report.live import LiveCurve

        pool.finish_all(missing, on, watch=LiveCurve() if live else pool.unwatched)
        known = ledger.known()
    return [Run(run, known.records[run.spec.key]) for run in planned]
