"""`train`: train missing runs of the study, or single runs."""

import argparse
import contextlib
import json
import math
import shlex
import sys
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from tinylm import data, files, ledger, study
from tinylm.cli import quick, specs
from tinylm.cli.common import (
    DEVICES,
    OUTCOME,
    Request,
    StudyRuns,
    UsageError,
    add_place_flags,
    check_place,
    command,
    folder,
    minutes,
    outcome,
    relative,
    table,
    whole,
)
from tinylm.config import GatedCountsConfig, RunSpec, TinylmError, scored, shown
from tinylm.config.errors import needing_packages
from tinylm.config.interrupts import ended_like_interrupted
from tinylm.config.shown import amount, duration, short
from tinylm.data import own_texts
from tinylm.evaluation import pretrained
from tinylm.ledger import Ledger, RunRecord, bundle, scores
from tinylm.study import Planned, distinct, recipes

if TYPE_CHECKING:
    from tinylm.analysis.advice import Offer

EXAMPLES = """
  python -m tinylm train --missing                                all missing runs of the published study
  python -m tinylm train --missing --minutes 9 --out runs.tar     for nine minutes; repeat until it exits with 0
  python -m tinylm train --missing --section rope --seeds 0 1
  python -m tinylm train --run Transformer@0 RoPE@1                also where they are recorded, to get their weights
  python -m tinylm train --corpus tiny_shakespeare --model transformer --layers 2 4 --budget 1e13
  python -m tinylm train --corpus tiny_shakespeare --recipe transformer --budget 1e12
  python -m tinylm train --quick                                   a first try: short for the line above
  python -m tinylm train --corpus tiny_shakespeare --recipe counts    counts of n-grams, which take seconds and no budget
  python -m tinylm train --quick --corpus my.txt                   a first try on your own text
  python -m tinylm train --corpus my.txt --level word --model transformer --loss-at all --budget 1e12 --json
  python -m tinylm train --corpus grammar-char --model mlp --steps 500 --set model.dropout=0 train.schedule=cosine
  python -m tinylm train --corpus grammar-char --model mlp lstm --budget 1e12 --tensorboard out/tensorboard
A text file is split by position: train first, then valid and test with a twentieth of the characters each, at most 100,000.
Words are separated by spaces; those that occur once in train become <unk>. The corpus is named after the file's content: the
file may move, and a changed file is another corpus.
exit code: 0 when no run is left, 1 when runs are left or failed, or when one that was named diverged"""
LITTLE = 0.001  # nats, which are no reason to mix
GENERATE = "generate text with: python -m tinylm generate --model {} --prompt TEXT"
MIX = "counts and a network mixed are often better than either; what mixes them is said at the end"
SEVERAL = {"nargs": "+", "action": "extend"}  # values of a flag
RESERVE = 0.95  # of the time asked for is for training; in the rest the runs in progress reach their next checkpoint


@dataclass(frozen=True, kw_only=True)
class NamedRuns:
    """Planned or recorded runs by their names or keys."""

    names: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class TrainRequest(Request):
    """The runs to train, where and for how long, and what is written beside their records.

    `started` is when the command began, in seconds of `time.monotonic`; `command_line` continues the runs that are left.
    """

    runs: StudyRuns | NamedRuns | specs.SingleRuns
    minutes: float | None
    out: Path | None
    tensorboard: Path | None
    device: str
    workers: int | None
    cluster: str | None
    data_dir: Path | None
    json: bool
    started: float
    command_line: str

    def __post_init__(self) -> None:
        check_place(self.cluster, self.workers, self.data_dir)

    @classmethod
    def of(cls, args: argparse.Namespace) -> "TrainRequest":
        return super().of(args, runs=_runs(args))

    @property
    def is_study(self) -> bool:
        """Whether all missing runs of the study are asked for, and not certain runs."""
        return isinstance(self.runs, StudyRuns)

    @property
    def is_mixed(self) -> bool:
        """Whether networks are mixed with counts in the end."""
        return isinstance(self.runs, specs.SingleRuns) and bool(self.runs.mix or self.runs.is_quick)

    @property
    def needs_weights(self) -> bool:
        """Whether a run is trained that is recorded, where its weights are not here."""
        return isinstance(self.runs, NamedRuns) or self.is_mixed

    def label(self, run: Planned) -> str:
        """What one of the runs is called in this request's tables."""
        return self.runs.label(run) if isinstance(self.runs, specs.SingleRuns) else run.name

    @property
    def folder(self) -> Path:
        """The ledger that takes the records."""
        return files.study_ledger() if isinstance(self.runs, StudyRuns) and self.runs.is_published else files.LOCAL_LEDGER

    @property
    def minutes_left(self) -> float:
        """Minutes for training from now on; 0 where there is no limit."""
        return max(RESERVE * self.minutes - (time.monotonic() - self.started) / 60, 1e-3) if self.minutes else 0.0


