"""Where one head of a trained Transformer looks while it reads a text."""

import html
from typing import Any

import ipywidgets as widgets
import numpy as np

from tinylm import plots
from tinylm.config import TransformerConfig
from tinylm.explore.checkpoints import NONE_HERE, Checkpoints, ExplorerError
from tinylm.explore.panel import WIDE, Panel, control, picture, unobserved

MOST_TOKENS = 48  # whose names are still legible
EARLIER = "…"
VISIBLE = {" ": "␣", "\n": "↵"}


class Attention(Panel):
    """A Transformer, a text, and the attention weights of one layer and head."""

    def __init__(self, text: str = "") -> None:
        self._checkpoints = Checkpoints(wanted=lambda model: isinstance(model, TransformerConfig))
        self._maps: list[np.ndarray] = []
        self.model = widgets.Dropdown(description="model", **WIDE)
        self.text = widgets.Textarea(value=text, description="text", rows=2, **WIDE)
        self.go = control(widgets.Button, "Read the text", button_style="primary")
        self.again = control(widgets.Button, "Look for models again")
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
        with self.mistakes_told():
            if self.model.value is None:
                raise ExplorerError(NONE_HERE)
            self._maps, self._readers, self._is_last_only = self._computed()
            for widget, n in ((self.layer, len(self._maps)), (self.head, len(self._maps[0]))):
                with unobserved(widget, self._draw):
                    widget.options, widget.index, widget.disabled = range(1, n + 1), 0, False
            self._draw()

    def _computed(self) -> tuple[list[np.ndarray], list[str], bool]:
        """Weights (H, tokens, tokens or one more) of each layer, names of the tokens, and whether only the last position was trained.

        The first column of one more is what a token takes from all that stood before the shown ones.
        """
        trained = self._checkpoints.open(self.model.value)
        import torch

        from tinylm import generate
        from tinylm.models.attention_maps import attention_maps

        spec, vocabulary = trained.spec, trained.vocabulary
        if not isinstance(spec.model, TransformerConfig):
            raise ExplorerError(f"This is a {spec.model.kind} model, which has no attention; choose a Transformer.")
        ids = vocabulary.encode(self.text.value)
        if not len(ids):
            raise ExplorerError("Write a text of one token or more.")
        window = generate.filled(spec, ids, trained.lead_ids)[-spec.model.context_length :]
        n_shown = min(len(ids), len(window), MOST_TOKENS)
        maps = attention_maps(trained.model, torch.from_numpy(window.astype("int64"))[None])
        names = [visible(vocabulary.tokens[int(token)]) for token in window[-n_shown:]]
        return [shown(weights[0].numpy(), n_shown) for weights in maps], names, spec.train.loss_at == "last"

    def _draw(self, change: Any = None) -> None:
        """Show the chosen layer and head."""
        weights = self._maps[self.layer.value - 1][self.head.value - 1]
        sources = [EARLIER] * (weights.shape[1] - len(self._readers)) + self._readers
        fig, _ = plots.attention_map(weights, self._readers, sources)
        title = f"Layer {self.layer.value} of {len(self._maps)}, head {self.head.value} of {len(self._maps[0])}"
        self.caption.value = f"<p><b>{title}.</b> {html.escape(self._reading(weights, sources))}</p>"
        self.picture.value = picture(fig, f"{title}: attention weights among the tokens {' '.join(self._readers)}")

    def _reading(self, weights: np.ndarray, sources: list[str]) -> str:
        """What the map shows, in words."""
        most = int(weights[-1].argmax())
        text = f"Each row sums to one. The last token, {self._readers[-1]}, takes most from {sources[most]} ({weights[-1, most]:.2f})."
        if EARLIER in sources[:1]:
            text += f" The column {EARLIER} is all that the model read before the first token shown."
        if self._is_last_only and self.layer.value == len(self._maps):
            text += " This model was trained on its last position only: in its last layer no other row than the last was ever used."
        return text


def shown(weights: np.ndarray, n: int) -> np.ndarray:
    """The rows and columns of the last `n` tokens of weights (H, T, T), what the earlier tokens have together as one column before them."""
    rows = weights[:, -n:]
    earlier = rows[..., :-n].sum(-1, keepdims=True)
    return np.concatenate([earlier, rows[..., -n:]], -1) if weights.shape[-1] > n else rows


def visible(token: str) -> str:
    """A token as a label: blanks and line ends as signs."""
    return "".join(VISIBLE.get(character, character) for character in token)
