"""Where one head of a trained Transformer looks while it reads a text."""

import html
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets
import numpy as np

from tinylm.config import TransformerConfig
from tinylm.explore.checkpoints import NONE_HERE, Checkpoints, ExplorerError
from tinylm.explore.panel import WIDE, Panel, button, control, picture, unobserved
from tinylm.report import plots

if TYPE_CHECKING:
    from tinylm.evaluation.weights import Trained

MOST_TOKENS = 48  # whose names are still legible
EARLIER = "…"
VISIBLE = {" ": "␣", "\n": "↵"}


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What the heads of a model took while it read a text: `maps` holds weights (heads, tokens, sources) for each layer.

    `tokens` are the last ones of the `n_given` of the text; `sources` are these, after one more that stands for all that was read
    before them where there was any. `is_last_only` says that the model was trained on the last position only.
    """

    n_given: int

    tokens: list[str]
    sources: list[str]
    maps: list[np.ndarray]
    is_last_only: bool


class Attention(Panel):
    """A Transformer, a text, and the attention weights of one layer and head."""

    def __init__(self, text: str = "") -> None:
        self._checkpoints = Checkpoints(accepts=lambda model: isinstance(model, TransformerConfig))
        self.model = widgets.Dropdown(description="model", **WIDE)
        self.text = widgets.Textarea(value=text, description="text", rows=2, **WIDE)
        self.go = button("Read the text", button_style="primary")
        self.again = button("Look for models again")
        self.layer, self.head = (control(widgets.Dropdown, name, "10em", disabled=True) for name in ("layer", "head"))
        self.caption, self.picture = widgets.HTML(), widgets.HTML()
        super().__init__([self.model, self.text, self.go, self.again, self.layer, self.head], [self.caption, self.picture])
        self.go.on_click(self._read)
        self.again.on_click(self._scan)
        for widget in (self.layer, self.head):
            widget.observe(self._draw, "value")
        self._scan()

    def _scan(self, button: Any = None) -> None:
        """Offer the models that are here now."""
        found = self._checkpoints.scan()
        self.model.options = found.items()
        self.model.index = 0 if found else None
        self.tell("" if found else NONE_HERE)

    def _read(self, button: Any = None) -> None:
        """Compute the maps of every layer and head, and show one."""
        self.picture.value = self.caption.value = ""
        self.layer.disabled = self.head.disabled = True
        with self.mistakes_told():
            if self.model.value is None:
                raise ExplorerError(NONE_HERE)
            self._label, self._reading = self.model.label, read(self._checkpoints.open(self.model.value), self.text.value)
            for widget, n in ((self.layer, len(self._reading.maps)), (self.head, len(self._reading.maps[0]))):
                with unobserved(widget, self._draw):
                    widget.options, widget.index, widget.disabled = range(1, n + 1), 0, False
            self._draw()

    def _draw(self, change: Any = None) -> None:
        """Show the chosen layer and head."""
        reading, layer, head = self._reading, self.layer.value - 1, self.head.value - 1
        fig, _ = plots.attention_map(reading.maps[layer][head], reading.tokens, reading.sources)
        title = f"Layer {layer + 1} of {len(reading.maps)}, head {head + 1} of {len(reading.maps[0])}"
        self.caption.value = f"<p><b>{title}</b> of {html.escape(self._label)}. {html.escape(in_words(reading, layer, head))}</p>"
        self.picture.value = picture(fig, f"{title}: attention weights among the tokens {' '.join(reading.tokens)}")


def read(trained: "Trained", text: str) -> Reading:
    """A Transformer's reading of the last tokens of a text, before which it reads what `generate` puts before a short prompt."""
    import torch  # loaded only where a model computes

    from tinylm.evaluation import generate
    from tinylm.models.networks.attention_maps import attention_maps

    spec, vocabulary = trained.spec, trained.vocabulary
    if not isinstance(spec.model, TransformerConfig):
        raise ExplorerError(f"This is a {spec.model.kind} model, which has no attention; choose a Transformer.")
    ids = vocabulary.encode(text)
    if not len(ids):
        raise ExplorerError("Write a text of one token or more.")
    window = generate.filled(spec, ids, trained.lead_ids)[-spec.model.context_length :]
    n_shown = min(len(ids), len(window), MOST_TOKENS)
    maps = attention_maps(trained.model, torch.from_numpy(window.astype("int64"))[None])
    tokens = [visible(vocabulary.tokens[int(token)]) for token in window[-n_shown:]]
    sources = [EARLIER, *tokens] if len(window) > n_shown else tokens
    shown = [last_tokens(weights[0].numpy(), n_shown) for weights in maps]
    return Reading(n_given=len(ids), tokens=tokens, sources=sources, maps=shown, is_last_only=spec.train.loss_at == "last")


def in_words(reading: Reading, layer: int, head: int) -> str:
    """What the map of a layer and head, counted from 0, shows."""
    last = reading.maps[layer][head][-1]
    most = int(last.argmax())
    text = f"Each row sums to one. The last token, {reading.tokens[-1]}, takes most from {reading.sources[most]} ({last[most]:.2f})."
    if reading.n_given > len(reading.tokens):
        text = f"Of {reading.n_given} tokens the last {len(reading.tokens)} are shown. {text}"
    if len(reading.sources) > len(reading.tokens):
        text += f" The column {EARLIER} is all that the model read before these."
    if reading.is_last_only and layer == len(reading.maps) - 1:
        text += " This model was trained on its last position only: in its last layer no other row than the last was ever used."
    return text


def last_tokens(weights: np.ndarray, n: int) -> np.ndarray:
    """The rows and columns of the last `n` tokens of weights (H, T, T), what the earlier tokens have together as one column before them."""
    rows = weights[:, -n:]
    earlier = rows[..., :-n].sum(-1, keepdims=True)
    return np.concatenate([earlier, rows[..., -n:]], -1) if weights.shape[-1] > n else rows


def visible(token: str) -> str:
    """A token as a label: blanks and line ends as signs."""
    return "".join(VISIBLE.get(character, character) for character in token)
