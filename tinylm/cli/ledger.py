"""`ledger`: merge, verify and show run records, and write forecasts beside them."""

import datetime
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinylm import data, files, ledger, study
from tinylm.cli import terminal
from tinylm.cli.common import OUTCOME, Request, UsageError, command, outcome, relative, subparser, table
from tinylm.cli.specs import count
from tinylm.config.serialise import to_dict
from tinylm.config.shown import short
from tinylm.ledger import RunRecord, bundle, verify

EXAMPLES = """
  python -m tinylm ledger import runs.tar     add the records that `train --out runs.tar` packed elsewhere
  python -m tinylm ledger verify              name every record and file that was edited, lost or added; --json for scripts
  python -m tinylm ledger show 7a164cb9       show a record, by its key, the beginning of its key, or its file
  python -m tinylm ledger forecast wikitext-2-char 3e13    the best size there by the smaller budgets of 08_capacity"""

KINDS = """edited: a number contradicts the spec, the corpus or the record's other numbers    broken: no record of a known corpus
stale: made by code of another version    changed, missing, unlisted: not what SHA256SUMS says, which only the published ledger has"""


@dataclass(frozen=True, kw_only=True)
class ImportRequest(Request):
    """A bundle of records and the ledger that takes them; None means the user's, in a clone for planned runs the published one."""

    file: Path
    into: Path | None


@dataclass(frozen=True, kw_only=True)
class VerifyRequest(Request):
    """The ledgers to look at; none means the published one and the user's. `accept`: take the files without a fault of their own."""

    folders: tuple[Path, ...]
    accept: bool
    json: bool


@dataclass(frozen=True, kw_only=True)
class ShowRequest(Request):
    """A record, named by its file or by its key or the beginning of it."""

    record: str
    json: bool


@dataclass(frozen=True, kw_only=True)
class ForecastRequest(Request):
    """A text of the section capacity, and the FLOPs of a budget that nothing was trained with."""

    corpus: str
    budget: int


def add(commands: Any) -> None:
    """Add the subcommands."""
    parser = subparser(commands, "ledger", "import, verify and show run records", EXAMPLES)
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    one = command(actions, "import", ImportRequest, _import, "merge the records of a tar file into the ledger", EXAMPLES.splitlines()[1])
    one.add_argument("file", type=Path, metavar="FILE.tar")
    one.add_argument(
        "--into", type=Path, metavar="FOLDER", help="the ledger to add all of them to (yours, in a clone docs/ledger for runs of the study)"
    )
    summary = "compare every record with the arithmetic of its spec, and files with their sums; 1 where one is at odds"
    one = command(actions, "verify", VerifyRequest, _verify, summary, f"{EXAMPLES.splitlines()[2]}\n\n{KINDS}")
    one.add_argument("folders", nargs="*", type=Path, metavar="FOLDER", help="(the published ledger and yours)")
    one.add_argument("--accept", action="store_true", help="write the sums anew of files whose content holds, as after a merge")
    one.add_argument("--json", action="store_true", help="print JSON")
    one = command(actions, "show", ShowRequest, _show, "print one record", EXAMPLES.splitlines()[3])
    one.add_argument("record", metavar="KEY|FILE")
    one.add_argument("--json", action="store_true", help="print JSON, as in the record's file")

    summary = "foresee the best size and its loss at a larger budget, and write it down before anything is trained there"
    one = command(actions, "forecast", ForecastRequest, _forecast, summary, EXAMPLES.splitlines()[4])
    one.add_argument("corpus", metavar="CORPUS")
    one.add_argument("budget", type=count, metavar="FLOPS")


def _import(request: ImportRequest) -> int:
    into, apart = request.into or files.LOCAL_LEDGER, None if request.into else files.study_ledger()
    merged = bundle.merge(request.file, into, apart, {run.spec.key for run in study.plan("full")} if apart else ())
    for line in merged:
        if line.action != "kept":
            print(f"{line.action}: {line.name}" + (f": {line.reason}" if line.reason else ""))
    counts = Counter(line.action for line in merged)
    text = ", ".join(f"{counts[action]} {action}" for action in ("added", "replaced", "kept", "differs", "refused") if counts[action])
    folders = dict.fromkeys(relative(folder) for folder in (apart, into) if folder)
    print(f"{', '.join(folders)}: {text or 'the tar holds no record'}")
    return 1 if counts["refused"] else 0