def _runs(args: argparse.Namespace) -> StudyRuns | NamedRuns | specs.SingleRuns:
    described = specs.given(args)
    if args.named:
        if args.missing or args.profile or args.section or args.seeds or described:
            raise UsageError("--run names complete runs and cannot be combined with flags that describe runs; write the seed as NAME@SEED")
        return NamedRuns(names=tuple(args.named))
    if args.missing:
        if described:
            raise UsageError(f"{described[0]} describes a single run and does not go with --missing")
        return StudyRuns(profile=args.profile or "full", section=args.section, seeds=tuple(args.seeds or ()))
    if args.profile or args.section:
        raise UsageError("--profile and --section go with --missing")
    if not described:
        raise UsageError(
            "say what to train: --quick for a first try, --missing for what the study lacks, or a --corpus with --model or --recipe"
        )
    return specs.single_runs(args)


def add(commands: Any) -> None:
    """Add the subcommand."""
    parser = command(
        commands, "train", TrainRequest, run, "train missing runs of the study (--missing), or single runs (--corpus, --model)", EXAMPLES
    )
    group = parser.add_argument_group(
        "the study", "seed 0 of every run first; records go to docs/ledger (full profile, in a clone) or yours"
    )
    group.add_argument("--missing", action="store_true", help="train every planned run without a record")
    group.add_argument("--profile", help=f"one of {', '.join(study.PROFILES)} (full)")
    group.add_argument("--section", metavar="NAME", help=f"only this one of {', '.join(study.SECTIONS)}")
    named = "these planned or recorded runs, unless their weights are here"
    parser.add_argument("--run", dest="named", **SEVERAL, metavar="KEY|NAME[@SEED]", help=named)
    specs.add_flags(parser)
    group = parser.add_argument_group("both")
    seeds = "seeds (--missing: all of the plan; single runs: 0)"
    group.add_argument("--seeds", "--seed", **SEVERAL, type=whole(0), metavar="N", help=seeds)
    group.add_argument("--minutes", type=minutes(), metavar="M", help="stop after about this many minutes; the same command continues")
    group.add_argument(
        "--out", type=Path, metavar="FILE.tar", help="also pack the records of these runs into a tar file, after each finished run"
    )
    group.add_argument(
        "--tensorboard", type=Path, metavar="DIR", help="write losses and speed during training, for `tensorboard --logdir DIR`"
    )
    group.add_argument("--device", choices=DEVICES, default="auto", help="device (cuda where there is one, else cpu)")
    add_place_flags(group)
    group.add_argument("--data-dir", type=folder, metavar="DIR", help="the folder above the corpora's folders")
    group.add_argument("--json", action="store_true", help="print the outcomes as JSON, and everything else on stderr")


def run(request: TrainRequest) -> int:
    """Train what is asked for and not recorded; 0 when all of it is."""
    with redirect_stdout(sys.stderr) if request.json else nullcontext():
        planned, records, mixed = _carry_out(request)
    left = _without(records, planned)
    if request.json:
        facts = [_facts(request.label(run), run, records.get(run.spec.key)) for run in planned]
        print(json.dumps({"runs": facts, "mixtures": [one.facts() for one in mixed], "left": len(left)}, indent=1))
    failed = not request.is_study and any(record.status != "done" for record in records.values())
    return 1 if left or failed else 0


def _carry_out(request: TrainRequest) -> tuple[list[Planned], dict[str, RunRecord], list[quick.Mixed]]:
    """The runs asked for, the records there are of them at the end, by key, and what was mixed of them."""
    found = ledger.known()
    asked = _planned(request.runs, found)
    beside = _beside(request.runs, asked)
    planned = distinct([*beside, *asked])
    known = [run for run in planned if run.spec.is_counts or not request.needs_weights or _weights(run.spec)]
    records = {run.spec.key: ledger.kept(record, run.section) for run in known if (record := found.find(run.spec)) is not None}
    missing = _without(records, planned)
    _pack(request.out, planned, records)  # before any training: is the file writable?
    flops = sum(map(_checked_flops, missing))
    print(f"{amount(len(planned), 'run')}, {len(records)} recorded, {len(missing)} to train: {short(flops)} FLOPs", flush=True)
    _explain(request, asked, beside, found)
    if missing:
        _train(request, missing, planned, records)
    mixed = list(quick.mixtures(planned, records, request.data_dir)) if request.is_mixed else []
    _report(request, planned, records, mixed)
    return planned, records, mixed


