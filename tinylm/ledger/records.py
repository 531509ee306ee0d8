"""RunRecord <-> one JSON file per run: write once, look up, explain a miss, tabulate. Needs no torch."""

import dataclasses
import functools
import json
import math
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypedDict, get_args, get_origin, get_type_hints, is_typeddict

from tinylm import files
from tinylm.config import MAX_EVALS, RunSpec, TinylmError
from tinylm.config.errors import listed
from tinylm.config.serialise import spec_from_dict, to_dict
from tinylm.config.shown import brief, one_line
from tinylm.ledger import versions
from tinylm.ledger.storage import LedgerError, store, text_of

SEARCH = "search"  # the folder of runs that choose recipes, of which no test score is kept: a search cannot see the test
NEAR = 2  # settings that a recorded run may differ in and still be worth naming
REMEDY = "restore it with git checkout, or delete it"
# What no field of a record passes: FLOPs nobody will spend, the largest number of float32, the validations or blocks of a run, a sentence.
MOST, LARGEST, LONGEST, MOST_CHARACTERS = 10**30, 3.5e38, 10 * MAX_EVALS, 500
AT_MOST: dict[type, float] = {int: MOST, float: LARGEST}


class Point(TypedDict):
    """A validation: the step after which it is made, the tokens and FLOPs so far, and the NLLs of train since the last one and of valid."""

    step: int
    tokens_seen: int
    flops: int
    train_nll: float
    valid_nll: float


class LedgerWarning(UserWarning):
    """A file in the ledger that is skipped."""


@dataclass(frozen=True)
class Score:
    """Mean NLL in nats per token over `n_tokens` tokens of a split, from token `start`.

    `se` is the block-bootstrap standard error over `blocks`, the mean NLLs of consecutive blocks of `block_size` tokens (the
    last may be shorter). Every scored token sees at least `min_context` tokens; windows move by `stride`. `parts` holds, for
    each class of tokens that `statistics.token_classes` tells apart, how many were scored and their mean NLL. `characters` are those that
    scored subwords stand for; 0 of other tokens.
    """

    split: str
    nll: float
    se: float
    n_tokens: int
    start: int
    stride: int
    min_context: int
    block_size: int
    blocks: list[float] = field(repr=False)
    parts: dict[str, list[float]] = field(default_factory=dict, repr=False)
    characters: int = 0

    @property
    def nll_per_character(self) -> float:
        """Nats per character: of subwords those of their tokens spread over their characters, of characters the mean itself."""
        return self.nll * self.n_tokens / self.characters if self.characters else self.nll

    def __str__(self) -> str:
        """The mean with its standard error, which a single block does not give."""
        return f"{self.nll:.4f}" + (f" +- {self.se:.4f}" if len(self.blocks) > 1 else "")


@dataclass(frozen=True)
class RunRecord:
    """The outcome of one spec. `curve` holds a point for each validation.

    `curve_seconds` are the seconds of training and validation before each, unknown in older records. `status` is `done` or `diverged`
    (then scores are None). `environment` holds device, threads and library versions.
    """

    spec: RunSpec
    version: str
    status: str
    vocab_size: int
    n_params: int
    steps: int
    windows: int
    tokens_seen: int
    flops: int
    flops_textbook: int
    flops_2nd: int
    flops_6nd: int
    curve: list[Point] = field(repr=False)
    best_step: int
    valid: Score | None
    test: Score | None
    seconds: float
    corpus_sha256: str
    environment: dict[str, str]
    curve_seconds: list[float] = field(default_factory=list, repr=False)

    @property
    def diverged(self) -> str:
        """What to do where the loss was no number; nothing to say of another run."""
        return f"it diverged at step {self.steps:,}; lower the learning rate" if self.status == "diverged" else ""

    @property
    def is_stale(self) -> bool:
        """Whether the code has changed its numbers since this record was made."""
        return self.version != versions.current(self.spec)


def rounded(value: Any) -> Any:
    """Floats at 7 significant digits, so that a record is short and stable."""
    if isinstance(value, float):
        return float(f"{value:.7g}")
    if isinstance(value, dict):
        return {k: rounded(v) for k, v in value.items()}
    return [rounded(v) for v in value] if isinstance(value, list | tuple) else value


