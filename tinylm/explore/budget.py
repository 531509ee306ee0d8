"""What a budget of FLOPs buys: each architecture's recorded recipes, the model that the records recommend, and what trains it."""

import html
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import ipywidgets as widgets

from tinylm import data, flops
from tinylm.analysis import advice, frames, summaries
from tinylm.analysis.advice import Known, Offer
from tinylm.analysis.summaries import Result
from tinylm.config.errors import instead
from tinylm.config.shown import short
from tinylm.data import Corpus
from tinylm.explore.panel import ExplorerError, PicturePanel, called, control, corpus_name, notice, table
from tinylm.report import plots
from tinylm.study import Planned, recipes, titles

LEAST, MOST, FIRST = 10, 15, 12  # powers of ten
MIX = "A network and counts mixed are often better than either: <code>tl.mix(run.model, counts.model)</code>."


class Budget(PicturePanel):
    """A slider over FLOPs and a corpus; below them the frontier, what each architecture would be, and what to train.

    `figure` is the figure shown; `data` has a row for each of its points, and one for each line of counts.
    """

    def __init__(self, corpus: str | Corpus = "") -> None:
        self._results, chosen = frames.recorded(), corpus_name(corpus)
        corpora = [name for name in data.names() if recipes.architectures(data.info(name).level) and recipes.is_long_enough(name)]
        if chosen and chosen not in corpora:
            raise ExplorerError(f"{chosen} is too short for a recipe; {instead(chosen, corpora, 'there are:')}")
        self.corpus = control(widgets.Dropdown, "corpus", options=called(corpora), value=chosen or corpora[0])
        slider: dict[str, Any] = {"min": LEAST, "max": MOST, "step": 0.1, "value": 10.0**FIRST, "readout_format": ".2e"}
        self.flops = control(widgets.FloatLogSlider, "training FLOPs", "34em", continuous_update=False, **slider)
        self.advice, self.table = widgets.HTML(), widgets.HTML()
        super().__init__([self.corpus, self.flops], above=[self.advice], beside=[self.table])
        self.corpus.observe(self._turn, "value")
        self.flops.observe(self._draw, "value")
        self._turn()

    def _turn(self, change: Any = None) -> None:
        """Look up what is recorded of the corpus."""
        self._known = advice.known(self.corpus.value, self._results)
        self._draw()

    def _draw(self, change: Any = None) -> None:
        """Show the budget among what is recorded."""
        budget = float(f"{self.flops.value:.3g}")
        found = advice.offers(self._known, budget)
        self.advice.value = advised(found)
        self.table.value = offered(found)
        results = frontier(self._known)
        self.draw_nothing()
        if results:
            counts = [summaries.called(result.record.spec.model.title, result) for result in self._known.counts]
            alt = f"valid NLL of each architecture's recipe on {self.corpus.value} against training FLOPs"
            self.draw(plots.frontier(results, counts, budget), alt)


def frontier(known: Known) -> list[Result]:
    """The recorded recipes as runs of a frontier."""
    row = partial(Planned, section="local", role="frontier")
    return [
        Result(row(architecture=title, name=f"{title}, {short(budget)}", spec=record.spec), record)
        for title, by_budget in ((titles.title(name), by_budget) for name, by_budget in known.networks.items())
        for budget, records in by_budget.items()
        for record in records
    ]


def offered(offers: Sequence[Offer]) -> str:
    """One row per offer, in their order: what is trained for the budget, and what the records let expect of it."""
    corpus, budget = offers[0].corpus, offers[0].budget
    note = "Valid NLL: expected, in nats per token; beyond the recorded budgets it is that of the nearest one. Counts take no budget."
    return table([_row(offer) for offer in offers], f"The recipe of each architecture for {short(budget)} FLOPs on {corpus}.", note)


def _row(offer: Offer) -> dict[str, Any]:
    spec, about, seen = offer.spec, data.info(offer.corpus), offer.seen
    row: dict[str, Any] = {"architecture": offer.title}
    if offer.is_counts:
        row |= {"parameters": offer.counts and offer.counts.n_params, "context": None, "steps": None}
    else:
        row |= {"parameters": flops.n_params(spec.model, about.vocab_size), "context": spec.model.context_length}
        row["steps"] = flops.run_cost(spec, about).steps
    row |= {"valid NLL": seen and seen.nll, "records": seen.n if seen else 0}
    return row | {"recorded budgets": ", ".join(map(short, offer.recorded)) or None}


def advised(offers: Sequence[Offer]) -> str:
    """Which offer the records recommend, the first, with its expected loss and what trains it; all where nothing is recorded."""
    best, *others = offers
    if best.seen is None:
        unknown = notice(f"No run of a recipe on {best.corpus} is recorded yet: nothing is known of its loss. These train one:")
        return unknown + training(offers)
    text = f"The records recommend <b>{html.escape(best.title)}</b>: expect a valid NLL of {best.loss} nats per token"
    if best.is_counts:
        text += ", without any training FLOPs"
    elif best.seen.is_outside:
        text += f", which is what its nearest recorded budget, {short(best.seen.known[0])} FLOPs, gives"
    mixed = f"<p>{MIX}</p>" if any(offer.is_counts and offer.is_known for offer in offers) else ""
    return f"<p>{text}. {_beside(best, others)}Train it with:</p>{training([best])}{mixed}"


def _beside(best: Offer, others: Sequence[Offer]) -> str:
    """How far the best is below the next that is known at the budget, and which one might be better, since its budgets are all larger."""
    text, known = "", [other for other in others if other.is_known]
    if known:
        text = f"{_gap(best, known[0])}. "
    larger = [other for other in others if best.is_known and not other.is_known and other.seen and other.seen.nll < best.seen.nll]
    if larger:
        least = larger[0]
        text += f"Of {least.title} no run below {short(least.recorded[0])} FLOPs is recorded; there it reaches {least.seen.nll:.2f}. "
    return text


def _gap(best: Offer, other: Offer) -> str:
    """How far the best is below another, and at which budget where that one's is not recorded."""
    gap, title, at = other.seen.nll - best.seen.nll, html.escape(other.title), short(other.seen.known[0]) if other.seen.known else ""
    text = f"This is {gap:.2f} below {title}" if gap >= 0.005 else f"{title} is as good"
    if not other.seen.is_outside:
        return text
    if other.recorded[0] > other.budget:
        return f"{text} at {at} FLOPs, its nearest recorded budget"
    return f"{text} at {at} FLOPs, its largest recorded budget; what more would give is not recorded"


def training(offers: Iterable[Offer]) -> str:
    """What trains offers, in a terminal or in a notebook."""
    commands, calls = zip(*((offer.command, offer.call) for offer in offers), strict=True)
    return f"{_code(commands)}<p>or, in Python:</p>{_code(calls)}"


def _code(lines: Iterable[str]) -> str:
    text = html.escape("\n".join(lines))
    return f"<pre>{text}</pre>"