def _verify(request: VerifyRequest) -> int:
    for folder in request.folders:
        if not folder.is_dir():
            raise UsageError(f"{folder} is not a folder")
    folders, problems = request.folders or files.ledgers(), {}
    for folder in folders:
        if request.accept:
            for name in verify.accept(folder):
                print(f"accepted: {relative(folder / name)}")
        problems |= {relative(path): said for path, said in verify.survey(folder).items()}
    counts = Counter(line.partition(":")[0] for said in problems.values() for line in said)
    numbers = {"records": sum(map(verify.n_records, folders))} | {kind: counts[kind] for kind in verify.KINDS}
    if request.json:
        print(json.dumps(numbers | {"problems": problems}, indent=1))
    else:
        lines = [f"{path}: {line}" for path, said in problems.items() for line in said]
        print("\n".join([*lines, ", ".join(f"{number} {kind}" for kind, number in numbers.items())]))
    return 1 if problems else 0


def _show(request: ShowRequest) -> int:
    record = _find(request.record)
    print(ledger.to_json(record).rstrip() if request.json else _text(record))
    return 0


def _forecast(request: ForecastRequest) -> int:
    with terminal.imports():
        from tinylm.analysis import forecasts, frames

    found = frames.recorded()
    if trained := forecasts.trained_at(found, request.corpus, request.budget):
        raise UsageError(
            f"{trained} runs of {request.corpus} are recorded at {short(request.budget)} FLOPs or more already, and a forecast is made "
            "before the runs; take a larger budget"
        )
    made = forecasts.made(found, request.corpus, request.budget, datetime.date.today().isoformat())
    path = forecasts.write(made)
    rows = [
        [form, str(said["width"]), f"{said['n_params']:,}", f"{said['nll']:.4f}", f"{said['low']:.4f} to {said['high']:.4f}"]
        for form, said in made["forms"].items()
    ]
    print(table(["form", "width", "parameters", "valid NLL", "90 %"], rows))
    print(f"from {len(made['keys'])} runs of at most {short(made['fitted_to'])} FLOPs; written to {relative(path)}")
    return 0


def _find(name: str) -> RunRecord:
    """The record in a file, or the one whose key begins with the name; UsageError where there is no single one."""
    if name.endswith(".json") or "/" in name:
        return ledger.read(Path(name))
    records = ledger.known().records
    matches = [key for key in records if key.startswith(name)]
    if len(matches) != 1:
        found = f"{len(matches)} records have" if matches else "no record has"
        help_text = "write more of it" if matches else "`python -m tinylm status` says what is recorded"
        raise UsageError(f"{found} a key that begins with {name!r}; {help_text}")
    return records[matches[0]]


def _text(record: RunRecord) -> str:
    """The record as text: outcome, settings, costs, validations, machine."""
    spec, settings = record.spec, ledger.flatten(to_dict(record.spec))
    name = f"{data.called(spec.corpus)} {spec.model.kind}"
    costs = {"executed": record.flops, "textbook": record.flops_textbook, "2ND": record.flops_2nd, "6ND": record.flops_6nd}
    curve = [[f"{p['step']:.0f}", short(p["flops"]), f"{p['train_nll']:.4f}", f"{p['valid_nll']:.4f}"] for p in record.curve]
    parts = [
        table(OUTCOME, [outcome(name, record)]),
        "FLOPs: " + ", ".join(f"{convention} {short(value)}" for convention, value in costs.items()),
        table(["step", "FLOPs", "train NLL", "valid NLL"], curve) if curve else "",
        "\n".join(f"{field} = {value}" for field, value in settings.items()),
        f"made by {record.version}{', stale' if record.is_stale else ''}; " + ", ".join(f"{k} {v}" for k, v in record.environment.items()),
    ]
    return "\n\n".join(part for part in parts if part)
