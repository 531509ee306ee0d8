"""What a budget of FLOPs buys: each architecture's recorded recipes, the one they recommend, and what trains it."""

import html
import math
from collections.abc import Iterable
from functools import partial
from typing import Any

import ipywidgets as widgets

from tinylm import data, flops
from tinylm.analysis import budgets, frames, summaries
from tinylm.analysis.summaries import Result
from tinylm.config.errors import instead
from tinylm.config.shown import short
from tinylm.data import Corpus
from tinylm.explore.panel import ExplorerError, PicturePanel, control, corpus_name, notice, table
from tinylm.ledger import RunRecord
from tinylm.report import plots
from tinylm.study import Planned, recipes, titles

LEAST, MOST, FIRST = 10, 15, 12  # powers of ten
Runs = dict[int, list[RunRecord]]


class Budget(PicturePanel):
    """A slider over FLOPs and a corpus; below them the frontier, what each architecture would be, and what to train.

    `figure` is the figure shown; `data` has a row for each of its points, and one for each line of counts.
    """

    def __init__(self, corpus: str | Corpus = "") -> None:
        self._results, chosen = frames.recorded(), corpus_name(corpus)
        corpora = [name for name in data.names() if recipes.architectures(data.info(name).level) and recipes.is_long_enough(name)]
        if chosen and chosen not in corpora:
            raise ExplorerError(f"{chosen} is too short for a recipe; {instead(chosen, corpora, 'there are:')}")
        self.corpus = control(widgets.Dropdown, "corpus", options=corpora, value=chosen or corpora[0])
        slider: dict[str, Any] = {"min": LEAST, "max": MOST, "step": 0.1, "value": 10.0**FIRST, "readout_format": ".2e"}
        self.flops = control(widgets.FloatLogSlider, "training FLOPs", "34em", continuous_update=False, **slider)
        self.advice, self.table = widgets.HTML(), widgets.HTML()
        super().__init__([self.corpus, self.flops], above=[self.advice], beside=[self.table])
        self.corpus.observe(self._turn, "value")
        self.flops.observe(self._draw, "value")
        self._turn()

    def _turn(self, change: Any = None) -> None:
        """Look up the recorded recipes of the corpus."""
        records = [result.record for result in self._results]
        names = recipes.architectures(data.info(self.corpus.value).level)
        self._runs = {name: budgets.recipe_runs(name, self.corpus.value, records) for name in names}
        self._draw()

    def _draw(self, change: Any = None) -> None:
        """Show the budget among what is recorded."""
        budget = float(f"{self.flops.value:.3g}")
        self.advice.value = advice(self.corpus.value, budget, self._runs)
        self.table.value = offers(self.corpus.value, budget, self._runs)
        results = frontier(self._runs)
        self.draw_nothing()
        if results:
            alt = f"valid NLL of each architecture's recipe on {self.corpus.value} against training FLOPs"
            self.draw(plots.frontier(results, self._counts(results[0]), budget), alt)

    def _counts(self, like: Result) -> list[Result]:
        """The recorded counts that are scored on the same tokens."""
        counts = [result for result in summaries.counts(self._results) if summaries.same_tokens(result.record, like.record)]
        return [summaries.called(result.record.spec.model.title, result) for result in counts]


def frontier(runs: dict[str, Runs]) -> list[Result]:
    """The recorded recipes as runs of a frontier."""
    row = partial(Planned, section="local", role="frontier")
    return [
        Result(row(architecture=title, name=f"{title}, {short(budget)}", spec=record.spec), record)
        for title, by_budget in ((titles.title(name), by_budget) for name, by_budget in runs.items())
        for budget, records in by_budget.items()
        for record in records
    ]


def ranked(budget: float, runs: dict[str, Runs]) -> tuple[float, dict[str, float]]:
    """The nearest budget that the records of every recorded architecture reach, and what each lets expect there, the best first.

    Elsewhere an architecture with larger recorded budgets would look better for these alone.
    """
    recorded = {name: found for name, found in runs.items() if found}
    low, high = max(map(min, recorded.values()), default=budget), min(map(max, recorded.values()), default=budget)
    at = min(max(budget, low), high)
    nlls = {name: budgets.read_off(found, at).nll for name, found in recorded.items()}
    return at, {name: nlls[name] for name in sorted(nlls, key=nlls.__getitem__)}


def offers(corpus: str, budget: float, runs: dict[str, Runs]) -> str:
    """One row per architecture, the best first: what its recipe trains for the budget, and what the records let expect of it."""
    about, rows = data.info(corpus), []
    for name in dict.fromkeys([*ranked(budget, runs)[1], *runs]):
        spec, seen = recipes.recipe(name, corpus, budget), budgets.read_off(runs[name], budget)
        row: dict[str, Any] = {"architecture": titles.title(name), "parameters": flops.n_params(spec.model, about.vocab_size)}
        row |= {"context": spec.model.context_length, "steps": flops.run_cost(spec, about).steps}
        row |= {"valid NLL": seen and seen.nll, "records": seen.n if seen else 0}
        rows.append(row | {"recorded budgets": ", ".join(map(short, runs[name])) or None})
    note = "Valid NLL: expected, in nats per token; beyond the recorded budgets it is that of the nearest one."
    return table(rows, f"The recipe of each architecture for {short(budget)} FLOPs on {corpus}.", note)


def advice(corpus: str, budget: float, runs: dict[str, Runs]) -> str:
    """Which architecture the records recommend, with its expected loss and what trains it; all recipes where nothing is recorded."""
    at, nlls = ranked(budget, runs)
    if not nlls:
        unknown = notice(f"No run of a recipe on {corpus} is recorded yet: nothing is known of its loss. These train one:")
        return unknown + training(runs, corpus, budget)
    best, *others = nlls
    seen = budgets.read_off(runs[best], budget)
    loss = f"about {seen.nll:.2f}" if math.isnan(seen.low) or seen.is_outside else f"{seen.low:.2f} to {seen.high:.2f}"
    text = f"The records recommend <b>{titles.title(best)}</b>: expect a valid NLL of {loss} nats per token"
    if seen.is_outside:
        text += f", which is what its nearest recorded budget, {short(seen.known[0])} FLOPs, gives"
    if others:
        where = "" if at == budget else f" at {short(at)} FLOPs, the nearest budget that the records of all of them reach"
        text += f". It is {nlls[others[0]] - nlls[best]:.2f} below {titles.title(others[0])}{where}"
    return f"<p>{text}. Train it with:</p>{training([best], corpus, budget)}"


def training(architectures: Iterable[str], corpus: str, budget: float) -> str:
    """What trains recipes, in a terminal or in a notebook."""
    commands = [f"python -m tinylm train --recipe {name} --corpus {corpus} --budget {short(budget)}" for name in architectures]
    calls = [f'tl.train("{corpus}", recipe="{name}", flops={short(budget)})' for name in architectures]
    return f"{_code(commands)}<p>or, in Python:</p>{_code(calls)}"


def _code(lines: Iterable[str]) -> str:
    text = html.escape("\n".join(lines))
    return f"<pre>{text}</pre>"
