"""What a record says of itself, compared with what follows from its spec and from its own numbers: a record edited by hand is named.

Nothing is trained or scored again. What no arithmetic gives, such as blocks of text, has its sum in `storage`. Needs no torch.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np

from tinylm import data, files, flops
from tinylm.config import RunSpec, TinylmError
from tinylm.config.scored import eval_context, least_context
from tinylm.data import CorpusInfo
from tinylm.ledger import storage
from tinylm.ledger.records import RunRecord, Score, facts, file_name, read
from tinylm.ledger.scores import block_bootstrap_se
from tinylm.ledger.storage import LedgerError

ROUNDING = 1e-5  # nats: blocks have five decimals, means seven digits
RESCORED = 1e-4  # nats: a training that went on after a stop scores valid again, perhaps with other threads
MOST_BLOCKS = 10_000  # ten times those of the longest text here; a million, resampled, would fill the memory
RECORDS = "*-s*-*.json"
KINDS = ("edited", "broken", "stale", "changed", "missing", "unlisted")  # the first word of what is wrong with a file


def problem(record: RunRecord) -> str:
    """What is wrong with a record, with the word `broken`, `stale` or `edited` before it; nothing where all is right.

    Of a record that other code made nothing more is said: its numbers may follow another arithmetic.
    """
    try:
        info = data.info(record.spec.corpus)
    except TinylmError as error:
        return f"broken: {error}"
    if record.corpus_sha256 != info.sha256:
        return f"broken: made on another text than the published {info.name}; train it again"
    if record.is_stale:
        return f"stale: made by {record.version}; train it again"
    try:
        found = list(contradictions(record, info))
    except (TinylmError, ArithmeticError) as error:
        found = [f"its spec cannot be run: {error}"]
    return f"edited: {'; '.join(found)}" if found else ""


def check(record: RunRecord) -> None:
    """Raise LedgerError where something is wrong with a record but that its code is not today's."""
    if (found := problem(record)) and not found.startswith("stale"):
        raise LedgerError(found.partition(": ")[2])


def contradictions(record: RunRecord, info: CorpusInfo) -> Iterator[str]:
    """Each number of a record that is not what follows from its spec, its corpus and its other numbers, and what would follow."""
    yield from _differing("", vars(record), {"vocab_size": info.vocab_size} | _costs(record, info))
    yield from _curve(record, info)
    for split, score in (("valid", record.valid), ("test", record.test)):  # a search has no test score
        if score is not None and record.status == "diverged":
            yield f"a run that diverged has a score of {split}"
        elif score is not None:
            yield from _score(record.spec, split, score, info)


def _differing(prefix: str, found: Mapping[str, object], expected: dict[str, object]) -> Iterator[str]:
    for name, value in expected.items():
        if found[name] != value:
            yield f"{prefix}{name} is {found[name]!r}, but must be {value!r}"


def _costs(record: RunRecord, info: CorpusInfo) -> dict[str, object]:
    """Parameters, updates, windows, tokens and FLOPs under each convention; a diverged run has done fewer steps than planned.

    The `n_params` of counts are the n-grams of the text, which only counting gives.
    """
    planned = flops.run_cost(record.spec, info)
    if record.spec.is_counts:
        return asdict(planned)
    n_params = {"n_params": flops.n_params(record.spec.model, info.vocab_size)}
    if record.status == "done":
        return n_params | asdict(planned)
    return n_params | asdict(flops.cost_after(record.spec, info, min(record.steps, planned.steps)))


def _curve(record: RunRecord, info: CorpusInfo) -> Iterator[str]:
    """Where validations lie and what had been spent by then. Counts have none."""
    spec, steps = record.spec, [point["step"] for point in record.curve]
    planned = [] if spec.is_counts else spec.train.validations(flops.run_cost(spec, info).steps)
    reached = planned if record.status == "done" else [step for step in planned if step <= record.steps]
    may_end = [planned] if record.status == "done" else [reached, [step for step in reached if step < record.steps]]  # diverged there
    if steps not in may_end:
        yield f"the curve's steps are {_brief(steps)}, but the spec plans {_brief(reached)}"
        return
    for i, point in enumerate(record.curve):
        cost = flops.cost_after(spec, info, point["step"])
        yield from _differing(f"curve[{i}].", point, {"tokens_seen": cost.tokens_seen, "flops": cost.flops})
    seconds = record.curve_seconds  # unknown in older records
    if seconds and (len(seconds) != len(steps) or seconds != sorted(seconds) or seconds[-1] > record.seconds + 0.1):
        yield "curve_seconds do not rise to the seconds of the run, one for each point of the curve"
    yield from _best(record)


def _best(record: RunRecord) -> Iterator[str]:
    """The validation that was kept is the one that the spec says, and the score of valid."""
    nlls = {point["step"]: point["valid_nll"] for point in record.curve}
    keep, kept = record.spec.train.keep, nlls.get(record.best_step)
    is_kept = record.best_step == max(nlls, default=0) if keep == "last" or not nlls else kept == min(nlls.values())
    if not is_kept:
        yield f"best_step is {record.best_step}, which is not the {keep} of the curve"
    elif kept is not None and record.valid and abs(record.valid.nll - kept) > RESCORED * max(1.0, kept):
        yield f"valid.nll is {record.valid.nll}, but the curve has {kept} at step {record.best_step}"


