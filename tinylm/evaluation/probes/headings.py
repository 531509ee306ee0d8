"""Does a model copy? What the headings of a play cost to predict, by how far back the same heading last stood.

One JSON per run beside its record, so that the report shows it without weights or torch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tinylm import data
from tinylm.config.interrupts import uninterrupted
from tinylm.config.scored import scored_range
from tinylm.data import Corpus
from tinylm.data.plays import HEADING, PLAYS
from tinylm.evaluation import counts
from tinylm.evaluation.probes.probe import RunProbe, weights_file
from tinylm.study import Planned, select

EDGES = (128, 256, 512, 1024, 2048)  # characters back; then what lies further, and what is new
FURTHER, NEW = "further back", "not before"
COLUMNS = ["run", "reach", "headings", "characters", "nll"]


@dataclass(frozen=True)
class Heading:
    """A speaker's name above a speech: its characters' places in the text, and how many characters back it last stood (0: never)."""

    start: int
    stop: int
    distance: int

    @property
    def reach(self) -> str:
        """The smallest edge that the distance does not pass, as it is called in tables."""
        if not self.distance:
            return NEW
        return next((f"up to {edge:,}" for edge in EDGES if self.distance <= edge), FURTHER)


REACHES = [*(f"up to {edge:,}" for edge in EDGES), FURTHER, NEW]


def headings(text: str) -> list[Heading]:
    """The headings of a text in order."""
    found, last = [], {}
    for match in HEADING.finditer(text):
        start, stop = match.span(1)
        found.append(Heading(start, stop, start - last[match[1]] if match[1] in last else 0))
        last[match[1]] = start
    return found


def by_reach(nll_N: np.ndarray, start: int, found: Sequence[Heading]) -> list[dict[str, Any]]:
    """Headings, their characters and their mean NLL in nats per character at each reach; `nll_N` are those of the text from `start` on."""
    rows = []
    for reach in REACHES:
        parts = [nll_N[h.start - start : h.stop - start] for h in found if h.reach == reach and h.start >= start]
        characters = np.concatenate([np.empty(0), *parts])
        nll = float(characters.mean()) if parts else None
        rows.append({"reach": reach, "headings": len(parts), "characters": len(characters), "nll": nll})
    return rows


def example(text: str, nll_N: np.ndarray, start: int, found: Sequence[Heading]) -> dict[str, Any] | None:
    """The first stretch of scored text from a heading to where it stands for the second time, near: its characters and their NLLs.

    It is the same for every run that is scored from the same token on; None where the text has none.
    """
    firsts = {heading.start for heading in found if not heading.distance}
    for heading in found:
        first = heading.start - heading.distance
        if heading.distance and first in firsts and first >= start and heading.distance <= EDGES[0]:
            nlls = nll_N[first - start : heading.stop - start]
            return {"text": text[first : heading.stop], "nll": [float(nll) for nll in nlls]}
    return None


class Headings(RunProbe):
    """What the headings of the test split cost a trained run, or counts, by how far back the same heading last stood."""

    folder = "headings"
    title = "headings"
    is_costly = True

    def subjects(self, plan: Sequence[Planned], corpora: Sequence[str] = ()) -> list[Planned]:
        """Seed 0 of the recipes bought for a text of plays and of the counts beside them, and of the factorial's Transformers by Muon."""
        plays = [run for run in select(plan, seed=0) if data.source(run.spec.corpus) == PLAYS]
        sections = list({run.section for run in select(plays, role="purchase")})
        factorial = select(plays, role="factorial", architecture="Transformer", optimizer="muon")
        return [*select(plays, role=["purchase", "counts"], section=sections), *factorial]

    def measure(self, subject: Planned, data_dir: Path | None) -> dict[str, Any]:
        spec, corpus = subject.spec, data.load(subject.spec.corpus, data_dir)
        text = "".join(corpus.vocab[i] for i in corpus.test)
        start = scored_range(spec, len(corpus.test)).start
        nll_N, found = _nlls(subject, corpus, data_dir), headings(text)
        return {"key": spec.key, "rows": by_reach(nll_N, start, found), "example": example(text, nll_N, start, found)}

    def frame(self, plan: Sequence[Planned], folders: Sequence[Path]) -> pd.DataFrame:
        """One line per recorded run and reach, in the order of the plan: COLUMNS."""
        found = [(run, facts) for run in self.subjects(plan) if (facts := self.read(run, folders))]
        return pd.DataFrame([{"run": run} | row for run, facts in found for row in facts["rows"]], columns=COLUMNS)

    def example(self, subject: Planned, folders: Sequence[Path]) -> dict[str, Any] | None:
        """A run's NLLs of one stretch of text, as `example` gives them; None where none is recorded, as in older records."""
        return (self.read(subject, folders) or {}).get("example")


def _nlls(run: Planned, corpus: Corpus, data_dir: Path | None) -> np.ndarray:
    if run.spec.is_counts:
        return counts.token_nlls(run.spec, corpus, "test", data_dir)
    with uninterrupted():
        import torch  # loaded only where a network is scored

        from tinylm.evaluation import generate, nlls

    model = generate.load_model(run.spec, corpus, weights_file(run))
    return nlls.token_nlls(model, torch.from_numpy(corpus.test.astype(np.int32)), run.spec)


HEADINGS = Headings()
