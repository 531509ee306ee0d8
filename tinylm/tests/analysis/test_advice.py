import argparse
import dataclasses
import math
import shlex
from types import SimpleNamespace

import pytest
from records import made

from tinylm import data, files, ledger
from tinylm.__main__ import build_parser
from tinylm.analysis import advice, frames
from tinylm.analysis.summaries import Result
from tinylm.cli import specs
from tinylm.config import NgramConfig
from tinylm.config.models import UNBOUNDED
from tinylm.report.training import RunRequest
from tinylm.study import recipes, single

CORPUS = "grammar-char"
KN_4, CACHED = NgramConfig(order=4), NgramConfig(order=6, cache=512)


def result(spec, nll):
    """A result with a valid NLL on the tokens that recipes are scored on."""
    score = dataclasses.replace(made().valid, nll=nll, start=recipes.EVAL_START)
    return Result(single.unplanned(spec), made(spec=spec, n_params=9, valid=score, test=score))


def network(name, nlls):
    return [result(recipes.recipe(name, CORPUS, 10**exponent), nll) for exponent, nll in nlls.items()]


def counted(model, nll, **train):
    spec = recipes.counted(CORPUS, model)
    return result(dataclasses.replace(spec, train=dataclasses.replace(spec.train, **train)), nll)


def offers(results, budget):
    return advice.offers(advice.known(CORPUS, results), budget)


def names(results, budget):
    """The recipes that something is recorded of, in their order."""
    return [offer.recipe for offer in offers(results, budget) if offer.seen]


def test_the_best_for_a_budget_stands_first_counts_among_the_networks():
    results = [*network("transformer", {11: 2.0, 13: 1.0}), *network("mlp", {11: 1.8, 13: 1.6}), counted(KN_4, 1.7), counted(CACHED, 1.5)]
    assert names(results, 1e11) == ["counts", "mlp", "transformer"]
    assert names(results, 1e13) == ["transformer", "counts", "mlp"]
    best = offers(results, 1e12)[0]
    assert best.title == "Counts (KN-6 + cache 512)" and best.loss == "1.50" and best.seen.nll == 1.5
    assert {offer.recipe for offer in offers(results, 1e12)} == {"counts", *recipes.architectures("character")}


def test_a_loss_of_larger_budgets_is_no_reason_to_prefer_a_recipe():
    results = [*network("transformer", {13: 1.0}), *network("mlp", {11: 2.0}), counted(KN_4, 1.7)]
    assert names(results, 1e11) == ["counts", "mlp", "transformer"] and names(results, 1e10) == ["counts", "transformer", "mlp"]
    assert names(results, 1e13 / advice.NEAR) == ["transformer", "counts", "mlp"]
    assert names(results, 0.99e13 / advice.NEAR) == ["counts", "mlp", "transformer"]
    far = offers(results, 1e15)[0]
    assert (far.recipe, far.is_known, far.seen.is_outside, far.loss) == ("transformer", True, True, "about 1.00")


def test_of_a_corpus_without_records_every_recipe_is_offered_and_none_known():
    found = offers([], 1e11)
    assert {offer.recipe for offer in found} == {"counts", *recipes.architectures("character")}
    assert not any(offer.is_known or offer.seen for offer in found)


def test_only_counts_of_the_whole_text_on_the_tokens_of_the_recipes_are_compared():
    here = network("mlp", {11: 1.8})
    part, later = counted(KN_4, 1.0, train_tokens=1_000), counted(CACHED, 1.0, eval_start=300)
    assert names([*here, part, later], 1e11) == ["mlp"]
    cut = counted(KN_4, 1.0)
    fewer = dataclasses.replace(cut.record, valid=dataclasses.replace(cut.record.valid, n_tokens=10))
    assert names([*here, Result(cut.run, fewer)], 1e11) == ["mlp"]
    assert names([counted(KN_4, 1.0)], 1e11) == ["counts"], "counts alone are advice too"


