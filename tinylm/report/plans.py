"""What to train on a text for a budget: count it, try networks with a small part of the budget, and ask the advice of the records."""

import contextlib
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from tinylm import data, files, flops, ledger
from tinylm.analysis import advice, frames, pilots
from tinylm.analysis.advice import Known, Offer
from tinylm.config import ConfigError, RunSpec, TinylmError
from tinylm.config.interrupts import uninterrupted
from tinylm.config.shown import amount, short
from tinylm.evaluation import counts, pretrained
from tinylm.ledger import RunRecord
from tinylm.study import Planned, recipes, single

if TYPE_CHECKING:
    from tinylm.training.machine import Settings

COUNTED = 12_000_000  # tokens that are counted in a minute or two; of a longer text a part says as much
PARTS = 4  # gated counts take so many times the seconds of counts before they train: their text is counted in parts
PATIENCE = 0.3  # of the minutes, within which gated counts are trained before anything is advised
Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Choice:
    """An offer, and the seconds that training and scoring it takes here: 0 where it is trained already, None where nobody knows."""

    offer: Offer
    seconds: float | None

    @cached_property
    def run(self) -> Planned:
        """The run that is offered."""
        return single.unplanned(self.offer.spec)

    def facts(self) -> dict[str, Any]:
        """What is printed as JSON: NLLs in nats per token, and the seconds."""
        spec, about, seen = self.run.spec, data.info(self.offer.corpus), self.offer.seen
        said: dict[str, Any] = {"recipe": self.offer.recipe, "mixed_with": self.offer.beside or None, "title": self.offer.title}
        said |= {"context": spec.model.context_length, "known": self.offer.is_known}
        if spec.is_counts:
            said |= {"n_params": self.offer.counts and self.offer.counts.n_params, "steps": 0, "flops": 0, "passes": 1.0}
        else:
            cost = self.run.cost
            said |= {"n_params": flops.n_params(spec.model, about.vocab_size), "steps": cost.steps, "flops": cost.flops}
            said |= {"passes": recipes.passes(spec)}
        said |= {"valid_nll": seen and seen.nll, "low": seen and _number(seen.low), "high": seen and _number(seen.high)}
        said |= {"percent": seen and seen.percent, "bits_per_byte": seen and seen.nll * bits_per_byte(self.offer.corpus)}
        return said | {"seconds": self.seconds, "command": self.offer.command}


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to train on a corpus for `flops`, or for `minutes` where they are not 0: `choices`, the best first.

    `trials` are the records of counts and of the runs that the plan made or found, whose FLOPs are part of the budget.
    """

    corpus: str
    flops: float
    minutes: float
    trials: Sequence[RunRecord]
    choices: Sequence[Choice]

    @property
    def spent(self) -> int:
        """The FLOPs of the trials."""
        return sum(record.flops for record in self.trials)

    def facts(self) -> dict[str, Any]:
        """What is printed as JSON."""
        about = data.info(self.corpus)
        text = {"corpus": self.corpus, "level": about.level, "vocab_size": about.vocab_size, "n_tokens": dict(about.n_tokens)}
        return text | {
            "flops": self.flops or None,
            "minutes": self.minutes or None,
            "trials": [trial(record) for record in self.trials],
            "spent": self.spent,
            "choices": [choice.facts() for choice in self.choices],
        }


def trial(record: RunRecord) -> dict[str, Any]:
    """A trial as JSON values."""
    said = {"recipe": record.spec.model.kind, "key": record.spec.key, "flops": record.flops, "seconds": record.seconds}
    return said | {"valid_nll": record.valid and record.valid.nll}


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value


def bits_per_byte(corpus: str) -> float:
    """What a nat per token is in bits per byte of the text of valid."""
    known = data.load(corpus)
    size = len(known.vocabulary.decode(known.valid).encode())
    return len(known.valid) / size / math.log(2)


def made(corpus: str, budget: float, minutes: float, settings: "Settings", say: Say = print) -> Plan:
    """The plan of a corpus for a budget of FLOPs, or for minutes from now on this machine; TinylmError for a text that has none."""
    started = time.monotonic()
    require_text(corpus)
    counted = count(corpus)
    say(f"counts: valid NLL {counted.valid.nll:.4f}")
    clock = Clock(corpus, counted.seconds, settings)
    known = advice.known(corpus, frames.recorded())
    total = budget or clock.affordable(pilots.TRANSFORMER, 60 * minutes)
    planned = pilots.planned(total) if known.reference else {}
    runs = [run for name, flops in planned.items() if (run := _pilot(known, name, flops, total))]
    if minutes:
        runs = [run for run in runs if clock.seconds(run) <= PATIENCE * 60 * minutes]
    _train(runs, settings, say)
    records = ledger.known()
    trials = [counted, *(record for run in runs if (record := records.find(run.spec)))]
    known = advice.known(corpus, frames.recorded())
    left = 60 * minutes - (time.monotonic() - started)
    choices = _choices(known, _allowances(known, clock, budget and budget - sum(one.flops for one in trials), left), clock)
    if minutes:
        choices = [choice for choice in choices if choice.seconds is None or choice.seconds <= 60 * minutes]
    return Plan(corpus=corpus, flops=budget, minutes=minutes, trials=trials, choices=choices)


def require_text(corpus: str) -> None:
    """TinylmError for a text that nothing can be said of."""
    about = data.info(corpus)
    called, n_tokens = data.called(corpus), about.n_tokens["train"]
    if about.vocab_size < 2:
        raise ConfigError(f"{called} is one {about.level} again and again; there is nothing to learn")
    if n_tokens > COUNTED:
        raise ConfigError(f"{called} has {n_tokens:,} {about.level}s to train on, which take long to count; plan with {COUNTED:,} of them")
    if not recipes.is_long_enough(corpus):
        recipes.recipe(pilots.TRANSFORMER, corpus, 1e11)  # which says how long a text must be


def count(corpus: str) -> RunRecord:
    """The record of a text's tuned counts, which takes seconds."""
    planned = single.of_recipe(single.COUNTS, corpus)
    if ledger.known().find(planned.spec) is None:
        ledger.write(counts.count_record(planned.spec, data.load(corpus)), files.LOCAL_LEDGER / planned.section)
    return ledger.known().find(planned.spec)


