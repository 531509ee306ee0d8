"""Context at test time: dynamic evaluation and a neural cache, with their FLOPs. Their numbers are never mixed with static ones."""

import copy
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

import numpy as np
import torch
from torch import Tensor

from tinylm.config import RunSpec
from tinylm.config.fields import Checked
from tinylm.config.scored import eval_context, scored_range, short_window
from tinylm.evaluation.nlls import token_nlls
from tinylm.flops import BACKWARD_PER_FORWARD, forward_flops
from tinylm.models.networks import LanguageModel

QUERIES_PER_BATCH = 256  # rows of similarities that are held at once


@dataclass(frozen=True, kw_only=True)
class DynamicConfig(Checked):
    """Dynamic evaluation: a step of `lr` after each segment of `eval_stride` tokens, and a pull of `decay` back to the trained weights.

    `rms` divides the gradient by its root mean square over training text plus `epsilon` and decays weights that move much more
    strongly (Krause et al. 2018, equations 4 to 6); `sgd` is the plain step.
    """

    rule: Literal["sgd", "rms"] = "rms"
    lr: float = 1e-3
    decay: float = 0.0
    epsilon: float = 1e-5

    def check(self) -> None:
        self.require(self.decay <= 1, f"decay must be at most 1, got {self.decay}")
        self.require(self.epsilon > 0, "epsilon must be above zero")


@dataclass(frozen=True, kw_only=True)
class NeuralCacheConfig(Checked):
    """A neural cache of the last `size` tokens: likeness of states, sharpened by `theta`, with the weight `share` (Grave et al. 2017)."""

    size: int = 1000
    theta: float = 0.1
    share: float = 0.1

    def check(self) -> None:
        self.require(self.size > 0, "size must be at least 1")
        self.require(self.share < 1, "share must be below 1: a token that the cache lacks would have no probability")


@dataclass(frozen=True)
class Adapted:
    """NLL in nats, float32 (n,), of every scored token in order, and the FLOPs that all of it took."""

    nll_N: np.ndarray
    flops: int


@dataclass(frozen=True)
class States:
    """What a static pass leaves behind for a cache: states (n, D), targets (n,) and NLLs (n,) of the scored tokens; its FLOPs."""

    hidden_ND: Tensor
    target_N: Tensor
    nll_N: Tensor
    flops: int


Settings = TypeVar("Settings")


def choose(score: Callable[[Settings], Adapted], candidates: Sequence[Settings]) -> tuple[Settings, int]:
    """The candidate with the lowest mean NLL, the first of equals, and the FLOPs of the search; `score` must score the valid split."""
    tried = [score(settings) for settings in candidates]
    means = [float(run.nll_N.mean(dtype=np.float64)) for run in tried]
    return candidates[int(np.nanargmin(means))], sum(run.flops for run in tried)


def static(model: LanguageModel, tokens_N: Tensor, spec: RunSpec) -> Adapted:
    """The spec's range scored by weights that stay as they are."""
    segments = _segments(scored_range(spec, len(tokens_N)), spec)
    flops = sum(n_windows * _window_flops(model, spec, n_scored) for n_scored, n_windows in Counter(n for _, n in segments).items())
    return Adapted(token_nlls(model, tokens_N, spec), flops)


def mean_squares(model: LanguageModel, tokens_N: Tensor, spec: RunSpec, n_segments: int) -> tuple[list[Tensor], int]:
    """Mean squared gradient of each parameter over the first `n_segments` segments of training text, and the FLOPs."""
    model = copy.deepcopy(model).eval()
    sums = [torch.zeros_like(p) for p in model.parameters()]
    flops = 0
    ends = list(_segments(range(eval_context(spec), len(tokens_N)), spec))[:n_segments]
    for end, n_scored in ends:
        model.zero_grad()
        _segment_nlls(model, tokens_N, spec, end, n_scored).mean().backward()
        for total, p in zip(sums, model.parameters(), strict=True):
            total += 0 if p.grad is None else p.grad.square()
        flops += (1 + BACKWARD_PER_FORWARD) * _window_flops(model, spec, n_scored)
    return [total / max(1, len(ends)) for total in sums], flops


def dynamic(model: LanguageModel, tokens_N: Tensor, spec: RunSpec, settings: DynamicConfig, squares: Sequence[Tensor] = ()) -> Adapted:
    """Score the spec's range in segments of `eval_stride` tokens and take a gradient step on each after it was scored.

    The windows are those of static evaluation, so that a rate of zero gives its numbers; the model itself is left as it was. `squares` are
    `mean_squares`, which the rule `rms` needs. Each step costs the window's forward and backward pass; the last segment takes none.
    """
    settings.require(settings.rule == "sgd" or bool(squares), "rule='rms' needs the mean squared gradients; give mean_squares(...)")
    adapted = copy.deepcopy(model).eval()
    trained = [p.detach().clone() for p in adapted.parameters()]
    scales = _scales(trained, settings, squares)
    scored, nlls, flops = scored_range(spec, len(tokens_N)), [], 0
    for end, n_scored in _segments(scored, spec):
        nll_S = _segment_nlls(adapted, tokens_N, spec, end, n_scored)
        nlls.append(nll_S.detach().cpu())
        flops += _window_flops(adapted, spec, n_scored)
        if end < scored.stop:
            adapted.zero_grad()
            nll_S.mean().backward()
            flops += BACKWARD_PER_FORWARD * _window_flops(adapted, spec, n_scored)
            _step(adapted, trained, scales, settings)
    return Adapted(torch.cat(nlls).numpy(), flops)


