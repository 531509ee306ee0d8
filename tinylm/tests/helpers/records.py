"""Run records as if a tiny run on the generated corpus had made them."""

from typing import Any

from tinylm import data
from tinylm.config import MLPConfig, RunSpec, TrainConfig
from tinylm.flops import n_params, run_cost
from tinylm.ledger import RunRecord, Score, versions

MODEL = MLPConfig(context_length=4, d_model=4, d_hidden=8, n_hidden=1)


def made(seed: int = 0, spec: RunSpec | None = None, **fields: Any) -> RunRecord:
    """The record of a spec, by default of an MLP's three steps on grammar-char; `fields` replace its own."""
    spec = spec or RunSpec(corpus="grammar-char", model=MODEL, train=TrainConfig(steps=3, eval_tokens=20), seed=seed)
    info = data.info(spec.corpus)
    score = Score(split="test", nll=3.25, se=0.05, n_tokens=20, start=4, stride=1, min_context=4, block_size=10, blocks=[3.25, 3.25])
    point = {"step": 3, "tokens_seen": 192, "flops": 1000, "train_nll": 3.5, "valid_nll": 3.25}
    return RunRecord(
        **{
            "spec": spec,
            "version": versions.current(spec),
            "status": "done",
            "vocab_size": info.vocab_size,
            "n_params": n_params(spec.model, info.vocab_size),
            **vars(run_cost(spec, info)),
            "curve": [point],
            "best_step": 3,
            "valid": score,
            "test": score,
            "seconds": 1.0,
            "corpus_sha256": info.sha256,
            "environment": {"device": "cpu"},
        }
        | fields
    )
