"""Flags -> specs: one or a few single runs described on the command line; several values of a flag make several runs."""

import argparse
import contextlib
import itertools
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_args, get_type_hints

from tinylm import data, ledger
from tinylm.analysis import pilots
from tinylm.cli.common import UsageError
from tinylm.config import FieldError, MLPConfig, ModelConfig, TrainConfig, TransformerConfig, serialise
from tinylm.config.errors import ArgumentError
from tinylm.config.shown import short
from tinylm.data import own_texts
from tinylm.study import Planned, recipes, single


@dataclass(frozen=True)
class Preset:
    """A model of the study: its kind in records, the fields that define it, and d_ff as a multiple of d_model."""

    kind: str
    fields: dict[str, Any]
    ffn_factor: int = 0


PRESETS = {
    "linear": Preset("linear", {}),
    "mlp": Preset("mlp", {}),
    "self-attention": Preset("transformer", {"n_layer": 1}, 4),
    "transformer": Preset("transformer", {"n_layer": 3}, 2),
    "lstm": Preset("lstm", {}),
    "counts": Preset("ngram", {}),
}
BUDGET = "train.flops"
MIXED = pilots.COUNTED
SEARCH_SEED = 100  # which no report uses: a run of a search is never one of the study


@dataclass(frozen=True, kw_only=True)
class SingleRuns:
    """Runs described one by one: a recipe at each budget, or each model with each combination of the fields' values; with each seed.

    `corpus` is a corpus's name or a text file, which `level` says how to cut. `fields` are those of the configs, such as train.flops.
    `is_quick` takes a model's recipe where no flag describes the model, and less than the budget on a short text. `mix` is the recipe of
    the counts that each network is mixed with at the end; a quick run is mixed with plain ones where the text is quickly counted.
    """

    corpus: str
    level: str | None = None
    models: tuple[str, ...] = ()
    recipe: str | None = None
    protocol: str | None = None
    is_search: bool = False
    is_quick: bool = False
    mix: str | None = None
    seeds: tuple[int, ...] = (0,)
    fields: Mapping[str, tuple[Any, ...]]

    @property
    def budgets(self) -> tuple[int, ...]:
        """The FLOPs that the runs may spend; none where they are bounded otherwise."""
        return self.fields.get(BUDGET, ())

    def label(self, run: Planned) -> str:
        """The name of one of the runs, with the values of the flags that have several."""
        varied = [name.split(".", 1) for name, values in self.fields.items() if len(values) > 1]
        said = ", ".join(f"{field}={getattr(getattr(run.spec, owner), field)}" for owner, field in varied)
        return f"{run.name} ({said})" if said else run.name

    def planned(self) -> list[Planned]:
        """The runs; a text file becomes a corpus. TinylmError for impossible runs."""
        with _in_users_words():
            corpus = data.corpus_name(self.corpus, self.level)
            if self.recipe:
                return [run for seed in self.seeds for run in _of_recipe(self.recipe, seed, self, corpus)]
            return [run for seed in self.seeds for model in self.models for run in self._of(model, seed, corpus)]

    def _of(self, model: str, seed: int, corpus: str) -> Iterable[Planned]:
        """A model's runs with a seed: by its recipe where it has one and all else is left out."""
        is_plain = self.is_quick and self.fields.keys() == {BUDGET} and not self.protocol and not self.is_search
        if is_plain and recipes.is_long_enough(corpus) and model in (*recipes.architectures(data.info(corpus).level), single.COUNTS):
            return _of_recipe(model, seed, self, corpus)
        return _of_model(model, seed, self, corpus)


QUICK = SingleRuns(corpus="tiny_shakespeare", recipe="transformer", fields={BUDGET: (10**12,)})  # about a minute on two cores