def to_json(record: RunRecord) -> str:
    """The record as JSON text, one field a line, lists of numbers on one line."""
    fields = {f.name: getattr(record, f.name) for f in dataclasses.fields(record) if f.name != "curve_seconds" or record.curve_seconds}
    fields |= {name: _score_fields(fields[name]) for name in ("valid", "test") if fields[name] is not None}
    # The spec is written in full: rounding it would change its key.
    fields = {"key": record.spec.key} | rounded(fields) | {"spec": to_dict(record.spec)}
    lines = [f"{json.dumps(name)}: {json.dumps(value, allow_nan=False)}" for name, value in fields.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _score_fields(score: Score) -> dict[str, Any]:
    """The fields of a score, `parts` and `characters` only where there are any, as in records made before they were known."""
    return {name: value for name, value in vars(score).items() if name not in ("parts", "characters") or value}


def from_json(text: str) -> RunRecord:
    """The record that `to_json` wrote; LedgerError says what is wrong with any other text."""
    try:
        data = json.loads(text, parse_constant=_no_number)
        key = data.pop("key")
        data["spec"] = spec_from_dict(data["spec"])
        for name in ("valid", "test"):
            data[name] = None if data[name] is None else Score(**data[name])
        record = RunRecord(**data)
        _check_fields(record)
    except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError, RecursionError, TinylmError) as error:
        raise LedgerError(one_line(f"not a run record: {type(error).__name__}: {error}")) from error
    if key != record.spec.key:
        raise LedgerError(f"its key {brief(key)} is not its spec's, {record.spec.key}: the file was edited; train the run again")
    return record


def _no_number(name: str) -> None:
    raise ValueError(f"{name} where a number must stand")


def _check_fields(record: RunRecord) -> None:
    """Raise ValueError, with the field's name, for a value of another type than its field's, out of range, or at odds with others.

    What follows from the spec and the corpus is not looked at here: every command reads all records.
    """
    _check_spec("spec", to_dict(record.spec))
    for name, hint in _hints(RunRecord).items():
        if name not in ("spec", "valid", "test"):
            _check(name, getattr(record, name), hint)
    _require(record.status in ("done", "diverged"), "status", "done or diverged", record.status)
    steps = [point["step"] for point in record.curve]
    _require(steps == sorted(set(steps)), "curve", "in rising steps", steps)
    for score in filter(None, (record.valid, record.test)):
        name = "valid" if score is record.valid else "test"
        for field_, hint in _hints(Score).items():
            _check(f"{name}.{field_}", getattr(score, field_), hint)
        _require(score.n_tokens > 0, f"{name}.n_tokens", "above zero", score.n_tokens)
        _require(score.block_size > 0, f"{name}.block_size", "above zero", score.block_size)
        n_blocks = math.ceil(score.n_tokens / score.block_size)
        _require(len(score.blocks) == n_blocks, f"{name}.blocks", f"{n_blocks:,} numbers", len(score.blocks))
        for label, part in score.parts.items():
            _require(len(part) == 2 and isinstance(part[0], int), f"{name}.parts[{label!r}]", "a number of tokens and a mean", part)


_hints = functools.cache(get_type_hints)


def _require(holds: bool, name: str, what: str, value: Any) -> None:
    if not holds:
        raise ValueError(f"{name} must be {what}, got {brief(value)}")


def _check_spec(name: str, value: Any) -> None:
    """Raise ValueError for a setting that could only be a mistake: the configs themselves have checked types and signs."""
    if isinstance(value, dict | list | tuple):
        _require(len(value) <= LONGEST, name, f"at most {LONGEST:,} long", len(value))
        for key, entry in value.items() if isinstance(value, dict) else enumerate(value):
            if type(entry) is not float:  # any finite one may be a setting that a run was tried with
                _check_spec(f"{name}.{key}", entry)
    elif isinstance(value, str):
        _check(name, value, str)
    elif isinstance(value, int):
        _require(value <= MOST, name, f"at most {MOST:.0e}", value)


@functools.cache
def _kind(hint: Any) -> tuple[Any, Any]:
    """What a type is made of: list[float] of list and float, an object with named fields of dict and their types."""
    return (dict, _hints(hint)) if is_typeddict(hint) else (get_origin(hint) or hint, (get_args(hint) or (hint,))[-1])