def _pilot(known: Known, name: str, flops: int, budget: float) -> Planned | None:
    """The run of a recipe that a plan wants; None where the text is too short, and where a network has larger ones within the budget."""
    try:
        run = single.of_recipe(name, known.corpus, protocol=single.FULL, flops=flops)
        spent = run.cost.flops
    except TinylmError:
        return None
    larger = any(flops < one <= budget for one in known.networks.get(name, ()))
    return run if spent and not larger else None


def _train(runs: Sequence[Planned], settings: "Settings", say: Say) -> None:
    """Train the runs that are not recorded; TinylmError where one fails."""
    missing = [run for run in runs if ledger.known().find(run.spec) is None]
    if not missing:
        return
    with uninterrupted():
        from tinylm.training import pool

    say(f"trials: {amount(len(missing), 'run')}, {short(sum(run.cost.flops for run in missing))} FLOPs")
    pool.finish_all(missing, settings)


@dataclass(frozen=True)
class Clock:
    """How long runs on a corpus take on this machine, each step timed once; `counting` are the seconds that counts took."""

    corpus: str
    counting: float
    settings: "Settings"

    def seconds(self, run: Planned) -> float:
        """Of a run that is not recorded."""
        with uninterrupted():
            from tinylm.training import forecast

        if run.spec.is_counts:
            return self.counting
        parts = PARTS * self.counting if run.spec.model.kind == pilots.GATED else 0.0
        return parts + forecast.timed_seconds(run)

    def affordable(self, recipe: str, seconds: float) -> int:
        """The FLOPs of a recipe for a time, to two digits; 0 where it is too short for a step."""
        with uninterrupted():
            from tinylm.training import forecast

        if seconds <= 0:
            return 0

        def plan(flops: int) -> Planned:
            return single.of_recipe(recipe, self.corpus, protocol=single.FULL, flops=flops)

        with contextlib.suppress(TinylmError):
            return pilots.rounded(forecast.affordable_flops(plan, seconds, self.settings, self.seconds))
        return 0


def _allowances(known: Known, clock: Clock, budget: float, seconds: float) -> dict[str, int]:
    """The FLOPs of each recipe: what is left of the budget, or what the seconds left buy; less where they read a short text too often."""
    found = {}
    for name in known.networks:
        most = pilots.rounded(budget) if budget else clock.affordable(name, seconds)
        is_gated = name == pilots.GATED and data.info(known.corpus).level == "character"
        most = min(most, pilots.GATED_FLOPS) if is_gated else most
        if most >= 1:
            found[name] = most if is_gated else _modest(name, known.corpus, most)  # whose few weights know no text by heart
    return found


def _modest(recipe: str, corpus: str, flops: int) -> int:
    """The FLOPs, or as many as read a short text MANY_PASSES times; what no budget can do is left to the recipe."""
    with contextlib.suppress(TinylmError):
        while (times := recipes.passes(recipes.recipe(recipe, corpus, flops)) / recipes.MANY_PASSES) > 1:
            flops = pilots.rounded(flops / max(times, 1.02))  # another budget may have another model, which reads the text more often
    return flops


def _choices(known: Known, allowed: Mapping[str, int], clock: Clock) -> list[Choice]:
    """What can be had for the budgets of the recipes, the one to take first."""
    offers = [offer for offer in advice.offers(known, max(allowed.values(), default=1), allowed) if _is_possible(offer, allowed)]
    ranked = advice.ranked([*offers, *advice.mixtures(offers)])
    times: dict[str, float] = {}
    return [Choice(offer=offer, seconds=_seconds(offer, clock, times)) for offer in ranked]


def _is_possible(offer: Offer, allowed: Mapping[str, int]) -> bool:
    """Whether an offer has a run that can be trained."""
    try:
        return offer.counts is not None if offer.is_counts else offer.recipe in allowed and _steps(offer.spec) > 0
    except TinylmError:
        return False


def _steps(spec: RunSpec) -> int:
    return flops.run_cost(spec, data.info(spec.corpus)).steps


def _seconds(offer: Offer, clock: Clock, times: dict[str, float]) -> float | None:
    """The seconds of an offer's run, timed once for all offers of it; 0 where it is recorded, and for a mixture its weights are here.

    None on a GPU, of which nothing is known.
    """
    if clock.settings.device != "cpu":
        return None
    key = offer.spec.key
    is_enough = not offer.beside or offer.is_counts or pretrained.usable(key) is not None
    if is_enough and ledger.known().find(offer.spec) is not None:
        return 0.0
    if key not in times:
        times[key] = clock.seconds(single.unplanned(offer.spec))
    return times[key]
