"""A curve that draws itself in a notebook while its runs train."""

import time
from typing import Any

import matplotlib.pyplot as plt
from IPython.display import HTML, display

from tinylm.report.display import picture
from tinylm.report.plots import progress_curves
from tinylm.study import Planned

EVERY = 1.0  # seconds between two drawings, which take a tenth of that


class LiveCurve:
    """A watcher of training: called with a run and its progress, it draws train and valid NLL against FLOPs, in one place of a notebook."""

    def __init__(self) -> None:
        self._points: dict[str, list[Any]] = {}
        self._drawn = 0.0
        self._shown = display(HTML(""), display_id=True)

    def __call__(self, run: Planned, progress: Any) -> None:
        self._points.setdefault(f"{run.name}, seed {run.spec.seed}", []).append(progress)
        if self._shown and (time.monotonic() - self._drawn > EVERY or progress.step == progress.num_steps):
            fig, _ = progress_curves(self._points)
            self._shown.update(HTML(picture(fig, "train and valid NLL against training FLOPs")))
            plt.close(fig)
            self._drawn = time.monotonic()
