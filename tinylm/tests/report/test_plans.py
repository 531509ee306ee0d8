import dataclasses
import json
import math

import pytest
from records import made

from tinylm import data, files, ledger
from tinylm.analysis import pilots
from tinylm.config import TinylmError
from tinylm.data import own_texts
from tinylm.report import plans
from tinylm.study import recipes
from tinylm.training import forecast, machine, pool

PUBLISHED = files.LEDGER


@pytest.fixture
def corpus(home, monkeypatch):
    """A text of one's own, 40,000 characters of the grammar, beside the study's records."""
    monkeypatch.setattr(files, "LEDGER", PUBLISHED)
    known = data.load("grammar-char")
    return own_texts.add_text(known.vocabulary.decode(known.train[:40_000]), "character", "my.txt")


@pytest.fixture
def trained(monkeypatch):
    """A stand-in for training: records with an NLL for each recipe; the runs that it was given."""
    nlls, runs = {"transformer": 1.9, "gated_counts": 1.02, "gated-counts": 1.02}, []

    def finish_all(missing, settings):
        for run in missing:
            score = dataclasses.replace(made(spec=run.spec).valid, nll=nlls[run.spec.model.kind])
            ledger.write(made(spec=run.spec, valid=score), files.LOCAL_LEDGER / run.section)
        runs.extend(missing)

    monkeypatch.setattr(pool, "finish_all", finish_all)
    monkeypatch.setattr(forecast, "expected_speed", lambda settings, seconds=2.0: 1e9)
    monkeypatch.setattr(forecast, "timed_seconds", lambda run: run.cost.flops / 1e9)
    return runs


def plan(corpus, budget=0.0, minutes=0.0):
    settings = machine.Settings(folder=files.LOCAL_LEDGER, checkpoints=files.CHECKPOINTS, weights=files.WEIGHTS)
    return plans.made(corpus, budget, minutes, settings, lambda said: None)


def test_a_small_budget_has_counts_and_gated_counts_and_no_trial(corpus, trained):
    made = plan(corpus, 3e10)
    assert not trained and made.spent == 0 and len(made.trials) == 1
    best, *others = (choice.offer for choice in made.choices)
    assert best.recipe == "gated-counts" and best.seen.percent == 80 and best.budget <= pilots.GATED_FLOPS
    assert best.seen.nll == pytest.approx(pilots.GATED_SHARE * made.trials[0].valid.nll)
    assert others[0].is_counts and not any(offer.seen for offer in others[1:])


def test_a_budget_pays_for_trials_and_what_is_left_for_the_run(corpus, trained):
    made = plan(corpus, 1e12)
    assert {run.budget for run in trained} == {5 * 10**10, pilots.GATED_FLOPS}
    assert 0 < made.spent < 0.07e12 and made.facts()["spent"] == made.spent
    network = next(choice for choice in made.choices if choice.offer.recipe == "transformer" and not choice.offer.beside)
    assert network.run.cost.flops <= 1e12 - made.spent and network.seconds > 0
    assert network.offer.seen.low < network.offer.seen.nll < network.offer.seen.high and network.offer.seen.nll < 1.9
    assert json.loads(json.dumps(made.facts()))["choices"][0]["command"] == made.choices[0].offer.command
    trained.clear()
    again = plan(corpus, 1e12)
    assert not trained and again.spent == made.spent, "its trials are recorded"
    assert [choice.offer.command for choice in again.choices] == [choice.offer.command for choice in made.choices]


def test_a_short_text_is_not_read_too_often(corpus, trained):
    for choice in plan(corpus, 1e14).choices:
        assert choice.offer.recipe in pilots.COUNTED or recipes.passes(choice.run.spec) <= recipes.MANY_PASSES


def test_minutes_become_flops_and_leave_out_what_takes_longer(corpus, trained):
    made = plan(corpus, minutes=2.0)
    assert made.flops == 0 and made.facts()["minutes"] == 2.0
    assert made.choices and all(choice.seconds <= 120 for choice in made.choices)
    networks = [choice for choice in made.choices if choice.offer.recipe == "transformer"]
    assert networks and all(choice.run.cost.flops <= 120e9 for choice in networks)


def test_records_of_the_study_are_advice_enough(trained):
    made = plan("tiny_shakespeare", 1e12)
    assert not trained and made.spent == 0
    assert made.choices[0].offer.recipe in ("transformer", "gated-counts") and made.choices[0].offer.seen.nll < 1.36
    (alone,) = (one for one in made.choices if one.offer.recipe == "transformer" and not one.offer.beside)
    (mixed,) = (one for one in made.choices if one.offer.recipe == "transformer" and one.offer.beside)
    assert alone.seconds == 0 and mixed.seconds > 0, "what is mixed needs weights, which a record does not have"


def test_a_nat_is_told_in_bits_of_a_byte(corpus):
    assert plans.bits_per_byte(corpus) == pytest.approx(1 / math.log(2)), "a character of ASCII is a byte"
    cyrillic = own_texts.add_text("\u0430\u0431\u0432\u0433 " * 2_000, "character", "my.txt")
    assert plans.bits_per_byte(cyrillic) == pytest.approx(1 / math.log(2) * 5 / 9, rel=0.01)


@pytest.mark.parametrize("text", ["a" * 10_000, "abc " * 100], ids=["one character", "short"])
def test_a_text_that_nothing_can_be_said_of_is_one_error(home, trained, text):
    corpus = own_texts.add_text(text, "character", "my.txt")
    with pytest.raises(TinylmError):
        plan(corpus, 1e11)


def test_a_very_long_text_is_refused_before_it_is_counted(corpus, monkeypatch):
    monkeypatch.setattr(plans, "COUNTED", 1_000)
    monkeypatch.setattr(plans, "count", None)
    with pytest.raises(TinylmError, match="take long to count"):
        plan(corpus, 1e11)
