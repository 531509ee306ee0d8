"""`train`: add what the study lacks, or run a few single runs. The one subcommand that loads torch."""

import argparse
import json
import shlex
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import Any

from tinylm import data, files, study
from tinylm.cli import specs
from tinylm.cli.common import (
    OUTCOME,
    UsageError,
    choose,
    command,
    cost,
    distinct,
    duration,
    minutes,
    outcome,
    read_ledger,
    relative,
    short,
    table,
    whole,
)
from tinylm.config import RunSpec
from tinylm.data import own_texts
from tinylm.evaluation import pretrained
from tinylm.ledger import Ledger, RunRecord, bundle, scores
from tinylm.study import Planned

EXAMPLES = """
  python -m tinylm train --missing                                all that the published study lacks
  python -m tinylm train --missing --minutes 9 --out runs.tar     for nine minutes; repeat until it exits with 0
  python -m tinylm train --missing --section rope --seeds 0 1
  python -m tinylm train --run Transformer@0 RoPE@1                recorded or not, for the sake of their weights
  python -m tinylm train --corpus tiny_shakespeare --model transformer --layers 2 4 --budget 1e13
  python -m tinylm train --corpus tiny_shakespeare --recipe transformer --budget 1e12
  python -m tinylm train --quick                                   a first try: the same in short
  python -m tinylm train --quick --corpus my.txt                   the same on a text of your own
  python -m tinylm train --corpus my.txt --level word --model transformer --loss-at all --budget 1e12 --json
  python -m tinylm train --corpus grammar-char --model mlp --steps 500 --set model.dropout=0 train.schedule=cosine
  python -m tinylm train --corpus grammar-char --model mlp lstm --budget 1e12 --tensorboard out/tensorboard
a text file is cut by position: train, then valid and test with a twentieth of its characters each, at most 100,000; words
are what stands between blanks, and those that train has once are <unk>; the corpus is named after its content, so the file
may move, and a changed one is another corpus
exit code: 0 when nothing is left, 1 when runs are left or one diverged or failed"""
RESERVE = 0.95  # of the time asked for is for training; in the rest the runs in progress reach a step where they save


def add(commands: Any) -> None:
    """Add the subcommand."""
    parser = command(commands, "train", run, "train what the study lacks (--missing), or single runs (--corpus, --model)", EXAMPLES)
    group = parser.add_argument_group("the study", "most wanted runs first; records go to docs/ledger (profile full) or out/ledger")
    group.add_argument("--missing", action="store_true", help="train every planned run without a record")
    group.add_argument("--profile", help=f"one of {', '.join(study.PROFILES)} (full)")
    group.add_argument("--section", metavar="NAME", help=f"only this one of {', '.join(study.SECTIONS)}")
    parser.add_argument(
        "--run",
        dest="named",
        nargs="+",
        action="extend",
        metavar="KEY|NAME[@SEED]",
        help="these planned or recorded runs, where their weights are not here",
    )
    specs.add_flags(parser)
    group = parser.add_argument_group("both")
    group.add_argument(
        "--seeds",
        "--seed",
        nargs="+",
        action="extend",
        type=whole(0),
        metavar="N",
        help="only these (--missing: every one, single runs: 0)",
    )
    group.add_argument("--minutes", type=minutes, metavar="M", help="end after about this many; the same command goes on")
    group.add_argument("--out", type=Path, metavar="FILE.tar", help="also pack the records of these runs, anew after each finished one")
    group.add_argument(
        "--tensorboard", type=Path, metavar="DIR", help="write losses and speed of the live runs there, for `tensorboard --logdir DIR`"
    )
    group.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="(cuda where there is one)")
    group.add_argument("--workers", type=whole(1), metavar="N", help="processes (one per core; one on a GPU)")
    group.add_argument("--data-dir", type=Path, metavar="DIR", help="the folder above the corpora's folders")
    group.add_argument("--json", action="store_true", help="print the outcome of every run as JSON, and all else on stderr")


def run(args: argparse.Namespace) -> int:
    """Train what the arguments ask for and is not recorded; 0 when all of it is."""
    with redirect_stdout(sys.stderr) if args.json else nullcontext():
        planned, records, left = _carry_out(args)
    if args.json:
        print(json.dumps({"runs": [_facts(run, records.get(run.spec.key)) for run in planned], "left": len(left)}, indent=1))
    failed = not args.missing and any(record.status != "done" for record in records.values())
    return 1 if left or failed else 0


