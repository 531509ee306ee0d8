"""Planned runs -> tables: what they cost, and what they go on to write."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from tinylm import data, files, flops
from tinylm.analysis.numbers import NONE, amount, verbatim
from tinylm.evaluation.probes import SAMPLES, samples
from tinylm.study import Planned


def planned(runs: Sequence[Planned]) -> pd.DataFrame:
    """One row per run of a plan: seeds, parameters, steps, and the cost of one seed under three conventions."""
    rows: dict[Planned, dict[str, Any]] = {}
    for run in _networks(runs):
        cost = run.cost
        row = rows.setdefault(run.row, {"model": run.name, "seeds": 0})
        row["seeds"] += 1
        row |= {"parameters": f"{flops.n_params(run.spec.model, data.vocab_size(run.spec.corpus)):,}", "steps": f"{cost.steps:,}"}
        row |= {"executed FLOPs": amount(cost.flops), "textbook FLOPs": amount(cost.flops_textbook), "2ND": amount(cost.flops_2nd)}
    return pd.DataFrame(rows.values())


def flop_parts(runs: Sequence[Planned]) -> pd.DataFrame:
    """One row per run of a plan: forward FLOPs of one window in each part of the model, as executed."""
    rows = {}
    for run in _networks(runs):
        n_scored = run.spec.n_targets
        parts = flops.forward_parts(run.spec.model, data.vocab_size(run.spec.corpus), n_scored, n_scored)
        columns = {"projections": "attention_projections", "scores": "attention_scores", "FFN": "ffn", "head": "head"}
        rows[run.row] = {"model": run.name} | {title: amount(parts.get(part, 0)) for title, part in columns.items()}
    return pd.DataFrame(rows.values())


def continuations(runs: Sequence[Planned], start: int, temperatures: Sequence[float] = ()) -> pd.DataFrame:
    """The end of the window at `start`, then one row per sampled network and temperature: how it goes on; line ends as a slash.

    Of no `temperatures` all are shown; a single one has no column.
    """
    rows = []
    for run in SAMPLES.subjects(runs):
        found = SAMPLES.read(run, files.ledgers()) or {"samples": []}
        chosen = [
            sample
            for sample in found["samples"]
            if sample["start"] == start and (not temperatures or sample["temperature"] in temperatures)
        ]
        if chosen and not rows:
            rows = [{"model": "the prompt", "temperature": NONE, "continuation": verbatim("…" + chosen[0]["prompt"][-samples.SHOWN :])}]
        rows += [{"model": run.name, "temperature": f"{s['temperature']:g}", "continuation": verbatim(s["text"])} for s in chosen]
    frame = pd.DataFrame(rows or [{"model": NONE, "temperature": NONE, "continuation": "no samples are recorded"}])
    return frame.drop(columns="temperature") if len(temperatures) == 1 else frame


def _networks(runs: Sequence[Planned]) -> list[Planned]:
    return [run for run in runs if not run.spec.is_counts]
