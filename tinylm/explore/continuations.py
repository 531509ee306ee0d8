"""Several trained models continue one prompt side by side, each token coloured by how it surprised the model that wrote it."""

import html
import itertools
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import numpy as np
import pandas as pd

from tinylm.config import TinylmError
from tinylm.config.interrupts import uninterrupted
from tinylm.evaluation.colouring import coloured, legend
from tinylm.explore.checkpoints import NONE_HERE, Checkpoints
from tinylm.explore.panel import WIDE, ExplorerError, Panel, button, control, given_text, notice


class Continuations(Panel):
    """A prompt, the trained models at hand, and how to draw; below them a card for each chosen model.

    `texts` holds the text of each model, prompt included; `data` has a row for each token, with its surprise in nats.
    """

    def __init__(self, prompt: str = "") -> None:
        self._checkpoints = Checkpoints(accepts=lambda model: True)
        self.prompt = widgets.Textarea(value=given_text(prompt), description="prompt", rows=3, **WIDE)
        self.models = widgets.SelectMultiple(description="models", rows=6, **WIDE)
        self.temperature = control(widgets.FloatSlider, "temperature", "22em", min=0.0, max=1.5, step=0.1, value=0.8)
        self.length = control(widgets.IntSlider, "tokens", "22em", min=10, max=500, step=10, value=150)
        self.seed = control(widgets.BoundedIntText, "seed", "9em", min=0, max=10**9, value=0)
        self.go = button("Continue", button_style="primary")
        self.again = button("Look for models again")
        self.cards = widgets.HTML()
        drawing = [self.temperature, self.length, self.seed, self.go, self.again]
        super().__init__([self.prompt, self.models, *drawing], [self.cards])
        self.texts: dict[str, str] = {}
        self.go.on_click(self._continue)
        self.again.on_click(self._scan)
        self._scan()

    def _scan(self, button: Any = None) -> None:
        """Offer the models that are here now."""
        found = self._checkpoints.scan()
        self.models.options = found.items()
        self.models.index = (0,) if found else ()
        self.tell("" if found else NONE_HERE)

    def _continue(self, button: Any = None) -> None:
        """Let the chosen models write."""
        self.cards.value, self.texts, self.data = "", {}, pd.DataFrame()
        with self.mistakes_told():
            if not self.models.value:
                raise ExplorerError("Choose one or more models." if self.models.options else NONE_HERE)
            self.cards.value = "<p>writing …</p>"
            cards = "".join(self._card(label, path) for label, path in zip(self.models.label, self.models.value, strict=True))
            self.cards.value = f'{legend()}<div class="tinylm-cards">{cards}</div>'

    def _card(self, label: str, path: Path) -> str:
        """What one model writes, or why it cannot."""
        try:
            body = self._written(label, path)
        except TinylmError as error:
            body = notice(str(error))
        return f'<div class="tinylm-card"><b>{html.escape(label)}</b>{body}</div>'

    def _written(self, label: str, path: Path) -> str:
        """Prompt and continuation as HTML, and the mean surprise of each; both are handed out."""
        trained = self._checkpoints.open(path)
        with uninterrupted():
            from tinylm.evaluation.generate import Sampling  # torch is loaded only where a model computes

        given = trained.vocabulary.encode(self.prompt.value)
        if not len(given):
            raise ExplorerError("Write a prompt of one token or more.")
        sampling = Sampling(temperature=self.temperature.value, seed=self.seed.value)
        drawn = list(itertools.islice(trained.continued(given, sampling), self.length.value))
        ids = np.concatenate([given, drawn])
        nats, n = trained.surprises(ids), len(given)
        pieces = [trained.vocabulary.next_text(int(token)) for token in ids]
        self._hand_out(label, pieces, nats, n)
        text = f'<span class="tinylm-prompt">{coloured(pieces[:n], nats[:n])}</span>{coloured(pieces[n:], nats[n:])}'
        means = f"Mean surprise: {_mean(nats[1:n])} in the prompt, {_mean(nats[n:])} in what the model wrote."
        tokens = ", ".join(map(repr, trained.vocabulary.unknown(self.prompt.value)))
        unknown = notice(f"{trained.vocabulary.corpus} has no {tokens}; <unk> stands for it.") if tokens else ""
        return f'{unknown}<pre class="tinylm-text">{text}</pre><p>{means}</p>'

    def _hand_out(self, label: str, pieces: list[str], nats: np.ndarray, n_given: int) -> None:
        """Add what a model wrote, the first `n_given` pieces of which are the prompt's."""
        self.texts[label] = "".join(pieces)
        is_prompt = np.arange(len(pieces)) < n_given
        rows = pd.DataFrame({"model": label, "token": pieces, "surprise": nats, "is_prompt": is_prompt})
        self.data = pd.concat([self.data, rows] if len(self.data) else [rows], ignore_index=True)


def _mean(nats: np.ndarray) -> str:
    return f"{nats.mean():.2f} nats" if len(nats) else "none"