def trained_by(command):
    """The spec that a command line of `train` describes."""
    words = shlex.split(command)
    assert words[:4] == ["python", "-m", "tinylm", "train"]
    args = build_parser().parse_args(words[3:], argparse.Namespace(started=0.0, command_line=command))
    (run,) = specs.single_runs(args).planned()
    return run.spec


def trained_in_python(call):
    """The spec that a line of Python trains."""

    def train(corpus, model=None, recipe=None, protocol=None, **settings):
        return RunRequest(corpus=corpus, model=model, recipe=recipe, protocol=protocol, settings=settings).planned(0).spec

    return eval(call, {"tl": SimpleNamespace(train=train, Counts=NgramConfig)})


TUNED = recipes.tuned_counts(CORPUS)
EVERY_FIELD = NgramConfig(order=3, cache=UNBOUNDED, discount_scale=1.2, weights_corpus="tiny_shakespeare-plays")


@pytest.mark.parametrize("model", [TUNED, KN_4, CACHED, EVERY_FIELD, NgramConfig()], ids=lambda model: model.title)
def test_the_command_and_the_line_of_python_count_just_what_is_recorded(model):
    (best, *_) = offers([counted(model, 1.0)], 1e11)
    assert trained_by(best.command) == trained_in_python(best.call) == best.spec == recipes.counted(CORPUS, model)
    assert ("--recipe counts" in best.command) == ('recipe="counts"' in best.call) == (model == TUNED)


@pytest.mark.parametrize("budget", [1e12, 7.55e13, 1.26e10, 1234567890])
def test_the_command_and_the_line_of_python_train_just_the_recipe_of_the_budget(budget):
    (best, *_) = offers(network("mlp", {9: 1.0}), budget)
    assert trained_by(best.command) == trained_in_python(best.call) == best.spec == recipes.recipe("mlp", CORPUS, budget)
    assert ("protocol" in best.call) == (budget < 1e12)


@pytest.fixture(scope="module")
def recorded():
    """The published records: what was trained beside the study may be better or worse."""
    published = ledger.Ledger([files.LEDGER])
    return [result for result in frames.recorded() if published.find(result.record.spec)]


def test_the_recipe_of_counts_is_the_best_that_is_recorded_of_its_corpus(recorded):
    """`--recipe counts` takes no ledger: what it counts was chosen once, and a better record asks for another choice."""
    known = [advice.known(name, recorded) for name in data.names() if recipes.is_long_enough(name)]
    own = [one for one in known if one.best_counts and one.best_counts.spec.corpus == one.corpus]
    assert {one.best_counts.spec for one in own} == {recipes.recipe("counts", one.corpus, 0) for one in own} and len(own) > 3


def test_on_tiny_shakespeare_gated_counts_are_recommended_up_to_the_budget_at_which_networks_pass_them(recorded):
    known = advice.known("tiny_shakespeare", recorded)
    best = {budget: advice.offers(known, budget)[0] for budget in (1e9, 1e10, 1e12, 1e13, 1e14, 1e15)}
    assert {budget: offer.recipe for budget, offer in best.items()} == {
        1e9: "counts",
        **dict.fromkeys((1e10, 1e12, 1e13), "gated-counts"),
        **dict.fromkeys((1e14, 1e15), "transformer"),
    }
    assert best[1e9].command == "python -m tinylm train --recipe counts --corpus tiny_shakespeare"
    assert best[1e10].command == "python -m tinylm train --recipe gated-counts --corpus tiny_shakespeare --budget 1e10"
    assert not math.isnan(best[1e10].seen.low) and " to " in best[1e10].loss


def test_counts_of_another_training_text_are_named_after_it(recorded):
    best = advice.offers(advice.known("tiny_shakespeare-respelled", recorded), 1e11)[0]
    assert best.title.startswith("Counts of tiny_shakespeare (") and "--corpus tiny_shakespeare" in best.command.split("counts", 1)[1]