def _brief(steps: list[int]) -> str:
    return ", ".join(map(str, steps)) if len(steps) < 5 else f"{steps[0]}, {steps[1]} ... {steps[-1]} ({len(steps):,} in all)"


def _score(spec: RunSpec, split: str, score: Score, info: CorpusInfo) -> Iterator[str]:
    """Which tokens were scored how, and what `_means` says."""
    expected = {
        "split": split,
        "n_tokens": len(spec.scored(info.n_tokens[split])),
        "start": spec.train.eval_start or eval_context(spec),
        "stride": 1 if spec.is_counts else spec.train.eval_stride,
        "min_context": spec.model.context_length if spec.is_counts else least_context(spec),  # counts read on from the first token
    }
    yield from _differing(f"{split}.", vars(score), expected)
    if (score.characters >= score.n_tokens) != (info.level == "subword"):
        yield f"{split}.characters are {score.characters:,}, of {score.n_tokens:,} tokens that are {info.level}s"
    yield from _means(split, score)


def _means(split: str, score: Score) -> Iterator[str]:
    """Whether blocks of text, and classes of tokens where they are recorded, give the mean and its error."""
    if len(score.blocks) > MOST_BLOCKS:
        yield f"{split}.blocks are {len(score.blocks):,}, more than any text has; their mean is not computed"
        return
    sizes = np.full(len(score.blocks), float(score.block_size))
    sizes[-1] = score.n_tokens - score.block_size * (len(sizes) - 1)
    sums = sizes * score.blocks
    yield from _mean(f"{split}.nll", score.nll, "blocks", sums.sum() / score.n_tokens)
    yield from _mean(f"{split}.se", score.se, "blocks", block_bootstrap_se(sums, sizes))
    if score.parts:  # unknown in older records
        counts, nlls = np.array(list(score.parts.values())).T
        yield from _mean(f"{split}.nll", score.nll, "parts", counts @ nlls / score.n_tokens)
        if counts.sum() != score.n_tokens:
            yield f"{split}.parts have {counts.sum():.0f} tokens, but {score.n_tokens} were scored"


def _mean(name: str, recorded: float, source: str, given: float) -> Iterator[str]:
    if abs(recorded - given) > ROUNDING * max(1.0, given / 10):  # seven digits of a large mean are fewer decimals
        yield f"{name} is {recorded}, but its {source} give {given:.7g}"


def survey(folder: Path) -> dict[Path, list[str]]:
    """What is wrong with the files of a ledger: with a record, with facts, and with a sum where the ledger has sums.

    Of the published ledger also which files its figures lack. That these show what the records give, only a rebuild says.
    """
    found = {path: [said] for path in storage.listed(folder).values() if (said := _problem(path))}
    for name, said in storage.differences(folder).items():
        found.setdefault(folder / name, []).append(said)
    if files.IS_CLONE and folder == files.LEDGER:
        found |= {path: ["missing: a figure is published as CSV, PNG and SVG"] for path in _lacking(files.FIGURES)}
    return found


def accept(folder: Path) -> list[str]:
    """Write the sums anew of the files of a ledger whose content holds, and drop those of missing ones; their names.

    For what came by another road than `storage.store`: a merge in git, a record deleted on purpose.
    """
    wrong = storage.differences(folder)
    here = storage.listed(folder)
    names = [name for name in wrong if name not in here or not _problem(here[name])]
    if names:
        storage.accept(folder, names)
    return names


def n_records(folder: Path) -> int:
    """How many files of a ledger are named like a record."""
    return sum(path.match(RECORDS) for path in storage.listed(folder).values())


def _problem(path: Path) -> str:
    try:
        if path.match(RECORDS):
            record = read(path)
            right = file_name(record.spec)
            return problem(record) if path.name == right else f"broken: its name should be {right}"
        if path.suffix == ".json":
            return _scored_facts(facts(path))
    except (LedgerError, OSError) as error:
        return f"broken: {str(error).removeprefix(f'{path}: ')}"
    return ""


def _scored_facts(found: Mapping[str, object]) -> str:
    """What is wrong with the scores among some facts, as mixtures have them; nothing where there are none."""
    said: list[str] = []
    for name, value in found.items():
        if isinstance(value, dict) and "blocks" in value:
            try:
                said += _means(name, Score(**value))
            except (TypeError, ValueError, ArithmeticError, LookupError) as error:
                return f"broken: {name} is no score: {error}"
    return f"edited: {'; '.join(said)}" if said else ""


def _lacking(figures: Path) -> list[Path]:
    """The files that figures lack; a CSV alone is a table."""
    drawn = {path.with_suffix("") for path in figures.glob("*") if path.suffix in (".png", ".svg")}
    wanted = (stem.with_name(f"{stem.name}{ending}") for stem in drawn for ending in (".csv", ".png", ".svg"))
    return sorted(path for path in wanted if not path.is_file())
