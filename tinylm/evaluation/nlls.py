"""NLL of every scored token of a split, by windows that move by the spec's stride."""

import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from tinylm.config import RunSpec
from tinylm.config.scored import eval_context, scored_range, short_window
from tinylm.models.networks import LanguageModel, build

POSITIONS_PER_BATCH = {
    "cpu": 16_384,
    "mps": 16_384,
    "cuda": 262_144,
}  # fits the cache of a CPU core, keeps a GPU busy
LOGITS_PER_BATCH = {"cpu": 2**23, "mps": 2**23, "cuda": 2**28}  # float32: what a large vocabulary allows
WAIT = 3.0  # seconds of scoring before a bar is drawn


@torch.inference_mode()
def token_nlls(
    model: LanguageModel, tokens_N: Tensor, spec: RunSpec, bar: bool = False, evidence_NE: Tensor | None = None, n_at_once: int = 1
) -> np.ndarray:
    """NLL in nats, float32, of each token of the spec's scored range, each scored once; restores the model's mode.

    Each window scores its last `eval_stride` positions, so every scored token sees at least eval_context - eval_stride + 1
    tokens, or all before it; the last window ends at the range's end and scores only what is left.
    `bar` draws a bar with the time left, once scoring has taken some seconds. `evidence_NE` is what counts say of the tokens, for a
    network that reads it. On a CPU `n_at_once` batches are scored side by side, to the same bits, by a model that allows it.
    """
    model = _longer(model, spec, eval_context(spec))
    n_at_once = n_at_once if model.is_stateless and tokens_N.device.type == "cpu" else 1
    context, stride, scored = eval_context(spec), spec.train.eval_stride, scored_range(spec, len(tokens_N))
    short = short_window(scored, context)
    was_training = model.training
    model.eval()
    score = functools.partial(_window_nlls, model, tokens_N, evidence_NE)
    parts = [score(torch.tensor([short.stop]), short.stop - 1, len(short))[0]] if short else []
    parts += _full_windows(model, tokens_N, score, range(short.stop, scored.stop), context, stride, bar, n_at_once)
    model.train(was_training)
    return torch.cat(parts).numpy()


def _longer(model: LanguageModel, spec: RunSpec, context: int) -> LanguageModel:
    """The model, with the same weights, for windows that are longer than those of training, where these are."""
    if context <= spec.model.context_length:
        return model
    with torch.random.fork_rng(devices=[]):  # training goes on as if nothing had been made
        longer = build(replace(spec.model, context_length=context), model.vocab_size)
    longer.load_state_dict(model.state_dict())
    return longer.to(next(model.parameters()).device)


def _full_windows(
    model: LanguageModel,
    tokens_N: Tensor,
    score: Callable[..., Tensor],
    scored: range,
    context: int,
    stride: int,
    bar: bool,
    n_at_once: int,
) -> list[Tensor]:
    """NLLs of the scored tokens, in order, of which the first has `context` tokens before it."""
    if not scored:
        return []
    ends = torch.arange(scored.start + stride, scored.stop + stride, stride).clamp(max=scored.stop)
    device = tokens_N.device.type
    n_batch = max(1, min(POSITIONS_PER_BATCH[device] // context, LOGITS_PER_BATCH[device] // (stride * model.vocab_size)))
    nll_WS = torch.empty(len(ends), stride)  # filled in place: small results kept between large ones would pin freed memory

    @torch.inference_mode()  # which a thread has for itself
    def fill(rows_BS: Tensor, batch: Tensor) -> None:
        rows_BS.copy_(score(batch, context, stride))

    batches = nll_WS.split(n_batch), ends.split(n_batch)
    with ThreadPoolExecutor(n_at_once) as pool:
        done = pool.map(fill, *batches) if n_at_once > 1 else map(fill, *batches)
        for _ in tqdm(done, desc="scoring", total=len(batches[0]), unit="batch", delay=WAIT, leave=False, disable=not bar):
            pass
    n_last = len(scored) - stride * (len(ends) - 1)
    return [nll_WS[:-1].flatten(), nll_WS[-1, stride - n_last :]]


def _window_nlls(model: LanguageModel, tokens_N: Tensor, evidence_NE: Tensor | None, ends_B: Tensor, context: int, stride: int) -> Tensor:
    """NLLs (B, stride) of the last tokens before each end, on the CPU."""
    rows = (ends_B[:, None] - context - 1 + torch.arange(context + 1)).to(tokens_N.device)
    window = tokens_N[rows].long()
    said = () if evidence_NE is None else (evidence_NE[rows[:, -stride:]],)
    return model.nlls(window[:, :-1], window[:, -stride:], *said).cpu()