def _number(text: str) -> int | float:
    for kind in (int, float):
        with contextlib.suppress(ValueError):
            return kind(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a number")


def count(text: str) -> int:
    """A whole number from 1 up, also as 1e13."""
    value = _number(text)
    if not 1 <= value < math.inf or value != int(value):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 up, such as 500 or 1e13")
    return int(value)


def _widths(text: str) -> tuple[int | float, ...]:
    return tuple(_number(part) for part in text.split(","))


def _choices(owner: type, name: str) -> dict[str, Any]:
    return {"choices": get_args(get_type_hints(owner)[name])}


NUMBER = {"type": _number, "metavar": "N"}
FLAGS: dict[str, tuple[str, dict[str, Any], str]] = {
    "model.context_length": ("--context-length", NUMBER, "tokens the model reads (128)"),
    "model.d_model": ("--d-model", NUMBER, "width (128)"),
    "model.n_layer": ("--layers", NUMBER, "blocks of an attention model, layers of an LSTM (self-attention 1, transformer 3, lstm 2)"),
    "model.d_embedding": ("--d-embedding", NUMBER, "width of the LSTM's embedding (that of its layers)"),
    "model.n_head": ("--heads", NUMBER, "attention heads (4)"),
    "model.n_kv_head": ("--kv-heads", NUMBER, "key and value heads, fewer share them (as many as heads)"),
    "model.d_ff": ("--d-ff", NUMBER, "width of the FFN (self-attention 4, transformer 2 times the width; in Python 256)"),
    "model.position": ("--position", _choices(TransformerConfig, "position"), "position encoding of an attention model (learned)"),
    "model.d_hidden": ("--d-hidden", NUMBER, "width of the MLP's hidden layers (256)"),
    "model.n_hidden": ("--hidden-layers", NUMBER, "hidden layers of the MLP (2)"),
    "model.hidden_widths": (
        "--hidden-widths",
        {"type": _widths, "metavar": "N,N"},
        "width of each hidden layer of the MLP where they differ, e.g. 128,256,512",
    ),
    "model.activation": ("--activation", _choices(MLPConfig, "activation"), "of the MLP's hidden layers (relu)"),
    "model.order": ("--order", NUMBER, "tokens of the longest n-gram of counts (5)"),
    "model.cache": ("--cache", NUMBER, "most recent tokens that counts count too (0)"),
    "train.loss_at": ("--loss-at", _choices(TrainConfig, "loss_at"), "positions that the loss is taken at (all; last in the paper)"),
    "train.optimizer": ("--optimizer", _choices(TrainConfig, "optimizer"), "(adamw; adam in the paper)"),
    "train.lr": ("--lr", NUMBER, "learning rate (3e-3; 3e-4 in the paper)"),
    "train.batch_size": ("--batch-size", NUMBER, "windows in a step (as many as make 512 targets; 64 in the paper)"),
    "train.windows_per_epoch": ("--windows-per-epoch", NUMBER, "windows in an epoch (50000; 0: every window)"),
    "train.eval_tokens": ("--eval-tokens", NUMBER, "tokens scored in valid and test (in proportion to the training; 0: all)"),
    "train.eval_stride": ("--stride", NUMBER, "tokens that a scoring window moves by (half a context; 1 in the paper)"),
    "train.n_evals": ("--evals", NUMBER, f"validations during the run (one an epoch, else {single.N_EVALS})"),
}
SPELLINGS = {"--context-length": ["--context-lengths"]}
BOUNDS = {
    "train.epochs": ("--epochs", "train for this many epochs (1, where no other bound is given)"),
    "train.steps": ("--steps", "train for this many steps"),
    BUDGET: ("--budget", "train for at most this many FLOPs, e.g. 1e13"),
}

FLAG_OF = {field.partition(".")[2]: flag for field, (flag, *_) in (FLAGS | BOUNDS).items()}
FIELD_IN_TEXT = re.compile(rf"\b(?P<name>{'|'.join(FLAG_OF)})\b(?P<value>=?)")  # as n_head, or as n_head=3


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags that describe single runs."""
    group = parser.add_argument_group("single runs", "several values of a flag make several runs; defaults in brackets")
    published = [name for name in data.names() if not own_texts.NAME.fullmatch(name)]
    group.add_argument("--corpus", metavar="NAME|FILE", help=f"a UTF-8 text file of your own, or one of {', '.join(published)}")
    group.add_argument("--level", choices=own_texts.PREFIXES, help="tokens of a text file (character)")
    _add_models(group)
    _add_bounds(group)
    mixed = "also train these counts of the text, and mix each network with them at the end"
    group.add_argument("--mix", choices=MIXED, help=f"{mixed}; gated ones spend {short(pilots.GATED_FLOPS)} FLOPs besides")
    for field, (flag, options, text) in FLAGS.items():
        group.add_argument(flag, *SPELLINGS.get(flag, []), dest=field, nargs="+", action="extend", **options, help=text)
    group.add_argument(
        "--set",
        nargs="+",
        action="extend",
        default=[],
        metavar="FIELD=VALUE",
        help="any other field of the model's or the training's config, e.g. model.norm=rms train.schedule=cosine model.induction=2,3,4",
    )


def _add_models(group: Any) -> None:
    models = group.add_mutually_exclusive_group()
    models.add_argument(
        "--model",
        nargs="+",
        action="extend",
        choices=[*PRESETS, *serialise.own_files()],
        help="one of the study, or of tinylm/architectures",
    )
    architectures = [*dict.fromkeys(architecture for _, architecture in recipes.RECIPES), single.COUNTS]
    models.add_argument(
        "--recipe",
        choices=architectures,
        help="the best known model and training for the --budget; no flag that describes a model or training goes with it",
    )
    group.add_argument(
        "--protocol",
        choices=tuple(single.PROTOCOLS),
        help="what the flags below leave open: dense, the loss at every position (dense); full, the same with all of valid and test"
        " scored (of a recipe); or as in the paper, the loss at the last position",
    )


def _add_bounds(group: Any) -> None:
    group.add_argument(
        "--search", action="store_true", help="these runs choose a recipe: their records go to the section search, without test"
    )
    bounds = group.add_mutually_exclusive_group()
    for field, (flag, text) in BOUNDS.items():
        bounds.add_argument(
            flag, dest=field, nargs="+", action="extend", type=count, metavar="FLOPS" if flag == "--budget" else "N", help=text
        )
    quick = "about a minute, and at the end mixed with counts of the text: "
    quick += f"--budget {short(QUICK.budgets[0])} or less, --recipe {QUICK.recipe} or that of --model, --corpus "
    bounds.add_argument("--quick", action="store_true", help=f"{quick}{QUICK.corpus} unless another is given")


def given(args: argparse.Namespace) -> list[str]:
    """The flags of single runs that were used, as the user writes them."""
    flags = {field: flag for field, (flag, *_) in (FLAGS | BOUNDS).items()} | {
        name: f"--{name}" for name in ("corpus", "level", "model", "recipe", "protocol", "mix", "set")
    }
    return ["--quick"] * args.quick + ["--search"] * args.search + [flag for field, flag in flags.items() if getattr(args, field)]


def single_runs(args: argparse.Namespace) -> SingleRuns:
    """The runs that the flags describe; UsageError for flags that are missing, or that contradict each other."""
    fields = dict(QUICK.fields) if args.quick and args.recipe != single.COUNTS else {}
    fields |= {field: tuple(values) for field in (*BOUNDS, *FLAGS) if (values := getattr(args, field))}
    for field, value in map(_assignment, args.set):
        fields[field] = (*fields.get(field, ()), value)
    corpus, recipe = args.corpus, args.recipe
    if args.mix and args.search:
        raise UsageError("--mix does not go with --search, whose records have no test score")
    if args.quick:
        corpus, recipe = corpus or QUICK.corpus, recipe or (None if args.model else QUICK.recipe)
    if not corpus or not (args.model or recipe):
        raise UsageError("a single run needs --corpus, and --model or --recipe; or --quick, which sets what is left out")
    return SingleRuns(
        corpus=corpus,
        level=args.level,
        models=tuple(args.model or ()),
        recipe=recipe,
        protocol=args.protocol,
        is_search=args.search,
        is_quick=args.quick,
        mix=args.mix,
        seeds=tuple(args.seeds or [SEARCH_SEED if args.search else 0]),
        fields=fields,
    )


@contextlib.contextmanager
def _in_users_words() -> Iterator[None]:
    """Report a mistake by the flags, not by the class and its fields or by the arguments of a function."""
    try:
        yield
    except ArgumentError as error:
        sentence, *arguments = error.args
        pairs = [argument.partition("=") for argument in arguments]
        raise UsageError(sentence.format(*(f"{_flag(name)} {value}".strip() for name, _, value in pairs))) from error
    except FieldError as error:
        owner, name, problem = error.args
        flag = "--seed" if name == "seed" else _flag(f"{'train' if owner == TrainConfig.__name__ else 'model'}.{name}")
        told = FIELD_IN_TEXT.sub(lambda found: FLAG_OF[found["name"]] + (" " if found["value"] else ""), problem)
        raise UsageError(f"{flag}: {told}" if name else told) from error


def _flag(name: str) -> str:
    """The flag of a field, such as train.lr, or of an argument, such as protocol or flops."""
    if "." in name:
        return (FLAGS | BOUNDS).get(name, [f"--set {name}"])[0]
    own = f"--set train.{name}" if name in get_type_hints(TrainConfig) else f"--{name}"  # a setting may have no flag of its own
    return FLAG_OF.get(name, own)


def _of_recipe(recipe: str, seed: int, runs: SingleRuns, corpus: str) -> list[Planned]:
    """The recipe's runs with a seed: one for each budget; counts take none.

    Unless told otherwise all is scored, so that forecasts can be made from them.
    """
    if runs.is_quick and recipe == single.COUNTS:
        return [single.of_recipe(recipe, corpus, seed)]
    named = ["flops" if name == BUDGET else name for name in runs.fields] + ["search"] * runs.is_search
    single.check_recipe(recipe, corpus, named, runs.protocol)
    budgets = [recipes.modest_budget(recipe, corpus, flops) if runs.is_quick else flops for flops in runs.budgets]
    budgeted = [{"flops": flops} for flops in budgets] or [{}]
    return [single.of_recipe(recipe, corpus, seed, runs.protocol or single.FULL, **budget) for budget in budgeted]


def _of_model(model: str, seed: int, runs: SingleRuns, corpus: str) -> Iterator[Planned]:
    """A model's runs with a seed: one for each combination of the fields' values."""
    preset = PRESETS.get(model) or Preset(model, {})
    for values in itertools.product(*runs.fields.values()):
        fields = dict(zip(runs.fields, values, strict=True))
        said = {owner: {k.split(".", 1)[1]: v for k, v in fields.items() if k.startswith(f"{owner}.")} for owner in ("model", "train")}
        spec = single.spec(corpus, _config(preset, said["model"]), runs.protocol or single.DENSE, seed, **said["train"])
        yield single.unplanned(spec, ledger.SEARCH if runs.is_search else single.SECTION)


def _assignment(text: str) -> tuple[str, int | float | bool | str | tuple[int | float, ...]]:
    """Field and value of a --set: the value as a number, a tuple of numbers, a truth value or else a text; UsageError for other forms."""
    field, _, value = text.partition("=")
    if not value or field.partition(".")[0] not in ("model", "train") or not field.partition(".")[2]:
        raise UsageError(f"--set {text}: write model.FIELD=VALUE or train.FIELD=VALUE, e.g. model.norm=rms")
    if value in ("true", "false"):
        return field, value == "true"
    try:
        numbers = tuple(_number(part) for part in value.split(",") if part)
        return field, numbers if "," in value else numbers[0]
    except (argparse.ArgumentTypeError, IndexError):
        return field, value


def _config(preset: Preset, fields: dict[str, Any]) -> ModelConfig:
    """The model: the preset's fields, then what the flags say."""
    if "kind" in fields:
        raise UsageError("--set model.kind: name the model with --model")
    said = preset.fields | fields
    width = said.get("d_model", TransformerConfig.d_model)
    if preset.ffn_factor and isinstance(width, int | float):
        said = {"d_ff": preset.ffn_factor * width} | said
    return serialise.model_class(preset.kind)(**said)
