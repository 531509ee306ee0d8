"""How long the study's runs take: a step of each network and the fit of each kind of counts, on a machine that does nothing else."""

from collections.abc import Callable, Iterable
from functools import partial

import torch

from tinylm import data
from tinylm.config import GatedCountsConfig, RunSpec
from tinylm.evaluation import counts, gated_counts
from tinylm.flops import optimizer_flops, window_flops
from tinylm.models.networks import build
from tinylm.study import Planned, distinct
from tinylm.training import cpu
from tinylm.training.bench.timing import alone, per_call
from tinylm.training.step import make_update

N_TOKENS = 100_000  # of the random text that steps read


def step(spec: RunSpec, device: str) -> Callable[[], object]:
    """A training step of a run on one batch of random text; the same work whatever the text says."""
    vocab_size, length = data.vocab_size(spec.corpus), spec.model.context_length
    torch.manual_seed(0)
    network = build(spec.model, vocab_size).to(device).train()
    text = torch.randint(vocab_size, (N_TOKENS,), dtype=torch.int32).to(device)
    starts = torch.randint(N_TOKENS - length, (spec.train.batch_size,)).to(device)
    gated = spec.model if isinstance(spec.model, GatedCountsConfig) else None
    said = None if gated is None else torch.rand(N_TOKENS, gated.n_predictions + gated.n_seen, device=device)
    return partial(make_update(spec, network, text, 10**6, said), starts, 0)


def step_flops(spec: RunSpec, vocab_size: int) -> int:
    """Executed FLOPs of such a step."""
    return spec.train.batch_size * window_flops(spec, vocab_size)[0] + optimizer_flops(spec)


def seconds(run: Planned, device: str) -> float:
    """Seconds of a run without its validations: its steps at their median time, or the fit of counts with all weights.

    A step has all threads of a CPU or one, whichever is faster. Gated counts take both. What is counted must be at hand.
    """
    if run.spec.is_counts:
        corpus = data.load(run.spec.corpus)
        return per_call(lambda: counts.fit(run.spec, corpus), "cpu")
    update = step(run.spec, device)
    training = run.cost.steps * min(per_call(call, device) for call in (update, *([alone(update)] if device == "cpu" else [])))
    if not isinstance(run.spec.model, GatedCountsConfig):
        return training
    corpus = data.load(run.spec.corpus)
    return training + per_call(lambda: gated_counts.of_splits(run.spec, corpus, ["train"]), "cpu")


def all_seconds(planned: Iterable[Planned], device: str, said: Callable[[Planned, float], None]) -> dict[str, float]:
    """`seconds` by the key of seed 0, of each row and of the counts whose text is at hand; each is told as it is measured."""
    cpu.prepare()
    found: dict[str, float] = {}
    for run in distinct(run.row for run in planned):
        if (run.spec.is_counts or isinstance(run.spec.model, GatedCountsConfig)) and not data.available(run.spec.corpus):
            continue
        found[run.spec.key] = seconds(run, device)
        said(run, found[run.spec.key])
    return found
