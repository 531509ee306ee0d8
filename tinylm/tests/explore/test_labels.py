from dataclasses import replace

import pytest
from explorer import DENSE
from records import made
from synthetic import planned

from tinylm import study
from tinylm.config import NgramConfig, RunSpec, TrainConfig, TransformerConfig
from tinylm.explore import labels
from tinylm.study import titles

LONGER = replace(made().spec, train=TrainConfig(steps=4, eval_tokens=20))
COUNTS = RunSpec(corpus="grammar-char", model=NgramConfig(order=2), train=TrainConfig(epochs=1))


def test_names_and_sizes():
    run = study.section_plan("sweeps", "full")[-1]
    assert labels.run_of(made(spec=run.spec), study.by_key()) == run and labels.title(run) == f"sweeps/{run.name}"
    assert labels.sizes([35, 1_500]) == [("0", 0), ("1k", 1_000), ("2k", 2_000)] and labels.sizes([]) == [("0", 0), ("1k", 1_000)]


@pytest.mark.parametrize(
    ("model", "name"),
    [
        (DENSE, "Transformer"),
        (TransformerConfig(n_layer=1), "Self-Attention"),
        (NgramConfig(order=6, cache=2048), "KN-6 + cache 2,048"),
    ],
)
def test_a_run_outside_the_study_is_called_as_the_study_calls_such_models(model, name):
    spec = RunSpec(corpus="grammar-char", model=model, train=TrainConfig(epochs=1))
    run = labels.run_of(made(spec=spec), {})
    assert labels.title(run) == f"local/{name}, {spec.key[:8]}" and run.architecture == titles.architecture(model)


def test_a_result_is_called_otherwise_and_stays_what_it_is():
    found = labels.results([made(0)], {})[0]
    other = labels.called("another", found)
    assert other.run == replace(found.run, name="another") and other.record is found.record


def test_seeds_of_a_run_outside_the_study_share_a_name():
    first, second, other = (labels.run_of(found, {}) for found in (made(0), made(1), made(spec=LONGER)))
    assert labels.title(first) == labels.title(second) != labels.title(other)
    assert labels.title(first) == f"local/MLP, {made(0).spec.key[:8]}" and first.row == second.row


def test_results_are_current_and_stand_as_the_study_has_them():
    network, later, counts = (planned(name, spec) for name, spec in (("a", made(0).spec), ("b", made(1).spec), ("c", COUNTS)))
    known = {run.spec.key: run for run in (later, network, counts)}  # the last planned first, as the study gives them
    own = made(spec=LONGER)
    stale = replace(made(2), version="last-0 adam-0")
    found = labels.results([own, stale, made(spec=COUNTS), made(1), made(0)], known)
    assert [result.record.spec for result in found] == [network.spec, later.spec, LONGER, COUNTS]


@pytest.mark.parametrize(("value", "shown"), [(0, "0"), (500, "500"), (1_000, "1k"), (200_000, "200k"), (5 * 10**6, "5M"), (10**9, "1G")])
def test_a_size_is_short(value, shown):
    assert labels.short_count(value) == shown


def test_a_slider_of_sizes_ends_where_no_model_is_larger():
    for largest in (1_000, 1_001, 2 * 10**6, 2 * 10**6 + 1):
        *_, (_, before), (_, end) = labels.sizes([3, largest])
        assert before < largest <= end