def _planned(runs: StudyRuns | NamedRuns | specs.SingleRuns, found: Ledger) -> list[Planned]:
    """The runs that the request describes; prints the sizes of a text file."""
    if isinstance(runs, NamedRuns):
        from tinylm.evaluation import weights  # torch is loaded only by the commands that compute

        return [weights.trainable(pretrained.key(name), pretrained.at_hand(), found.records) for name in runs.names]
    planned = runs.planned()
    if isinstance(runs, specs.SingleRuns) and own_texts.NAME.fullmatch(planned[0].spec.corpus):
        about = data.info(planned[0].spec.corpus)
        sizes = ", ".join(f"{split} {n:,}" for split, n in about.n_tokens.items())
        print(f"{shown.printable(data.called(about.name))}: {about.vocab_size:,} distinct {about.level}s; {sizes}", flush=True)
    return list(planned)


def _beside(runs: StudyRuns | NamedRuns | specs.SingleRuns, planned: Sequence[Planned]) -> list[Planned]:
    """The counts that come first, and that the networks are mixed with; says so."""
    if not isinstance(runs, specs.SingleRuns):
        return []
    beside = quick.counts_to_mix(planned, runs.mix) if runs.mix else quick.counts_beside(planned) if runs.is_quick else []
    if beside:
        print("counts of the text come first, and at the end each network is mixed with them", flush=True)
    return beside


def _without(records: dict[str, RunRecord], planned: Sequence[Planned]) -> list[Planned]:
    """The runs that have no record."""
    return [run for run in planned if run.spec.key not in records]


def _checked_flops(run: Planned) -> int:
    """What a run will spend; TinylmError for one that cannot be trained, or could not be scored in the end."""
    flops = run.cost.flops
    if not run.spec.is_counts:
        scored.check_scoring(run.spec, data.info(run.spec.corpus).n_tokens)
    return flops


def _explain(request: TrainRequest, asked: Sequence[Planned], beside: Sequence[Planned], found: Ledger) -> None:
    """Print how each of certain runs stands in the ledger, what a recipe is expected to reach, and what is recommended instead."""
    if not request.is_study:
        runs = distinct([*beside, *asked])
        print("\n".join(f"{request.label(run)} (seed {run.spec.seed}): {_standing(run, found)}" for run in runs), flush=True)
    if isinstance(request.runs, specs.SingleRuns):
        for said in dict.fromkeys(said for run in asked if (said := _caution(request.runs, run))):
            print(said, flush=True)
    if isinstance(request.runs, specs.SingleRuns) and request.runs.budgets and request.runs.recipe:
        corpus = asked[0].spec.corpus
        budgets = dict.fromkeys(run.budget for run in asked if run.budget)
        _count_own(corpus)
        print("\n".join(_advice(request.runs, corpus, list(budgets))), flush=True)


def _caution(runs: specs.SingleRuns, run: Planned) -> str:
    """What to say of a run on a text that is short for its budget; empty where there is nothing."""
    asked = runs.budgets[0] if runs.is_quick and runs.budgets else 0
    if 0 < run.budget < asked:
        return (
            f"{short(run.budget)} FLOPs in place of {short(asked)}: more would read this short text more than {recipes.MANY_PASSES} times"
        )
    caution = recipes.over_fitting(run.spec)
    return f"{runs.label(run)}: {caution}" if caution else ""


def _count_own(corpus: str) -> None:
    """Record what counts reach on a text of one's own that is quickly counted, so that a network's loss has something beside it."""
    if not own_texts.NAME.fullmatch(corpus) or data.info(corpus).n_tokens["train"] > quick.QUICKLY_COUNTED:
        return
    with contextlib.suppress(TinylmError):  # a text that is too short for a recipe, which is said next
        from tinylm.report import plans

        plans.count(corpus)


def _standing(run: Planned, found: Ledger) -> str:
    """How a run stands in the ledger; a search takes a record from elsewhere without its test score, and others find a search's without."""
    said, section = found.explain(run.spec), found.sections.get(run.spec.key)
    if found.find(run.spec) is None or ledger.SEARCH not in (section, run.section) or section == run.section:
        return said
    if run.section == ledger.SEARCH:
        return f"{said}, in {section}; it is not trained again, and a search does not show its test NLL"
    return f"{said}, in {section}, where no test NLL is kept; another seed has one"


