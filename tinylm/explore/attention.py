"""Where one head of a trained Transformer looks while it reads a text."""

import html
from typing import Any

import ipywidgets as widgets

from tinylm.config import TransformerConfig
from tinylm.explore.checkpoints import NONE_HERE, Checkpoints
from tinylm.explore.panel import WIDE, ExplorerError, PicturePanel, button, control, given_text, unobserved
from tinylm.report import plots


class Attention(PicturePanel):
    """A Transformer, a text, and the attention weights of one layer and head.

    `figure` is the map shown; `data` has a row for each of its weights: the token that reads, the source it takes from, the weight.
    """

    def __init__(self, text: str = "") -> None:
        self._checkpoints = Checkpoints(accepts=lambda model: isinstance(model, TransformerConfig))
        self.model = widgets.Dropdown(description="model", **WIDE)
        self.text = widgets.Textarea(value=given_text(text), description="text", rows=2, **WIDE)
        self.go = button("Read the text", button_style="primary")
        self.again = button("Look for models again")
        self.layer, self.head = (control(widgets.Dropdown, name, "10em", disabled=True) for name in ("layer", "head"))
        self.caption = widgets.HTML()
        super().__init__([self.model, self.text, self.go, self.again, self.layer, self.head], above=[self.caption], beside=[])
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
        """Compute the maps of every layer and head, and show that of the layer and head chosen before, where the model has them."""
        self.draw_nothing()
        self.caption.value = ""
        self.layer.disabled = self.head.disabled = True
        with self.mistakes_told():
            if self.model.value is None:
                raise ExplorerError(NONE_HERE)
            self._label, self._reading = self.model.label, self._checkpoints.open(self.model.value).attention(self.text.value)
            for widget, n in ((self.layer, len(self._reading.maps)), (self.head, len(self._reading.maps[0]))):
                chosen = widget.value
                with unobserved(widget, self._draw):
                    widget.options, widget.disabled = range(1, n + 1), False
                    widget.value = chosen if chosen in widget.options else 1
            self._draw()

    def _draw(self, change: Any = None) -> None:
        """Show the chosen layer and head."""
        reading, layer, head = self._reading, self.layer.value - 1, self.head.value - 1
        title = f"Layer {layer + 1} of {len(reading.maps)}, head {head + 1} of {len(reading.maps[0])}"
        self.caption.value = f"<p><b>{title}</b> of {html.escape(self._label)}. {html.escape(reading.in_words(layer + 1, head + 1))}</p>"
        drawn = plots.attention_map(reading.maps[layer][head], reading.tokens, reading.sources)
        self.draw(drawn, f"{title}: attention weights among the tokens {' '.join(reading.tokens)}")
