"""What each kind of model reaches in some minutes of training on a machine that does nothing else. Needs no torch."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tinylm import files, ledger
from tinylm.analysis.summaries import Result
from tinylm.config import GatedCountsConfig, LSTMConfig, ModelConfig, NgramConfig, TransformerConfig
from tinylm.evaluation.probes import GATED_MIXING
from tinylm.ledger import RunRecord
from tinylm.report import mixtures, timings
from tinylm.study import Planned, nanogpt, select, single, titles

OWN = "own-text.json"  # in docs/ledger/bench
MIXTURE = "both, mixed"
KINDS: dict[str, tuple[type[ModelConfig], ...]] = {
    "counts": (NgramConfig, GatedCountsConfig),
    MIXTURE: (),
    "LSTM": (LSTMConfig,),
    "Transformer": (TransformerConfig,),
    nanogpt.TITLE: (),
}
ROLES = ("timed", "tuned", "gated", "frontier", "purchase", "isoflop")  # of runs that a table of minutes chooses from


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A row of runs of a text: its kind, mean NLLs in nats per token over `n` seeds, and the seconds that training one takes."""

    text: str
    kind: str
    valid: float
    test: float
    n: int
    seconds: float


def trained(found: Sequence[Result]) -> list[Trained]:
    """The rows whose time is known, of texts that have runs of role timed, and the same networks mixed with gated counts."""
    corpora = list(dict.fromkeys(result.run.spec.corpus for result in select(found, role="timed")))
    chosen = select(found, corpus=corpora, role=list(ROLES))
    alone = [_row(run, records, kind(run), timings.seconds(run)) for run, records in _by_row(chosen)]
    both = [_row(run, records, MIXTURE, _together(run)) for run, records in _by_row(mixtures.mixed(chosen, gated=True))]
    return [row for row in [*alone, *both] if not math.isnan(row.seconds)]


def _by_row(found: Sequence[Result]) -> list[tuple[Planned, list[RunRecord]]]:
    """The runs with their seeds; those of a run that sections share once."""
    once = {result.record.spec.key: result for result in reversed(found)}
    groups: dict[str, list[Result]] = {}
    for result in once.values():
        groups.setdefault(result.run.row.spec.key, []).append(result)
    return [(group[0].run, [result.record for result in group]) for group in groups.values()]


def kind(run: Planned) -> str:
    """The column that a run belongs to; empty for one that has none."""
    if run.architecture == nanogpt.TITLE:
        return nanogpt.TITLE
    return next((name for name, models in KINDS.items() if isinstance(run.spec.model, models)), "")


def _together(run: Planned) -> float:
    """Seconds of a network and of the gated counts that it is mixed with, one after the other."""
    return timings.seconds(run, single.unplanned(GATED_MIXING.partner(run)))


def _row(run: Planned, records: Sequence[RunRecord], kind: str, seconds: float) -> Trained:
    valid, test = (float(np.mean([getattr(record, split).nll for record in records])) for split in ("valid", "test"))
    return Trained(text=titles.corpus(run.spec.corpus), kind=kind, valid=valid, test=test, n=len(records), seconds=seconds)


def own() -> list[Trained]:
    """What `python -m tinylm.tests.minutes` measured on a text of one's own; nothing where it was not run."""
    facts = ledger.read_facts(files.LEDGER / "bench" / OWN)
    return [Trained(**row) for row in facts["trained"]] if facts else []


def facts(rows: Iterable[Trained], machine: dict[str, str]) -> dict[str, Any]:
    """What that command saves: its rows, and the machine that they were timed on."""
    return {"machine": machine, "trained": [asdict(row) for row in rows]}


def best(rows: Iterable[Trained], text: str, kind: str, minutes: float) -> Trained | None:
    """The row of a text and a kind that is best on valid of those that take at most so many minutes."""
    fitting = (row for row in rows if (row.text, row.kind) == (text, kind) and row.seconds <= 60 * minutes)
    return min(fitting, key=lambda row: row.valid, default=None)