def _report(request: TrainRequest, planned: list[Planned], records: dict[str, RunRecord], mixed: Sequence[quick.Mixed]) -> None:
    """Print the outcomes of certain runs and of what was mixed, and the next command."""
    if not request.is_study:
        rows = [outcome(request.label(run), records[run.spec.key]) for run in planned if run.spec.key in records]
        rows += [one.row(request.label(one.run)) for one in mixed]
        print(table(OUTCOME, rows) if rows else "no run was finished")
        if any(record.test and len(record.test.blocks) == 1 for record in records.values()):
            print(f"a test NLL without an error is of {scores.BLOCK_SIZE} tokens or fewer, which says little; take a longer text")
    if left := _without(records, planned):
        print(f"{amount(len(left), 'run')} left; continue with: {request.command_line}")
    elif mixed:
        print(GENERATE.format(_best(request, planned, records, mixed)))
    elif not request.is_study:
        networks = [records[run.spec.key] for run in planned if not run.spec.is_counts]
        record = min(networks or records.values(), key=_valid_nll)
        print(_next_command(record.spec, record))


def _best(request: TrainRequest, planned: Sequence[Planned], records: dict[str, RunRecord], mixed: Sequence[quick.Mixed]) -> str:
    """The key of the best model on valid: of the mixtures, and unless one was asked for, of what is here alone, if mixing gains nothing."""
    best = min(mixed, key=lambda one: one.valid_nll)
    if isinstance(request.runs, specs.SingleRuns) and request.runs.mix:
        return best.key
    here = [records[run.spec.key] for run in planned if run.spec.is_counts or _weights(run.spec)]
    alone = min(here, key=_valid_nll, default=None)
    return alone.spec.key if alone and _valid_nll(alone) < best.valid_nll + LITTLE else best.key


def _valid_nll(record: RunRecord) -> float:
    """What models are chosen by; infinite of a run that diverged."""
    return record.valid.nll if record.valid else math.inf


def _next_command(spec: RunSpec, record: RunRecord) -> str:
    """How to use a run's model, or to get its weights where only its record is here."""
    if spec.is_counts:
        return GENERATE.format(spec.key)
    if record.diverged:
        return record.diverged
    if weights := _weights(spec):
        counted = None if isinstance(spec.model, GatedCountsConfig) else quick.recorded_counts(spec.corpus)  # which those hold already
        mixed = f"; --with {counted.key} mixes it with counts of the text" if counted else ""
        return f"{GENERATE.format(weights.stem)}{mixed}"
    return (
        f"the run is recorded, and nothing was trained; the trained model is not on this machine. Train it here with: "
        f"python -m tinylm train --run {spec.key}"
    )


def _facts(name: str, run: Planned, record: RunRecord | None) -> dict[str, Any]:
    """A run and its outcome as JSON values; `status` is that of its record, or `left`."""
    spec, weights = run.spec, _weights(run.spec)
    facts = {"name": name, "corpus": spec.corpus, "model": spec.model.kind, "seed": spec.seed, "key": spec.key}
    facts |= {"weights": relative(weights) if weights else None, "status": record.status if record else "left"}
    if record is None:
        return facts
    costs = {name: getattr(record, name) for name in ("n_params", "steps", "flops", "seconds")}
    valid, test = record.valid, record.test
    return facts | costs | {"valid_nll": valid and valid.nll, "test_nll": test and test.nll, "test_se": test and test.se}


def _weights(spec: RunSpec) -> Path | None:
    """The weights file of a run, where it is here and not cut."""
    return pretrained.usable(spec.key)


def _pack(file: Path | None, planned: Sequence[Planned], records: dict[str, RunRecord]) -> None:
    """Pack every record there is of the planned runs, so that a bundle never lacks what an earlier call trained."""
    if file is not None:
        bundle.pack(((run.section, records[run.spec.key]) for run in planned if run.spec.key in records), file)