def _check(name: str, value: Any, hint: Any) -> None:
    """Raise ValueError for a value that is not of a type, or is longer or larger than any that a run gives."""
    if type(value) is hint and hint in AT_MOST and 0 <= value <= AT_MOST[hint]:
        return  # most values are numbers, and fine
    kind, of = _kind(hint)
    if kind is list:
        _require(isinstance(value, list), name, "a list", value)
        _require(len(value) <= LONGEST, name, f"at most {LONGEST:,} long", len(value))
        if of is float and set(map(type, value)) == {float} and min(value) >= 0 and max(value) <= LARGEST:
            return  # most lists, and so at once
        for i, entry in enumerate(value):
            _check(f"{name}[{i}]", entry, of)
    elif kind is dict:
        _require(isinstance(value, dict), name, "an object", value)
        hints = of if isinstance(of, dict) else dict.fromkeys(value, of)
        _require(value.keys() == hints.keys(), name, f"an object of {', '.join(map(str, hints))}", value)
        for key, entry in value.items():
            if hints is not of:  # whose names are known
                _check(f"{name}.key", key, str)
            _check(f"{name}.{key}", entry, hints[key])
    elif kind is str:
        _require(isinstance(value, str), name, "a text", value)
        _require(value.isprintable() and len(value) <= MOST_CHARACTERS, name, f"{MOST_CHARACTERS} printable characters at most", value)
    else:
        is_number = isinstance(value, int if kind is int else int | float) and not isinstance(value, bool)
        _require(is_number, name, f"a {'whole ' if kind is int else ''}number", value)
        _require(0 <= value <= AT_MOST[kind], name, f"from zero to {AT_MOST[kind]:.3g}", value)


def file_name(spec: RunSpec) -> str:
    """A record's file name: corpus, kind, seed and key."""
    return f"{spec.corpus}-{spec.model.kind}-s{spec.seed}-{spec.key}.json"


def write(record: RunRecord, folder: Path) -> Path:
    """Write the record into the folder, as `kept` in the section of its name; LedgerError when it cannot be written."""
    path = folder / file_name(record.spec)
    store(path, to_json(kept(record, folder.name)))
    return path


def write_facts(path: Path, facts: dict[str, Any]) -> None:
    """Write what was measured beside the records, to the digits of a record."""
    store(path, json.dumps(rounded(facts), indent=1) + "\n")


def facts(path: Path) -> dict[str, Any]:
    """The JSON object of a file beside the run records; LedgerError names a broken one, FileNotFoundError an absent one."""
    try:
        found = json.loads(text_of(path), parse_constant=_no_number)
    except FileNotFoundError:
        raise
    except (OSError, ValueError, RecursionError, LedgerError) as error:
        raise LedgerError(f"{path}: {one_line(f'{type(error).__name__}: {error}')}") from error
    if not isinstance(found, dict):
        raise LedgerError(f"{path}: not a JSON object")
    return found


def read_facts(path: Path) -> dict[str, Any] | None:
    """The `facts` of a file; None where there is none, or, with a warning, where it is broken."""
    try:
        return facts(path)
    except FileNotFoundError:
        return None
    except LedgerError as error:
        warnings.warn(f"skipped a broken ledger file: {error}; {REMEDY}", LedgerWarning, stacklevel=2)
        return None


def kept(record: RunRecord, section: str) -> RunRecord:
    """The record as a section keeps it: that of searches without the test score."""
    return dataclasses.replace(record, test=None) if section == SEARCH else record


def check_scores(record: RunRecord, section: str) -> None:
    """Raise LedgerError unless a finished record has its scores, the test score in every section but that of searches."""
    if record.status != "done":
        return
    if record.valid is None or (record.test is None and section != SEARCH):
        raise LedgerError("it is finished and lacks a score: the file was edited; train the run again")
    if record.test is not None and section == SEARCH:
        raise LedgerError(f"a record in {SEARCH}/ holds no test score; set test to null")


