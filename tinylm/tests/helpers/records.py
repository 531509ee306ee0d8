"""Run records as if a tiny run on the generated corpus had made them: all that can be recomputed is right."""

import dataclasses
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tinylm import data
from tinylm.config import MLPConfig, RunSpec, TrainConfig
from tinylm.config.scored import least_context
from tinylm.flops import cost_after, n_params, run_cost
from tinylm.ledger import RunRecord, Score, rounded, versions
from tinylm.ledger.scores import block_bootstrap_se

MODEL = MLPConfig(context_length=4, d_model=4, d_hidden=8, n_hidden=1)


def made(seed: int = 0, spec: RunSpec | None = None, **fields: Any) -> RunRecord:
    """The record of a spec, by default of an MLP's three steps on grammar-char; `fields` replace its own."""
    spec = spec or RunSpec(corpus="grammar-char", model=MODEL, train=TrainConfig(steps=3, eval_tokens=20), seed=seed)
    info = data.info(spec.corpus)
    cost, valid = run_cost(spec, info), score(spec, "valid", info.n_tokens["valid"])
    points = [] if spec.is_counts else [point(spec, info, step, valid.nll) for step in spec.train.validations(cost.steps)]
    return RunRecord(
        **{
            "spec": spec,
            "version": versions.current(spec),
            "status": "done",
            "vocab_size": info.vocab_size,
            "n_params": n_params(spec.model, info.vocab_size),
            **dataclasses.asdict(cost),
            "curve": points,
            "best_step": cost.steps,
            "valid": valid,
            "test": score(spec, "test", info.n_tokens["test"]),
            "seconds": 1.0,
            "corpus_sha256": info.sha256,
            "environment": {"device": "cpu"},
        }
        | fields
    )


def point(spec: RunSpec, info: data.CorpusInfo, step: int, nll: float) -> dict[str, float]:
    """A validation of a loss, after a step."""
    cost = cost_after(spec, info, step)
    return {"step": step, "tokens_seen": cost.tokens_seen, "flops": cost.flops, "train_nll": 3.5, "valid_nll": nll}


def score(spec: RunSpec, split: str, n_split: int) -> Score:
    """A score of two blocks, 3.2 and 3.3 nats."""
    scored = spec.scored(n_split)
    size = math.ceil(len(scored) / 2)
    sizes, blocks = np.array([size, len(scored) - size]), [3.2, 3.3]
    return Score(
        split=split,
        nll=rounded(float(sizes @ blocks) / len(scored)),
        se=rounded(block_bootstrap_se(sizes * blocks, sizes)),
        n_tokens=len(scored),
        start=scored.start,
        stride=1 if spec.is_counts else spec.train.eval_stride,
        min_context=spec.model.context_length if spec.is_counts else least_context(spec),
        block_size=size,
        blocks=blocks,
    )


def edit(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """Change a record's file by hand."""
    fields = json.loads(path.read_text(encoding="utf-8"))
    change(fields)
    path.write_text(
        "{\n" + ",\n".join(f"{json.dumps(name)}: {json.dumps(value)}" for name, value in fields.items()) + "\n}\n", encoding="utf-8"
    )


def _add(fields: Any, place: Any, by: float) -> None:
    fields[place] += by


# What somebody does by hand to the file of a network's record, and what is said of it.
EDITS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "a test NLL lowered": (lambda path: edit(path, lambda f: _add(f["test"], "nll", -0.3)), "edited: test.nll is "),
    "FLOPs halved": (lambda path: edit(path, lambda f: f.update(flops=f["flops"] // 2)), "edited: flops is "),
    "a curve's loss moved": (lambda path: edit(path, lambda f: _add(f["curve"][-1], "valid_nll", -0.1)), "edited: valid.nll is "),
    "a curve's step moved": (lambda path: edit(path, lambda f: _add(f["curve"][-1], "step", -1)), "edited: the curve's steps are "),
    "a block changed": (lambda path: edit(path, lambda f: _add(f["test"]["blocks"], 0, 0.1)), "edited: test.nll is "),
    "seconds changed": (lambda path: edit(path, lambda f: _add(f, "seconds", 1.0)), "changed: its sum "),
    "removed": (Path.unlink, "missing: "),
    "added": (lambda path: path.with_name("notes.json").write_text("{}"), "unlisted: "),
}
