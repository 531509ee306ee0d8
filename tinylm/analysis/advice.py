"""Which model for this text and budget: what the records let expect of each recipe and of counts, the best first. Needs no torch.

A compressor, which no command trains, is left out.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType

from tinylm import data
from tinylm.analysis import expected, pilots, summaries
from tinylm.analysis.expected import Expected
from tinylm.analysis.summaries import Result
from tinylm.config import RunSpec
from tinylm.config.shown import short
from tinylm.data import own_texts
from tinylm.ledger import RunRecord
from tinylm.study import COUNTS, recipes, single, titles

SIMPLER = 0.004  # of the NLL that a mixture, or a network in place of counts, must gain
NEAR = 2  # a budget this many times smaller than the least recorded one is as good as recorded


@dataclass(frozen=True, kw_only=True)
class Known:
    """What is recorded of a corpus: the runs of each recipe by budget, and the counts that are scored on the same tokens.

    `reference` is the same of the text whose curves are moved to this one; None where they are not.
    """

    corpus: str
    networks: Mapping[str, dict[int, list[RunRecord]]]
    counts: Sequence[Result]
    reference: "Known | None" = None

    @cached_property
    def best_counts(self) -> RunRecord | None:
        """The counts with the lowest valid NLL."""
        return min((result.record for result in self.counts), key=lambda record: record.valid.nll, default=None)

    @cached_property
    def tuned(self) -> float | None:
        """The valid NLL of the counts of the recipe, by which texts are compared."""
        spec = recipes.recipe(single.COUNTS, self.corpus, 0)
        return next((result.record.valid.nll for result in self.counts if result.record.spec == spec), None)

    @cached_property
    def curve(self) -> pilots.Curve:
        """The Transformer's NLL by budget, for texts that this is the reference of."""
        return pilots.curve(self.networks[pilots.TRANSFORMER])

    def foreseen(self, recipe: str, budget: float) -> Expected | None:
        """What the reference's curve and counts of this text let expect of a budget above those recorded; None where they say nothing."""
        runs, there = self.networks[recipe], self.reference
        if there is None or self.tuned is None or there.tuned is None or (runs and max(runs) >= budget):
            return None
        if recipe == pilots.TRANSFORMER:
            return pilots.from_pilot(runs, budget, there.curve, self.tuned, there.tuned)
        return pilots.of_gated(self.tuned) if recipe == pilots.GATED and not runs and budget >= pilots.GATED_FLOPS else None


@dataclass(frozen=True, kw_only=True)
class Offer:
    """A model to have for a budget: a recipe's, or counts; `seen` is what the records let expect of it, None where there are none.

    `recorded` are its budgets. `is_known` says whether they say something of this one: otherwise the NLL is a bound, above which a model
    with fewer FLOPs stays, and below which one with more may come. `beside` is the recipe of the counts that a network is mixed with, if
    it is.
    """

    recipe: str
    corpus: str
    budget: float
    seen: Expected | None
    is_known: bool
    recorded: tuple[int, ...] = ()
    counts: RunRecord | None = None
    beside: str = ""

    @property
    def spec(self) -> RunSpec:
        """The run that is offered; RecipeError where the corpus is too short for it."""
        return self.counts.spec if self.counts else recipes.recipe(self.recipe, self.corpus, self.budget)

    @property
    def is_counts(self) -> bool:
        return self.recipe == single.COUNTS

    @property
    def title(self) -> str:
        """What the model is called, e.g. Transformer, or Counts (KN-6 + cache 2,048)."""
        if not self.is_counts:
            return f"{titles.title(self.recipe)} with {titles.title(self.beside).lower()}" if self.beside else titles.title(self.recipe)
        text = "" if self.spec.corpus == self.corpus else f" of {self.spec.corpus}"
        return f"{COUNTS}{text} ({self.spec.model.title})"

    @property
    def loss(self) -> str:
        """The expected valid NLL in words; only for an offer that has one. Counting again gives the same NLL."""
        if self.is_counts:
            return f"{self.seen.nll:.2f}"
        is_rough = math.isnan(self.seen.low) or self.seen.is_outside
        return f"about {self.seen.nll:.2f}" if is_rough else f"{self.seen.low:.2f} to {self.seen.high:.2f}"

    @property
    def command(self) -> str:
        """What trains just this, in a terminal."""
        if self._is_own:
            fields = " ".join(f"model.{name}={value}" for name, value in self.spec.model.changed().items())
            return f"python -m tinylm train --model counts --corpus {self.spec.corpus}" + (f" --set {fields}" if fields else "")
        budget = "" if self.is_counts else f" --budget {self._budget}"
        mixed = f" --mix {self.beside}" if self.beside else ""
        return f"python -m tinylm train --recipe {self.recipe} --corpus {self.spec.corpus}{budget}{mixed}"

    @property
    def call(self) -> str:
        """What trains just this, in Python."""
        if self._is_own:
            return f'tl.train("{self.spec.corpus}", tl.{self.spec.model!r})'
        budget = "" if self.is_counts else f", flops={self._budget}"
        is_whole = self.is_counts or single.of_recipe(self.recipe, self.corpus, flops=self.budget).spec == self.spec
        protocol = "" if is_whole else f', protocol="{single.FULL}"'  # what is expected is of all that the command scores
        return f'tl.train("{self.spec.corpus}", recipe="{self.recipe}"{budget}{protocol})'

    @property
    def _is_own(self) -> bool:
        """Whether these are counts that are no recipe."""
        return self.is_counts and self.spec.model != recipes.tuned_counts(self.spec.corpus)

    @property
    def _budget(self) -> str:
        """The budget with all its digits."""
        return short(self.budget) if float(short(self.budget)) == self.budget else f"{self.budget:.0f}"