def _carry_out(args: argparse.Namespace) -> tuple[list[Planned], dict[str, RunRecord], list[Planned]]:
    """The runs asked for, the records there are of them at the end, and the runs that are left."""
    found = read_ledger()
    runs, folder = _asked_for(args, found)
    planned = distinct(runs, lambda run: run.spec.key)
    if args.data_dir is not None and not args.data_dir.is_dir():
        raise UsageError(f"--data-dir {args.data_dir} is not a folder")
    known = [run for run in planned if not args.named or _weights(run.spec)]
    records = {run.spec.key: record for run in known if (record := found.find(run.spec)) is not None}
    wanted = [run for run in planned if run.spec.key not in records]
    _pack(args.out, planned, records)  # before any training: is the file writable?
    flops = sum(_checked_cost(run.spec) for run in wanted)
    print(f"{len(planned)} runs, {len(records)} recorded, {len(wanted)} to train: {short(flops)} FLOPs", flush=True)
    if not args.missing:
        print("\n".join(f"{run.name} (seed {run.spec.seed}): {found.explain(run.spec)}" for run in planned), flush=True)
    if recipe := specs.spelt_out(args).recipe:
        budgets = distinct([run.spec for run in planned], lambda spec: spec.train.flops)
        print("\n".join(_expected(recipe, spec, found) for spec in budgets), flush=True)
    left = _train(wanted, planned, records, folder, args) if wanted else []
    if not args.missing:
        rows = [outcome(run.name, records[run.spec.key]) for run in planned if run.spec.key in records]
        print(table(OUTCOME, rows) if rows else "no run was finished")
    if left:
        print(f"{len(left)} runs are left; continue with: {args.command_line}")
    elif not args.missing:
        print(_next_command(planned[0].spec))
    return planned, records, left


def _next_command(spec: RunSpec) -> str:
    """How to use a run's weights, or to get them where only its record is here."""
    if weights := _weights(spec):
        return f"let it write with: python -m tinylm generate --model {weights.stem} --prompt TEXT"
    return f"recorded before, elsewhere; to train it here, for its weights: python -m tinylm train --run {spec.key}"


def _checked_cost(spec: RunSpec) -> int:
    """The FLOPs of a run; raises for one that cannot be trained, or could not be scored in the end."""
    flops = cost(spec).flops
    if not spec.is_counts:
        scores.check_scoring(spec, data.info(spec.corpus).n_tokens)
    return flops


def _facts(run: Planned, record: RunRecord | None) -> dict[str, Any]:
    """A run and its outcome as JSON values; `status` is that of its record, or `left`."""
    spec, weights = run.spec, _weights(run.spec)
    facts = {"name": run.name, "corpus": spec.corpus, "model": spec.model.kind, "seed": spec.seed, "key": spec.key}
    facts |= {"weights": relative(weights) if weights else None, "status": record.status if record else "left"}
    if record is None:
        return facts
    costs = {name: getattr(record, name) for name in ("n_params", "steps", "flops", "seconds")}
    valid, test = record.valid, record.test
    return facts | costs | {"valid_nll": valid and valid.nll, "test_nll": test and test.nll, "test_se": test and test.se}


def _weights(spec: RunSpec) -> Path | None:
    """The weights file of a run, where it is here."""
    path = files.WEIGHTS / f"{spec.key}.safetensors"
    return path if path.is_file() else None


def _asked_for(args: argparse.Namespace, found: Ledger) -> tuple[list[Planned], Path]:
    """The runs that the arguments name, and the folder that takes their records."""
    if args.named:
        if args.missing or args.profile or args.section or args.seeds or specs.given(args):
            raise UsageError("--run names whole runs and goes with no flag that describes others; write the seed as NAME@SEED")
        return _named_runs(args.named, found), files.LOCAL_LEDGER
    return (_study_runs(args), _study_folder(args)) if args.missing else (_single_runs(args), files.LOCAL_LEDGER)


def _named_runs(names: Sequence[str], found: Ledger) -> list[Planned]:
    from tinylm.evaluation import weights  # torch is loaded only by the commands that compute

    return [weights.trainable(pretrained.key(name), pretrained.at_hand(), found.records) for name in names]


def _study_runs(args: argparse.Namespace) -> list[Planned]:
    if single := specs.given(args):
        raise UsageError(f"{single[0]} describes a single run and does not go with --missing")
    return choose(args.profile or "full", args.section, args.seeds)


def _study_folder(args: argparse.Namespace) -> Path:
    return files.LEDGER if args.profile in (None, "full") else files.LOCAL_LEDGER


def _single_runs(args: argparse.Namespace) -> list[Planned]:
    if args.profile or args.section:
        raise UsageError("--profile and --section go with --missing")
    if not specs.given(args):
        raise UsageError(
            "say what to train: --quick for a first try, --missing for what the study lacks, or a --corpus with --model or --recipe"
        )
    planned = specs.planned(args)
    about = data.info(planned[0].spec.corpus)
    if own_texts.NAME.fullmatch(about.name):
        sizes = ", ".join(f"{split} {n:,}" for split, n in about.n_tokens.items())
        print(f"corpus {about.name}: {about.vocab_size:,} distinct {about.level}s; {sizes}", flush=True)
    return planned


