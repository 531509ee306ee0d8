"""Texts and their surprise as a notebook shows them."""

from typing import Any

import pandas as pd

from tinylm.config import shown
from tinylm.evaluation.colouring import coloured, legend


class Text(str):
    """A text that a notebook shows with its line ends."""

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        for i, line in enumerate(self.split("\n")):
            if i:
                printer.break_()
            printer.text(line)


class Surprise(pd.Series):
    """Nats by token, as any Series, but shown as the text itself, each token on a colour that says how surprising it was."""

    @property
    def _constructor(self) -> type[pd.Series]:
        return pd.Series  # a part of a text is a plain Series

    def _repr_html_(self) -> str:
        mean = f'<p style="margin: 0.3em 0">Mean: {self.mean():.3f} nats over {self.count():,} tokens.</p>' if self.count() else ""
        return f'<pre style="{shown.TEXT}">{coloured(list(self.index), self.to_numpy())}</pre>{mean}{legend()}'
