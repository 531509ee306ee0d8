"""Does a model copy? What the headings of a play cost to predict, by how far back the same heading last stood.

One JSON per run beside its record, so that the report shows it without weights or torch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tinylm import data, ledger
from tinylm.config import RunSpec
from tinylm.data import Corpus
from tinylm.data.plays import HEADING
from tinylm.evaluation import counts
from tinylm.ledger import scores
from tinylm.study import Planned

FOLDER = "headings"
PLAYS = "tiny_shakespeare"
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


def frame(runs: Sequence[Planned], folders: Sequence[Path]) -> pd.DataFrame:
    """One row per recorded run and reach, in the order of the plan."""
    found = [(run, facts) for run in readable(runs) if (facts := read(run.spec, folders))]
    return pd.DataFrame([{"run": run.name} | row for run, facts in found for row in facts["rows"]], columns=COLUMNS)


def readable(runs: Sequence[Planned]) -> list[Planned]:
    """The runs of a plan whose headings are worth a look: counts of a text of plays, and recipes bought for it, with seed 0."""
    plays = [run for run in runs if run.section == "budget" and data.source(run.spec.corpus) == PLAYS]
    return [run for run in plays if run.spec.seed == 0 and _is_bought(run)]


def _is_bought(run: Planned) -> bool:
    return run.name.startswith(f"{run.spec.corpus}, ") or run.spec.is_counts


def read(spec: RunSpec, folders: Sequence[Path]) -> dict[str, Any] | None:
    """What is recorded of a run in the first ledger folder that has it, None where there is nothing."""
    return ledger.first_facts([folder / FOLDER / f"{spec.key}.json" for folder in folders])


def record(spec: RunSpec, weights: Path | None, folder: Path, data_dir: Path | None = None) -> dict[str, Any]:
    """Score the headings of the test split by a trained run, or by counts, and write them to folder/headings/KEY.json."""
    corpus = data.load(spec.corpus, data_dir)
    text = "".join(corpus.vocab[i] for i in corpus.test)
    start = scores.scored_range(spec, len(corpus.test)).start
    facts = {"key": spec.key, "rows": by_reach(_nlls(spec, corpus, weights), start, headings(text))}
    ledger.write_facts(folder / FOLDER / f"{spec.key}.json", facts)
    return facts


def _nlls(spec: RunSpec, corpus: Corpus, weights: Path | None) -> np.ndarray:
    if spec.is_counts:
        return counts.token_nlls(spec, corpus, "test")
    import torch  # loaded only where a network is scored

    from tinylm.evaluation import generate, nlls

    model = generate.load_model(spec, corpus, weights)
    return nlls.token_nlls(model, torch.from_numpy(corpus.test.astype(np.int32)), spec)
