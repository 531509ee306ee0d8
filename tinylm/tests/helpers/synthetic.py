"""Results with chosen test NLLs, blocks and costs, for the tests of statistics, tables and figures."""

from dataclasses import replace

import numpy as np

from tinylm import study
from tinylm.analysis.summaries import Result
from tinylm.config import NgramConfig, RunSpec, TrainConfig, TransformerConfig
from tinylm.ledger import RunRecord, Score
from tinylm.study import Planned


def score(split, blocks, start=8):
    """A score of whole blocks of 250 tokens."""
    return Score(split, float(np.mean(blocks)), 0.01, 250 * len(blocks), start, 1, 8, 250, list(blocks))


def record(test=2.0, seed=0, model=None, blocks=None, flops=1_000, curve=2, start=8, corpus="grammar-char", **train):
    """A finished record with the given test NLL or blocks; valid is 0.1 lower."""
    model = model or TransformerConfig(context_length=8, d_model=8, d_ff=8)
    blocks = [test] * 4 if blocks is None else blocks
    spec = RunSpec(corpus=corpus, model=model, train=TrainConfig(**({"steps": 10} | train)), seed=seed)
    nll = float(np.mean(blocks))
    points = [
        {"step": i, "tokens_seen": i, "flops": flops * i // curve, "train_nll": nll + 1 / i, "valid_nll": nll + 0.5 / i}
        for i in range(1, curve + 1)
    ]
    is_ngram = isinstance(model, NgramConfig)
    return RunRecord(
        spec=spec,
        version="last-1 adam-1",
        status="done",
        vocab_size=35,
        n_params=100,
        steps=10,
        windows=640,
        tokens_seen=640,
        flops=0 if is_ngram else flops,
        flops_textbook=0 if is_ngram else 2 * flops,
        flops_2nd=0 if is_ngram else 3 * flops,
        flops_6nd=0 if is_ngram else 9 * flops,
        curve=[] if is_ngram else points,
        best_step=10,
        valid=score("valid", [b - 0.1 for b in blocks], start),
        test=score("test", blocks, start),
        seconds=1.0,
        corpus_sha256="0" * 64,
        environment={},
    )


def planned(name, spec, **fields):
    """A run of a toy section; its architecture is called as it is, unless another is given."""
    defaults = {"section": "toy", "role": "counts" if spec.is_counts else "baseline", "architecture": name}
    return Planned(**defaults | fields, name=name, spec=spec)


def result(name, record, **fields):
    """A record as the result of a run of a toy section."""
    return Result(planned(name, record.spec, **fields), record)


def results(**named):
    """Results by name: each a list of test NLLs, one a seed."""
    out = []
    for i, (name, values) in enumerate(named.items()):
        out += [result(name, record(value, seed=s, flops=1_000 * 10**i)) for s, value in enumerate(values)]
    return out


def seeds(architecture, flops, nlls, role="frontier", **fields):
    """Results of one row, a test NLL for each seed."""
    name = f"run {len(architecture)} of {flops}"  # of no use to a reader of results
    fields = {"role": role, "architecture": architecture} | fields
    return [result(name, _bounded(record(nll, seed=s, flops=flops), flops), **fields) for s, nll in enumerate(nlls)]


def _bounded(record, flops):
    """The record of a run bounded by FLOPs in place of steps."""
    spec = replace(record.spec, train=replace(record.spec.train, steps=0, flops=flops))
    return replace(record, spec=spec)


def rungs(named):
    """Results of rungs of the ladder, a list of test NLLs each."""
    return [found for rung, nlls in named.items() for found in seeds("Transformer", 10, nlls, role="rung", rung=rung)]


def _row(work, against, unit, ours, theirs, ratio, aim):
    return {"work": work, "against": against, "unit": unit, "ours": ours, "theirs": theirs, "ratio": ratio, "aim": aim}


TIMINGS = {  # what `bench` records, in small
    "machine": {"device": "some processor", "threads": "2", "python": "3.11.7", "torch": "2.13.0", "date": "2026-01-02"},
    "rows": [
        _row("a step", "textbook", "ms", 1.5, 3.0, 2.0, 1.5),
        _row("dense", "a product", "GFLOP/s", 250.41, 500.82, 0.5, 0.65),
        _row("scoring", "one by one", "tokens/s", 126_900.4, 885.8, 143.26, 0.0),
    ],
    "peaks": {"fp32": 400.0, "bf16": 800.0},
    "points": [
        {"size": size, "value": value, "precision": precision, "ms": 1.0, "gflops": gflops}
        for precision, rates in (("fp32", (100.0, 300.0, 40.0, 20.0)), ("bf16", (100.0, 200.0, 50.0, 60.0)))
        for (size, value), gflops in zip((("width", 32), ("width", 64), ("depth", 1), ("depth", 2)), rates, strict=True)
    ],
    "shares": {"fp32": {"matrix products": 0.6, "masks": 0.3, "sums": 0.1}, "bf16": {"matrix products": 0.5, "masks": 0.4, "sums": 0.1}},
}


def reproduced(*shifts):
    """Baselines of three seeds each, which lie around the study's values and a shift."""
    nlls = {"Linear": 3.0549, "MLP": 2.3222, "Self-Attention": 2.1335, "Transformer": 2.0058}
    runs = [run for run in study.section_plan("architectures", "full") if run.name in nlls and run.spec.seed < 3]
    shifted = dict(zip(nlls, shifts, strict=True))
    return [Result(run, replace(record(nlls[run.name] + shifted[run.name] + 0.01 * (run.spec.seed - 1)), spec=run.spec)) for run in runs]