def _scales(trained: Sequence[Tensor], settings: DynamicConfig, squares: Sequence[Tensor]) -> list[tuple[Tensor, Tensor]]:
    """For each parameter what its gradient is multiplied with, and its share of the decay (n elements each), at most 1 / decay."""
    if settings.rule == "sgd":
        return [(torch.ones_like(p), torch.ones_like(p)) for p in trained]
    roots = [square.sqrt() for square in squares]
    mean = sum(root.sum() for root in roots) / sum(root.numel() for root in roots)
    most = 1 / settings.decay if settings.decay else float("inf")
    return [(1 / (root + settings.epsilon), (root / mean).clamp(max=most)) for root in roots]


@torch.no_grad()
def _step(model: LanguageModel, trained: Sequence[Tensor], scales: Sequence[tuple[Tensor, Tensor]], settings: DynamicConfig) -> None:
    for p, start, (gain, pull) in zip(model.parameters(), trained, scales, strict=True):
        move = settings.decay * pull * (start - p)
        if p.grad is not None:
            move -= settings.lr * gain * p.grad
        p += move


@torch.inference_mode()
def states(model: LanguageModel, tokens_N: Tensor, spec: RunSpec) -> States:
    """One static pass over the spec's range that keeps the states a cache compares; any number of caches can be tried on it."""
    model = copy.deepcopy(model).eval()
    scored = scored_range(spec, len(tokens_N))
    hidden, nlls, flops = [], [], 0
    for end, n_scored in _segments(scored, spec):
        window = _window(tokens_N, spec, end)[None]
        states_BSD, nlls_BS = model.states_and_nlls(window[:, :-1], window[:, -n_scored:])
        hidden.append(states_BSD[0])
        nlls.append(nlls_BS[0])
        flops += _window_flops(model, spec, n_scored)
    return States(torch.cat(hidden), tokens_N[scored.start : scored.stop].long(), torch.cat(nlls), flops)


@torch.inference_mode()
def neural_cache(found: States, settings: NeuralCacheConfig) -> Adapted:
    """The static probabilities mixed with those of a cache of the scored tokens before each; the first one has no cache.

    FLOPs: the static pass and the products of each state with those in its cache; mixing is ignored like any softmax.
    """
    n, width = found.hidden_ND.shape
    nlls = [found.nll_N[:1]]
    for first in range(1, n, QUERIES_PER_BATCH):
        rows = torch.arange(first, min(first + QUERIES_PER_BATCH, n), device=found.nll_N.device)
        low = max(0, first - settings.size)
        columns = torch.arange(low, int(rows[-1]), device=rows.device)
        age = rows[:, None] - columns
        likeness = settings.theta * found.hidden_ND[rows] @ found.hidden_ND[columns].T
        weights = likeness.float().masked_fill((age < 1) | (age > settings.size), -torch.inf).softmax(1)
        p_cache = (weights * (found.target_N[columns] == found.target_N[rows, None])).sum(1)
        nlls.append(-torch.log((1 - settings.share) * torch.exp(-found.nll_N[rows]) + settings.share * p_cache))
    pairs = sum(min(i, settings.size) for i in range(n))
    return Adapted(torch.cat(nlls).cpu().numpy(), found.flops + 2 * width * pairs)


def _segments(scored: range, spec: RunSpec) -> Iterator[tuple[int, int]]:
    """The end of each segment and its number of tokens: a short first window's, then the stride's; the last may be shorter."""
    short, stride = short_window(scored, eval_context(spec)), spec.train.eval_stride
    if short:
        yield short.stop, len(short)
    for start in range(short.stop, scored.stop, stride):
        end = min(start + stride, scored.stop)
        yield end, end - start


def _window(tokens_N: Tensor, spec: RunSpec, end: int) -> Tensor:
    return tokens_N[max(0, end - eval_context(spec) - 1) : end].long()


def _segment_nlls(model: LanguageModel, tokens_N: Tensor, spec: RunSpec, end: int, n_scored: int) -> Tensor:
    """NLLs (n_scored,) of the tokens before `end`, each window read as static evaluation reads it."""
    window = _window(tokens_N, spec, end)[None]
    return model.nlls(window[:, :-1], window[:, -n_scored:])[0]


def _window_flops(model: LanguageModel, spec: RunSpec, n_scored: int) -> int:
    """Forward FLOPs of one window that scores its last `n_scored` positions; one short of its context counts as whole."""
    shape = replace(spec.model, context_length=eval_context(spec))
    return forward_flops(shape, model.vocab_size, n_scored, n_scored)
