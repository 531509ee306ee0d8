"""Where the heads of a trained Transformer look while it reads a text."""

import html
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from tinylm.config import RunSpec, shown
from tinylm.evaluation import arguments
from tinylm.evaluation.colouring import HUE, STRENGTHS
from tinylm.models.networks import Transformer
from tinylm.models.networks.attention_maps import attention_maps

MOST_TOKENS = 48  # whose names are still legible
EARLIER = "…"


@dataclass(frozen=True, kw_only=True, repr=False)
class AttentionMaps:
    """What the heads of a model took while it read a text: `maps` holds weights (heads, tokens, sources) for each layer.

    `tokens` are the last ones of the `n_given` of the text; `sources` are these, after one more that stands for all that was read
    before them where there was any, `n_lead` tokens of the model's corpus among it. `is_last_only` says that the model was trained on the
    last position only.
    """

    n_given: int
    n_lead: int
    tokens: list[str]
    sources: list[str]
    maps: list[np.ndarray]
    is_last_only: bool

    def weights(self, layer: int = 1, head: int = 1) -> pd.DataFrame:
        """The weights of one layer and head, counted from 1: a row for each token that reads, a column for each that it takes from."""
        rows = pd.Index(self.tokens, name="token that reads")
        return pd.DataFrame(self._map(layer, head), rows, pd.Index(self.sources, name="takes from"))

    def in_words(self, layer: int = 1, head: int = 1) -> str:
        """What the map of a layer and head, counted from 1, shows."""
        last = self._map(layer, head)[-1]
        most = int(last.argmax())
        text = f"Each row sums to one. The last token, {self.tokens[-1]}, takes most from {self.sources[most]} ({last[most]:.2f})."
        if self.n_given > len(self.tokens):
            text = f"Of {self.n_given} tokens the last {len(self.tokens)} are shown. {text}"
        if len(self.sources) > len(self.tokens):
            lead = f", with {self.n_lead} tokens of its corpus that stand before a text too short for it" if self.n_lead else ""
            text += f" The column {EARLIER} is all that the model read before these{lead}."
        if self.is_last_only and layer == len(self.maps):
            text += " This model was trained on its last position only: in its last layer no other row than the last was ever used."
        return text

    def _map(self, layer: int, head: int) -> np.ndarray:
        """The weights (tokens, sources) of a layer and head, counted from 1; ModelError for one that there is not."""
        heads = self.maps[arguments.whole("layer", layer, 1, len(self.maps)) - 1]
        return heads[arguments.whole("head", head, 1, len(heads)) - 1]

    def __repr__(self) -> str:
        layers, heads, tokens = len(self.maps), len(self.maps[0]), len(self.tokens)
        of = f"the last {tokens} of {self.n_given} tokens" if self.n_given > tokens else shown.amount(tokens, "token")
        return f"AttentionMaps({shown.amount(layers, 'layer')} of {shown.amount(heads, 'head')}, {of})"

    def _repr_html_(self) -> str:
        lines = [
            shown.line(f"{layer}.{head}", self._coloured(weights[-1]))
            for layer, heads in enumerate(self.maps, 1)
            for head, weights in enumerate(heads, 1)
        ]
        title = f"What the last token, {self.tokens[-1]}, takes from each token, by layer.head"
        rows = f'<table style="{shown.TABLE}; font-family: var(--jp-code-font-family, monospace)">{"".join(lines)}</table>'
        return shown.card(title, {}, rows, '<p style="margin: 0">The stronger the colour, the larger the weight; the pointer shows it.</p>')

    def _coloured(self, weights: np.ndarray) -> str:
        # The square root spreads small weights, which are most, over more of the colours.
        colours = (f"background: rgba({', '.join(map(str, HUE))}, {STRENGTHS[-1] * weight**0.5:.2f})" for weight in weights)
        return "".join(
            f'<span style="{colour}" title="{weight:.3f}">{html.escape(source)}</span>'
            for source, weight, colour in zip(self.sources, weights, colours, strict=True)
        )


def read(network: Transformer, window: np.ndarray, names: Sequence[str], n_given: int, spec: RunSpec) -> AttentionMaps:
    """A Transformer's reading of a window of ids (T,) called `names`, of which the last `n_given` are the text."""
    n_shown = min(n_given, len(window), MOST_TOKENS)
    maps = attention_maps(network, torch.from_numpy(window.astype(np.int64))[None])
    tokens = [shown.signs(name) for name in names[-n_shown:]]
    sources = [EARLIER, *tokens] if len(window) > n_shown else tokens
    kept = [last_tokens(weights[0].numpy(), n_shown) for weights in maps]
    n_lead, is_last_only = max(0, len(window) - n_given), spec.train.loss_at == "last"
    return AttentionMaps(n_given=n_given, n_lead=n_lead, tokens=tokens, sources=sources, maps=kept, is_last_only=is_last_only)


def last_tokens(weights: np.ndarray, n: int) -> np.ndarray:
    """The rows and columns of the last `n` tokens of weights (H, T, T), what the earlier tokens have together as one column before them."""
    rows = weights[:, -n:]
    earlier = rows[..., :-n].sum(-1, keepdims=True)
    return np.concatenate([earlier, rows[..., -n:]], -1) if weights.shape[-1] > n else rows