def known(corpus: str, results: Sequence[Result]) -> Known:
    """What the results say of a corpus."""
    records = [result.record for result in results]
    networks = {name: expected.recipe_runs(name, corpus, records) for name in recipes.architectures(data.info(corpus).level)}
    counts = [result for result in summaries.counts(results) if _is_scored_like_recipes(result.record)]
    own = (result.record for result in counts if result.record.spec.corpus == corpus)
    like = next((group[0] for runs in networks.values() for group in runs.values()), next(own, None))
    compared = [c for c in counts if like and summaries.same_tokens(c.record, like)]
    moved = _is_moved_to(corpus, compared, networks)
    return Known(corpus=corpus, networks=networks, counts=compared, reference=known(pilots.REFERENCE, results) if moved else None)


def _is_moved_to(corpus: str, counts: Sequence[Result], networks: Mapping[str, Mapping[int, Sequence[RunRecord]]]) -> bool:
    """Whether the reference's curves say something of a text: one of characters that is counted, and no part or copy of it."""
    about = data.info(corpus)
    return bool(counts) and about.level == data.info(pilots.REFERENCE).level and not corpus.startswith(pilots.REFERENCE)


def _is_scored_like_recipes(record: RunRecord) -> bool:
    """Whether counts are of the whole training text, and scored as those of a recipe are: `train` makes them again."""
    spec = replace(record.spec, seed=0)
    return record.valid is not None and spec == recipes.counted(spec.corpus, spec.model)


def offers(known: Known, budget: float, own: Mapping[str, float] = MappingProxyType({})) -> list[Offer]:
    """Every recipe and the best counts, those first that the records let expect the lowest valid NLL of; counts take no budget.

    `own` are budgets of recipes that have others.
    A recipe whose records do not reach down to the budget comes after those whose records do, and one without records last. Beyond its
    largest recorded budget a Transformer is foreseen by the reference's curve; any other recipe is taken for as good as there.
    """
    found = [_counts(known, budget)]
    found += [_of_recipe(known, name, own.get(name, budget)) for name in known.networks]
    return _by_loss(found)


def _by_loss(offers: Sequence[Offer]) -> list[Offer]:
    return sorted(offers, key=lambda offer: (not offer.is_known, offer.seen is None, offer.seen.nll if offer.seen else 0.0))


def _of_recipe(known: Known, name: str, budget: float) -> Offer:
    runs, foreseen = known.networks[name], known.foreseen(name, budget)
    is_known = (bool(runs) and min(runs) <= NEAR * budget) or (foreseen is not None and name == pilots.GATED)
    if foreseen is None and runs and own_texts.NAME.fullmatch(known.corpus):  # of which no run stands for what more would give
        is_known = is_known and budget <= NEAR * max(runs)
    seen = foreseen or expected.read_off(runs, budget)
    return Offer(recipe=name, corpus=known.corpus, budget=budget, seen=seen, is_known=is_known, recorded=tuple(runs))


def _counts(known: Known, budget: float) -> Offer:
    best = known.best_counts
    seen = best and Expected(best.valid.nll, math.nan, math.nan, n=1, known=(), is_outside=False)
    return Offer(recipe=single.COUNTS, corpus=known.corpus, budget=budget, seen=seen, is_known=best is not None, counts=best)


def mixtures(offers: Sequence[Offer]) -> list[Offer]:
    """The known networks of some offers, each mixed with the best of the counts there: gated ones, or plain ones."""
    counted = [offer for offer in offers if offer.recipe in pilots.COUNTED and offer.is_known]
    found = []
    for offer in offers:
        if counted and offer.is_known and offer.recipe not in pilots.COUNTED:
            best = min(counted, key=lambda one: one.seen.nll)
            found.append(replace(offer, seen=pilots.mixed(offer.seen, best.seen), beside=best.recipe))
    return found


def ranked(offers: Sequence[Offer]) -> list[Offer]:
    """Offers by what is expected of them, the known first; one that is simpler than the lowest and as good within SIMPLER leads."""
    rest = _by_loss(offers)
    near = [one for one in rest if one.is_known and one.seen and one.seen.nll <= rest[0].seen.nll * (1 + SIMPLER)]
    best = min(near, key=lambda one: (bool(one.beside), not one.is_counts, one.seen.nll), default=None)
    return rest if best is None else [best, *(one for one in rest if one is not best)]
