"""Sampling from trained weights: a model continues a full window of its corpus, one token at a time."""

from dataclasses import dataclass
from pathlib import Path

import torch

from tinylm import checkpoint
from tinylm.config import ConfigError, RunSpec
from tinylm.data import Corpus
from tinylm.models import LanguageModel, build


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


@torch.inference_mode()
def continuation(model: LanguageModel, corpus: Corpus, context_length: int, prompt: Prompt) -> str:
    """The text that follows `context_length` tokens of the valid split; ConfigError for a temperature of 0 or a window off the end.

    The window slides, so that every token is predicted from as many as in training: with the loss at the last position only,
    a model has learnt nothing about shorter ones.
    """
    if prompt.temperature <= 0:
        raise ConfigError(f"temperature must be above zero, got {prompt.temperature}")
    ids = torch.from_numpy(corpus.valid[prompt.start : prompt.start + context_length].astype("int64"))
    if len(ids) < context_length:
        raise ConfigError(f"no {context_length} tokens of {corpus.info.name} follow token {prompt.start} of valid; lower the start")
    generator = torch.Generator().manual_seed(prompt.seed)
    for _ in range(prompt.n_tokens):
        logits_V = model(ids[None, -context_length:], 1)[0, 0] / prompt.temperature
        ids = torch.cat([ids, torch.multinomial(logits_V.softmax(0), 1, generator=generator)])
    return corpus.decode(ids[context_length:].numpy())