def _pack(file: Path | None, planned: Sequence[Planned], records: dict[str, RunRecord]) -> None:
    """Pack every record there is of the planned runs, so that a bundle never lacks what an earlier call trained."""
    if file is not None:
        bundle.pack(((run.section, records[run.spec.key]) for run in planned if run.spec.key in records), file)


def _train(
    wanted: list[Planned], planned: list[Planned], records: dict[str, RunRecord], folder: Path, args: argparse.Namespace
) -> list[Planned]:
    """Train the wanted runs, add their records to `records`, and return the runs that are left."""
    sweep = _load_sweep()
    device = sweep.device(args.device)
    for name in dict.fromkeys(run.spec.corpus for run in wanted):
        data.load(name, args.data_dir)  # once here, before every process does: found, checked, cached
    settings = sweep.Settings(
        device=device,
        workers=min(args.workers or sweep.Settings(device=device).n_workers, len(wanted)),
        data_dir=args.data_dir,
        folder=folder,
        minutes=max(RESERVE * args.minutes - (time.monotonic() - args.started) / 60, 1e-3) if args.minutes else 0.0,
        checkpoints=files.CHECKPOINTS,
        weights=files.WEIGHTS,
    )
    print(_forecast(sweep, settings, sum(cost(run.spec).flops for run in wanted)), flush=True)

    def done(run: Planned, record: RunRecord) -> None:
        records[run.spec.key] = record
        _pack(args.out, planned, records)

    with _watcher(sweep, args.tensorboard) as watch, _terminated_like_interrupted():
        try:
            return sweep.train_all(wanted, settings, done, watch)
        except sweep.PoolError as error:
            print(f"failed: {error}", file=sys.stderr)
            return [run for run in wanted if run.spec.key not in records]


def _expected(architecture: str, spec: RunSpec, found: Ledger) -> str:
    """What the recorded runs of a recipe let expect of a budget."""
    from tinylm.analysis import budgets  # pandas and scipy are loaded only where they are asked for

    seen = budgets.expected(architecture, spec.corpus, spec.train.flops, found.records.values())
    if seen is None:
        return f"{short(spec.train.flops)} FLOPs: no run of this recipe on {spec.corpus} is recorded, so nothing is known of its loss"
    if seen.is_outside:
        bound = "more" if spec.train.flops < seen.nearest else "less"
        reached = f"{short(seen.nearest)} FLOPs, the nearest recorded budget, reach a valid NLL of {seen.nll:.2f}"
        return f"{short(spec.train.flops)} FLOPs: {reached}; expect {bound}"
    return f"{short(spec.train.flops)} FLOPs: valid NLL of about {seen.nll:.2f}, from {seen.n} recorded runs of this recipe"


def _watcher(sweep: ModuleType, folder: Path | None) -> AbstractContextManager[Any]:
    """What hears how far the runs are: a writer of TensorBoard's files where a folder is given, else nobody."""
    if folder is None:
        return nullcontext(sweep.unwatched)
    try:
        from tinylm.training.tensorboard import Events
    except ImportError as error:
        raise UsageError("--tensorboard needs the package tensorboard; run `python -m pip install tensorboard`") from error
    sweep.require_writable(folder)
    print(f"watch the runs with: tensorboard --logdir {shlex.quote(str(folder))}", flush=True)
    return Events(folder)


def _load_sweep() -> ModuleType:
    try:
        from tinylm.training import pool
    except ModuleNotFoundError as error:
        raise UsageError(f"training needs the package {error.name}; run `python -m pip install {error.name}`") from error
    return pool


def _forecast(sweep: ModuleType, settings: Any, flops: int) -> str:
    """Where the records go, on what they are made, and about how long it takes."""
    processes = f"{settings.n_workers} process{'es' if settings.n_workers > 1 else ''}"
    place = f"records go to {relative(settings.folder)}; {processes} on {settings.device}"
    if settings.device != "cpu":
        return place
    rate = sweep.expected_speed(settings, 0.5)
    limit = f", stopping after {duration(60 * settings.minutes)}" if settings.minutes else ""
    return f"{place}, about {duration(flops / rate)} at {short(rate)} FLOP/s{limit}"


@contextmanager
def _terminated_like_interrupted() -> Iterator[None]:
    """SIGTERM, as `timeout` and batch systems send it, lets the runs save their state as Ctrl-C does."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