def read(path: Path) -> RunRecord:
    """The record in a file; LedgerError names the file."""
    try:
        record = from_json(text_of(path))
        check_scores(record, path.parent.name)
        return record
    except OSError as error:
        raise LedgerError(f"{path} cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, LedgerError) as error:
        raise LedgerError(f"{path}: {error}") from error


def read_once(path: Path) -> RunRecord:
    """The record in a file, as `read`; a file that has not changed is read once in a process."""
    try:
        about = path.stat()
    except OSError:
        return read(path)  # which says what is wrong
    return _read_version(path, about.st_mtime_ns, about.st_size, about.st_ino)


@functools.cache
def _read_version(path: Path, *version: int) -> RunRecord:
    """The record in a file of this time, size and inode, for `read_once`; an error is not kept."""
    return read(path)


class Ledger:
    """The records of several folders as they are now; the first folder that holds a key wins. Broken files are named and skipped.

    A record is found by the key in its file's name, and read when it is asked for.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self.folders = list(folders)
        self._paths: dict[str, list[Path]] = {}
        self._read: dict[str, tuple[RunRecord, str] | None] = {}  # what was found of the keys that were asked for
        for path in (p for folder in self.folders for p in sorted(folder.glob("**/*-s*-*.json"))):
            self._paths.setdefault(path.stem.rpartition("-")[2], []).append(path)

    @cached_property
    def _all(self) -> dict[str, tuple[RunRecord, str]]:
        return {key: found for key in self._paths if (found := self._found(key))}

    @cached_property
    def records(self) -> dict[str, RunRecord]:
        """Every record by its key; stale ones too."""
        return {key: record for key, (record, _) in self._all.items()}

    @cached_property
    def sections(self) -> dict[str, str]:
        """The folder that a record lies in, by its key."""
        return {key: section for key, (_, section) in self._all.items()}

    def record(self, key: str) -> RunRecord | None:
        """The record of a key, stale or not; None where there is none."""
        found = self._found(key)
        return found and found[0]

    def _found(self, key: str) -> tuple[RunRecord, str] | None:
        """The record of a key and its folder, read once, so that a broken file is named once."""
        if key not in self._read:
            self._read[key] = self._best(key)
        return self._read[key]

    def _best(self, key: str) -> tuple[RunRecord, str] | None:
        """Of a key's records and their folders: one of today's code before a stale one, one with a test score before that of a search."""
        best: tuple[RunRecord, str] | None = None
        for path in self._paths.get(key, ()):
            try:
                record = read_once(path)
                if record.spec.key != key:
                    raise LedgerError(f"{path} has the settings of another run than its name says: {record.spec.key}")
            except LedgerError as error:
                warnings.warn(f"skipped a broken ledger file: {error}; {REMEDY}", LedgerWarning, stacklevel=4)
                continue
            if best is None or best[0].is_stale or (best[0].test is None and record.test is not None):
                best = record, path.parent.name
        return best

    def find(self, spec: RunSpec) -> RunRecord | None:
        """The spec's record, or None where it is missing or stale."""
        record = self.record(spec.key)
        return None if record is None or record.is_stale else record

    def explain(self, spec: RunSpec) -> str:
        """Why `find` gave what it gave: a record, a stale one, or none, and where one or two settings differ the nearest of the text."""
        record = self.record(spec.key)
        if record is not None:
            now = versions.current(spec)
            return f"recorded by older code, {record.version}, which is now {now}" if record.is_stale else "recorded"
        asked = flatten(to_dict(spec))
        alike = [r.spec for r in self.records.values() if (r.spec.model.kind, r.spec.corpus) == (spec.model.kind, spec.corpus)]
        others = [flatten(to_dict(other)) for other in alike]
        gaps = [{name: (other.get(name), value) for name, value in asked.items() if other.get(name) != value} for other in others]
        nearest = min(gaps, key=len, default={})
        if not 0 < len(nearest) <= NEAR:
            return "not recorded"
        there = [f"{name}={value!r} instead of {asked[name]!r}" for name, (value, _) in nearest.items()]
        return f"not recorded; the nearest recorded run has {listed(there)}"


def known() -> Ledger:
    """The published records and those of this machine, as they are now."""
    return Ledger(files.ledgers())


def flatten(data: dict[str, Any]) -> dict[str, Any]:
    """Nested settings under dotted names, e.g. `train.lr`."""
    out: dict[str, Any] = {}
    for name, value in data.items():
        out |= {f"{name}.{k}": v for k, v in flatten(value).items()} if isinstance(value, dict) else {name: value}
    return out


def rows(records: Iterable[RunRecord]) -> list[dict[str, Any]]:
    """One flat row per record: spec fields under dotted names, costs, and the scores as valid_nll, test_nll, test_se."""
    out = []
    for record in records:
        row = {"key": record.spec.key} | flatten(to_dict(record.spec))
        nested = ("spec", "curve", "curve_seconds", "valid", "test", "environment")
        plain = [f.name for f in dataclasses.fields(record) if f.name not in nested]
        row |= {name: getattr(record, name) for name in plain}
        for name, score in (("valid", record.valid), ("test", record.test)):
            row |= {f"{name}_nll": score and score.nll, f"{name}_se": score and score.se}
        out.append(row)
    return out
