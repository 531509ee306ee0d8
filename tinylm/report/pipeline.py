"""The steps of run_me.py: plan, train, execute the notebooks, publish, check by retraining, say where everything is."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import filelock

from tinylm import data, files, ledger, study, typesetting
from tinylm.config import TinylmError
from tinylm.config.interrupts import ended_like_interrupted
from tinylm.config.shown import amount
from tinylm.data import grammar
from tinylm.evaluation.probes import PROBES
from tinylm.ledger import storage, verify
from tinylm.report import execution, live_page, readme
from tinylm.report.request import Request
from tinylm.typesetting.errors import writing

if TYPE_CHECKING:
    from tinylm.training.machine import Settings

NAMED = 20  # edited files
UNDO = (
    "restore them with `git checkout -- docs/ledger figures`, or `git pull` where this version never had them; what came by a merge, or "
    "was deleted on purpose, is taken by `python -m tinylm ledger verify --accept`, which leaves edited records out"
)


class PipelineError(TinylmError):
    """A step that could not be finished; the message says what to run next."""


@contextlib.contextmanager
def alone(request: Request) -> Iterator[None]:
    """Within the context, this is the one process that rebuilds the profile; PipelineError names the other one where there is one.

    The system frees the lock of a process that is killed; what such ones were writing is removed. SIGTERM is heard as Ctrl-C.
    """
    lock, holder = filelock.FileLock(request.folder / "run_me.lock"), request.folder / "run_me.pid"
    with contextlib.ExitStack() as held:
        try:
            request.folder.mkdir(parents=True, exist_ok=True)
            held.enter_context(lock.acquire(blocking=False))
        except filelock.Timeout:
            raise PipelineError(f"{_process(holder)} is already running the profile {request.profile}; repeat when it has ended") from None
        except OSError as error:
            problem = f"cannot write into {request.folder}: {error.strerror or error}"
            raise PipelineError(f"{problem}; make it writable or free some space") from error
        ledger.write_text(holder, f"{os.getpid()}\n")
        held.callback(holder.unlink, missing_ok=True)
        for place in (request.folder, *((files.DOCS, files.FIGURES, files.NOTEBOOKS) if request.is_full else ())):
            files.remove_unfinished(place)
        with ended_like_interrupted():
            yield


def _process(holder: Path) -> str:
    """What is known of the process that wrote its number there."""
    with contextlib.suppress(OSError, ValueError):
        return f"process {int(holder.read_text(encoding='utf-8'))}"
    return "another process"


def verify_ledger() -> str:
    """How much of the published ledger was found to be as it was written; PipelineError names what was not."""
    problems = [f"  {path.relative_to(files.ROOT)}: {line}" for path, said in verify.survey(files.LEDGER).items() for line in said]
    if problems:
        more = [f"  and {len(problems) - NAMED} more, which `python -m tinylm ledger verify` names"] if len(problems) > NAMED else []
        lead = "what is published was edited or is incomplete, so that nothing is rebuilt from it:"
        raise PipelineError("\n".join([lead, *problems[:NAMED], *more, UNDO]))
    n_files, n_records = len(storage.listed(files.LEDGER)), verify.n_records(files.LEDGER)
    return f"{n_records:,} records agree with their specs and with themselves, {n_files:,} files with {storage.SUMS}"


def train_missing(request: Request) -> None:
    """Train what the ledger lacks; PipelineError when it was stopped before the end."""
    from tinylm.training import pool

    settings, missing, cluster = _settings(request, folder=request.ledger), request.missing(), None
    if request.cluster and missing:
        cluster = pool.clusters().Cluster(request.cluster, request.device)
        print(f"  {cluster}", flush=True)
    for name in {run.spec.corpus for run in missing if not cluster}:
        data.load(name, request.data_dir)  # once here, before every process does: found, checked, cached
    left = pool.train_all(missing, settings, lambda run, record: None, executor=cluster)
    if left:
        after = "--fresh starts over" if request.fresh else "the same command continues them from their checkpoints"
        raise PipelineError(f"{amount(len(left), 'run')} left, stopped or failed; {after}")


def _settings(request: Request, **options: Any) -> "Settings":
    """How runs are trained on this machine."""
    from tinylm.training import machine

    device = machine.device(request.own_device)
    return machine.Settings(device=device, workers=request.workers or 0, data_dir=request.data_dir, **options)


def record_probes(request: Request) -> None:
    """Measure what the report shows beside the records and is not recorded yet, where weights and text are at hand.

    What takes minutes is measured where training is asked for, and for the published study only.
    """
    parameters = [study.SECTIONS[section].parameters(request.profile) for section in request.sections]
    corpora = [name for found in parameters for name in found.get("corpora", [])]
    for probe in PROBES:
        if probe.is_costly and not (request.trains and request.is_full):
            continue
        for subject in probe.missing(probe.subjects(request.plan, corpora), (files.LEDGER, request.ledger), request.data_dir):
            print(f"  {probe.title}: {probe.name(subject)}", flush=True)
            probe.record(subject, request.ledger, request.data_dir)


def execute(request: Request) -> list[Path]:
    """Run the asked notebooks; all notebooks of the profile that are executed now or before, in order."""
    folder = request.folder / "notebooks"
    execution.execute(request.sections, request.profile, folder)
    source = files.NOTEBOOKS if request.is_full else folder
    names = [f"{name}.ipynb" for name in _notebooks()]
    chosen = [folder / name if name.removesuffix(".ipynb") in _asked(request) else source / name for name in names]
    return [path for path in chosen if path.exists()]


def _notebooks() -> list[str]:
    return [section.notebook for section in study.SECTIONS.values()]


def _asked(request: Request) -> set[str]:
    return {study.SECTIONS[section].notebook for section in request.sections}


def publish(request: Request, executed: list[Path]) -> Path:
    """Write figures, PDF and HTML, the full study's into the tracked folders once all has succeeded; the report's folder.

    A small profile of which not every notebook was executed yet gets its figures only: the notebooks refer to each other.
    """
    if absent := sorted(set(_notebooks()) - {path.stem for path in executed}):
        typesetting.publish_figures(executed, request.folder / "figures")
        print(f"  no PDF or HTML yet: {', '.join(absent)} not executed; `{execution.everything(request.profile)}` executes all")
        return request.folder
    with writing(request.folder):
        return _publish(request, executed)


def _publish(request: Request, executed: list[Path]) -> Path:
    staging = request.folder / "staging"
    shutil.rmtree(staging, ignore_errors=True)
    notice = "" if request.is_full else f"[Profile {request.profile}: small runs; the answers in prose are those of the published study]"
    command = partial(execution.command, profile=request.profile)
    target, figures = (files.DOCS, files.FIGURES) if request.is_full else (request.folder, request.folder / "figures")
    typesetting.build(executed, staging, files.NOTEBOOKS / "report.toml", command, notice, links=links(target))
    typesetting.publish_figures(executed, figures)
    target.mkdir(parents=True, exist_ok=True)
    for path in staging.iterdir():
        path.replace(target / path.name)
    staging.rmdir()
    if request.is_full:
        execution.publish([path for path in executed if path.parent == request.folder / "notebooks"])
        readme.update(files.ROOT)
        live_page.update()
        print("  `git status` says whether figures, report and README are what the records give: it lists what this rebuild has changed")
    print(f"  {target / 'report.pdf'} and report.html")
    return target


def links(target: Path) -> list[tuple[str, str]]:
    """What a page in the folder `target` leads to: the explorer, and the model that runs in the browser where its page was built."""
    pages = {"Explorer notebook": files.NOTEBOOKS / "00_explore.ipynb", "Live model": files.DOCS / "live" / "index.html"}
    return [(name, Path(os.path.relpath(page, target)).as_posix()) for name, page in pages.items() if page.exists()]


def check_by_retraining(request: Request) -> bool:
    """Retrain a sample of the published ledger on this machine for the time asked for and print each comparison; whether all agree.

    Says how many runs the time was enough for, what to do where one disagrees, and when only generated text is at hand.
    """
    from tinylm.report import retraining

    place = files.OUT / "retraining"
    shutil.rmtree(place, ignore_errors=True)  # a run that the time stopped must not go on under other code
    settings = _settings(
        request,
        folder=place / "ledger",
        minutes=request.verify_minutes,
        checkpoints=place / "checkpoints",
        weights=place / "weights",
    )
    runs = retraining.sample(request.verify_minutes, settings)
    if not runs:
        print("  nothing was checked: no recorded run fits in this time; give --verify more minutes")
        return True
    if all(run.spec.corpus in grammar.SOURCES for run in runs):
        print("  no other corpus is at hand (`python -m tinylm download`): the retraining check takes runs on generated text")
    comparisons = retraining.compare(runs, settings)
    if len(comparisons) < len(runs):
        print(f"  in {request.verify_minutes:g} min {len(comparisons)} of {len(runs)} chosen runs were retrained; more minutes check more")
    print("\n".join(f"  {line}" for line in [*comparisons, *retraining.verdict(comparisons).splitlines()]))
    return all(comparison.agrees for comparison in comparisons)
