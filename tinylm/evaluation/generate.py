"""Sampling from a trained model: one token after another, from a cache up to the context length and a sliding window beyond it."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from tinylm.config import ConfigError, RunSpec
from tinylm.config.fields import Checked
from tinylm.data import EOS, Corpus
from tinylm.models import checkpoint
from tinylm.models.networks import LanguageModel, Transformer, build
from tinylm.models.networks.key_value_cache import with_cache
from tinylm.models.networks.threads import threads

Predictor = Callable[[Tensor], Tensor]


@dataclass(frozen=True, kw_only=True)
class Sampling(Checked):
    """How tokens are drawn: from softmax(logits / temperature) of the `top_k` likeliest (0: of all); temperature 0 takes the likeliest.

    Of these only the likeliest remain whose probabilities add up to `top_p` (Holtzman et al. 2020), the one that reaches it included.
    """

    temperature: float = 0.8
    top_k: int = 0
    seed: int = 0
    top_p: float = 1.0

    def check(self) -> None:
        self.require(0 < self.top_p <= 1, f"top_p must be above 0 and at most 1, got {self.top_p}")


@dataclass(frozen=True)
class Prompt:
    """Where in the valid split the window starts that is continued, how many tokens are drawn, how boldly, and from which seed."""

    start: int
    n_tokens: int
    temperature: float
    seed: int = 0


def load_model(spec: RunSpec, corpus: Corpus, weights: Path) -> LanguageModel:
    """The spec's model with the weights of a file, ready to predict."""
    model = build(spec.model, corpus.info.vocab_size)
    checkpoint.load_weights(model, weights)
    return model.eval()


def lead_length(spec: RunSpec) -> int:
    """The fewest tokens that a model can be asked about: a context where the last position alone was trained, else one."""
    return spec.model.context_length if spec.train.loss_at == "last" else 1


def lead_ids(corpus: Corpus, n: int) -> np.ndarray:
    """The `n` tokens of valid that end at the first line end after them, where there is one; else its first `n`."""
    ends = [corpus.vocabulary.index[token] for token in ("\n", EOS) if token in corpus.vocabulary.index]
    found = np.flatnonzero(np.isin(corpus.valid[n - 1 :], ends)) if ends else np.array([])
    start = int(found[0]) if len(found) else 0
    return np.asarray(corpus.valid[start : start + n])


def filled(spec: RunSpec, prompt_ids: np.ndarray, lead_ids: np.ndarray) -> np.ndarray:
    """The ids to begin with: a prompt shorter than the context stands after the end of `lead_ids`, unless every position was trained.

    A model with the loss at the last position has learnt nothing about shorter windows: measured on the study's Transformer, a few
    characters alone cost a nat more than the same characters after its true text, and after any other text of its corpus almost nothing.
    """
    missing = lead_length(spec) - len(prompt_ids)
    return np.concatenate([lead_ids[len(lead_ids) - missing :], prompt_ids]) if missing > 0 else prompt_ids


def windowed(model: LanguageModel, context_length: int) -> Predictor:
    """Logits (V,) after ids (n,), from the last `context_length` of them, computed anew each time."""
    return lambda ids: model(ids[None, -context_length:], 1)[0, 0]


def cached(model: Transformer, context_length: int) -> Predictor:
    """As `windowed`, for ids that grow from call to call: up to the context length only what is new is computed.

    Beyond it every token's position moves, and with it all that a cache holds, so the window is computed anew.
    """
    reader, window, n_read = with_cache(model), windowed(model, context_length), 0

    def predict(ids: Tensor) -> Tensor:
        nonlocal n_read
        if len(ids) > context_length:
            return window(ids)
        new, n_read = ids[None, n_read:], len(ids)
        return reader(new, 1)[0, 0]

    return predict


def predictor(model: LanguageModel, context_length: int) -> Predictor:
    """The fastest way to predict the tokens of a growing text, the same for every model as `windowed`."""
    return cached(model, context_length) if isinstance(model, Transformer) else windowed(model, context_length)


@torch.inference_mode()
def stream(predict: Predictor, ids: np.ndarray, sampling: Sampling) -> Iterator[int]:
    """Tokens that continue ids (n,), without end; the same seed gives the same tokens."""
    text = torch.from_numpy(np.asarray(ids).astype("int64"))
    generator = torch.Generator().manual_seed(sampling.seed)
    while True:
        with threads(1):  # not longer: between two tokens the caller's code runs
            token = _draw(predict(text), sampling, generator)
        text = torch.cat([text, token])
        yield int(token)


def _draw(logits_V: Tensor, sampling: Sampling, generator: torch.Generator) -> Tensor:
    if sampling.temperature == 0:
        return logits_V.argmax(keepdim=True)
    scaled_V = logits_V / sampling.temperature
    if not scaled_V.max().isfinite():  # a temperature near zero; in double precision, and with the likeliest token at zero, it has a share
        scaled_V = (logits_V.double() - logits_V.max()) / sampling.temperature
    if 0 < sampling.top_k < len(scaled_V):
        scaled_V = scaled_V.masked_fill(scaled_V < scaled_V.topk(sampling.top_k).values[-1], float("-inf"))
    return torch.multinomial(_nucleus(scaled_V.softmax(0), sampling.top_p), 1, generator=generator)


def _nucleus(p_V: Tensor, top_p: float) -> Tensor:
    """The probabilities of the likeliest tokens that reach `top_p` together, zero for the others."""
    if top_p == 1:
        return p_V
    sorted_V, order_V = p_V.sort(descending=True, stable=True)
    before_V = sorted_V.cumsum(0) - sorted_V
    return p_V.masked_fill(torch.zeros_like(p_V, dtype=torch.bool).scatter(0, order_V, before_V >= top_p), 0.0)


def continuation(model: LanguageModel, corpus: Corpus, context_length: int, prompt: Prompt) -> str:
    """The text that follows `context_length` tokens of the valid split; ConfigError for a window off the end.

    The window slides, so that every token is predicted from as many as in training: with the loss at the last position only,
    a model has learnt nothing about shorter ones.
    """
    sampling = Sampling(temperature=prompt.temperature, seed=prompt.seed)
    ids = corpus.valid[prompt.start : prompt.start + context_length]
    if len(ids) < context_length:
        raise ConfigError(f"no {context_length} tokens of {corpus.info.name} follow token {prompt.start} of valid; lower the start")
    tokens = itertools.islice(stream(windowed(model, context_length), ids, sampling), prompt.n_tokens)
    return corpus.decode(np.array(list(tokens), dtype=np.int64))