def _train(request: TrainRequest, missing: list[Planned], planned: list[Planned], records: dict[str, RunRecord]) -> None:
    """Train the missing runs and add the record of each that is finished to `records`."""
    pool = _load_pool()
    from tinylm.training import machine

    cluster = pool.clusters().Cluster(request.cluster, request.device) if request.cluster else None
    device = cluster.device if cluster else machine.device(request.device)
    for name in dict.fromkeys(run.spec.corpus for run in missing if not cluster):
        data.load(name, request.data_dir)  # once here, before every process does: found, checked, cached
    settings = machine.Settings(
        device=device,
        workers=request.workers or 0,  # however many runs are left: each has the threads that it would have among all
        data_dir=request.data_dir,
        folder=request.folder,
        minutes=request.minutes_left,
        checkpoints=files.CHECKPOINTS,
        weights=files.WEIGHTS,
    )
    print(f"records go to {relative(settings.folder)}; {cluster or _forecast(settings, missing)}", flush=True)

    def done(run: Planned, record: RunRecord) -> None:
        records[run.spec.key] = record
        _pack(request.out, planned, records)

    with _watcher(pool, request.tensorboard) as watch, ended_like_interrupted():
        try:
            pool.train_all(missing, settings, done, watch, cluster)
        except pool.PoolError as error:
            print(f"failed: {error}", file=sys.stderr)


def _advice(runs: specs.SingleRuns, corpus: str, budgets: Sequence[int]) -> list[str]:
    """The loss to expect of a recipe at each budget, and what the records recommend instead of it or beside it."""
    from tinylm.analysis import advice, frames, pilots  # scipy is loaded only where it is asked for

    known, lines = advice.known(corpus, frames.recorded()), []
    for budget in budgets:
        found = advice.offers(known, budget)
        lines.append(f"{short(budget)} FLOPs: {_expected(next(offer for offer in found if offer.recipe == runs.recipe))}")
        best = found[0]
        if best.is_known and best.recipe != runs.recipe and not (runs.is_quick and best.recipe in pilots.COUNTED) and not runs.mix:
            instead = f"the records recommend {best.title} instead, with a valid NLL of {best.loss}; train it with: {best.command}"
            lines += [f"{short(budget)} FLOPs: {instead}", *[MIX] * (best.is_counts and runs.recipe not in pilots.COUNTED)]
    return list(dict.fromkeys(lines))


def _expected(offer: "Offer") -> str:
    """The loss to expect of a recipe at a budget, and from which records."""
    seen = offer.seen
    if seen is None:
        return f"no run of this recipe on {data.called(offer.corpus)} is recorded, so its loss cannot be predicted"
    if seen.is_outside:
        if offer.budget < seen.known[0]:
            bound = "a smaller budget should reach a higher one"
        elif recipes.over_fitting(offer.spec):
            bound = "a larger one may reach a higher one, since it reads the text too often"
        else:
            bound = "a larger one should reach a lower one"
        return f"{short(seen.known[0])} FLOPs, the nearest recorded budget, reach a valid NLL of {seen.nll:.2f}; {bound}"
    interval = "" if math.isnan(seen.low) else f" ({seen.percent} %)"
    if not seen.n:
        return f"valid NLL of {offer.loss}{interval}, as counts of this text let expect; no run of this recipe on it is recorded"
    between = "" if len(seen.known) == 1 else f" with {short(seen.known[0])} and {short(seen.known[1])} FLOPs"
    if seen.known[-1] < offer.budget:
        between = f" with {short(seen.known[-1])} FLOPs, and how its loss falls on another text"
    return f"valid NLL of {offer.loss}{interval}, from {amount(seen.n, 'recorded run')} of this recipe{between}"


def _watcher(pool: ModuleType, folder: Path | None) -> AbstractContextManager[Any]:
    """What follows the progress of the runs: a writer of TensorBoard's files where a folder is given, else nothing."""
    if folder is None:
        return nullcontext(pool.unwatched)
    with needing_packages("--tensorboard", "tensorboard"):
        from tinylm.training.tensorboard import Events
    pool.require_writable(folder)
    print(f"watch the runs with: tensorboard --logdir {shlex.quote(str(folder))}", flush=True)
    return Events(folder)


def _load_pool() -> ModuleType:
    with needing_packages("training"):
        from tinylm.training import pool
    return pool


def _forecast(settings: Any, missing: Sequence[Planned]) -> str:
    """The device and processes, and about how long training takes."""
    from tinylm.training import forecast

    n_workers = min(settings.n_workers, len(missing))
    processes = f"{n_workers} process{'es' if n_workers > 1 else ''}"
    place = f"{processes} on {settings.device}"
    seconds = forecast.expected_seconds(missing, settings)
    if seconds is None:
        return place
    limit = f", stopping after {duration(60 * settings.minutes)}" if settings.minutes else ""
    return f"{place}, about {duration(seconds)}{limit}"
