"""Recorded runs, chosen by corpus, architecture and size: their curves and their scores."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import ipywidgets as widgets

from tinylm.analysis import frames, summaries
from tinylm.analysis.summaries import Result
from tinylm.config import shown
from tinylm.data import Corpus
from tinylm.explore import labels
from tinylm.explore.panel import WIDE, PicturePanel, called, control, corpus_name, table, toggle, unobserved
from tinylm.report import plots

ALL = "all"
FIRST_SHOWN = 4
MOST = len(plots.COLOURS)
NOTE = "scored: which tokens of test; compare losses only where they are the same."
AXES = {"FLOPs": "flops", "steps": "step"}
CURVES = {"validation": "valid_nll", "training": "train_nll"}


class Runs(PicturePanel):
    """Curves and a table of the recorded runs that one chooses; needs neither data nor a GPU.

    `figure` is the figure shown; `data` has a row for each of its points, and one for each line of counts.
    """

    def __init__(self, corpus: str | Corpus = "") -> None:
        self._results = frames.recorded()
        recorded = {result.record.spec.corpus for result in self._results}
        name = corpus if isinstance(corpus, str) and corpus in recorded else corpus_name(corpus)  # its text may be elsewhere
        corpora = sorted(recorded | {name} if name else recorded)
        options = labels.sizes(result.record.n_params for result in self._results)
        self.corpus = control(widgets.Dropdown, "corpus", options=called(corpora), value=name or next(iter(corpora), None))
        self.architecture = control(widgets.Dropdown, "architecture", options=[ALL])
        self.size = control(widgets.SelectionRangeSlider, "parameters", "26em", options=options, index=(0, len(options) - 1))
        self.axis = toggle("against", AXES)
        self.curve = toggle("loss", CURVES)
        self.chosen = widgets.SelectMultiple(description="runs", rows=8, **WIDE)
        self.table = widgets.HTML()
        controls = [self.corpus, self.architecture, self.size, self.axis, self.curve, self.chosen]
        super().__init__(controls, above=[], beside=[self.table])
        for widget, follow in ((self.corpus, self._turn), (self.architecture, self._filter), (self.size, self._filter)):
            widget.observe(follow, "value")
        for widget in (self.chosen, self.axis, self.curve):
            widget.observe(self._draw, "value")
        self._turn()

    def _of_corpus(self) -> list[Result]:
        return [result for result in self._results if result.record.spec.corpus == self.corpus.value]

    def _turn(self, change: Any = None) -> None:
        """Offer the architectures of the corpus."""
        found = dict.fromkeys(result.run.architecture for result in self._of_corpus())
        kept = self.architecture.value
        with unobserved(self.architecture, self._filter):
            self.architecture.options = [ALL, *found]
            self.architecture.value = kept if kept in found else ALL
        self._filter()

    def _filter(self, change: Any = None) -> None:
        """Offer the runs that match, and choose the first few of them."""
        low, high = self.size.value
        architecture = self.architecture.value
        found = [result for result in self._of_corpus() if low <= result.record.n_params <= high]
        found = [result for result in found if architecture in (ALL, result.run.architecture)]
        sizes = {result.run.row: shown.size(result.record.n_params, result.record.spec.is_counts) for result in found}
        seeds = Counter(result.run.row for result in found)
        with unobserved(self.chosen, self._draw):
            self.chosen.options = [(f"{labels.title(row)} · {size} · {_seeds(seeds[row])}", row) for row, size in sizes.items()]
            self.chosen.value = list(sizes)[:FIRST_SHOWN]
        self._draw()

    def _draw(self, change: Any = None) -> None:
        """Show the chosen runs."""
        rows = self.chosen.value[:MOST]
        chosen = [result for result in self._of_corpus() if result.run.row in rows]
        self.tell(self._remark(chosen))
        self.draw_nothing()
        self.table.value = ""
        finished = [result for result in chosen if result.record.test is not None]
        if finished:
            titled = [summaries.called(labels.title(result.run), result) for result in finished]
            alt = f"{self.curve.label} loss of {', '.join(map(labels.title, rows))} against {self.axis.label}"
            self.draw(plots.run_curves(titled, self.axis.value, self.curve.value), alt)
            self.table.value = scores(finished)

    def _remark(self, chosen: Sequence[Result]) -> str:
        """Why less is shown than one may expect; empty where all is."""
        if not self._results:
            return 'No run is recorded yet; train one with: tl.train("grammar-char", recipe="transformer", flops=1e10)'
        if not self.chosen.options:
            return "No run matches; choose another architecture or a wider range of parameters."
        if not self.chosen.value:
            return "Choose one or more runs."
        if self.curve.value == "train_nll" and all(result.record.spec.is_counts for result in chosen):
            return "Counts are not trained, and have no training loss."
        if len(self.chosen.value) > MOST:
            return f"The first {MOST} of {len(self.chosen.value)} chosen runs are shown, one for each colour."
        diverged = sorted({labels.title(result.run) for result in chosen if result.record.test is None})
        return f"Diverged, and so without scores: {', '.join(diverged)}." if diverged else ""


def scores(results: Sequence[Result]) -> str:
    """One line per row of runs: costs, NLLs, and which tokens were scored: losses on different tokens are not comparable."""
    records = {result.run.row: result.record for result in results}
    rows = [
        {
            "run": labels.title(line["run"]),
            "n": line["n"],
            "parameters": line["n_params"],
            "steps": records[line["run"]].steps,
            "FLOPs": line["flops"],
            "valid": line["valid_nll"],
            "test": line["test_nll"],
            "seed SD": line["seed_sd"],
            "scored": f"{(score := records[line['run']].test).start:,}–{score.start + score.n_tokens:,}",
        }
        for _, line in summaries.summary(results).iterrows()
    ]
    return table(rows, "Mean NLL of the chosen runs over n seeds, in nats per token.", NOTE)


def _seeds(n: int) -> str:
    return f"{n} seed{'s' if n > 1 else ''}"
