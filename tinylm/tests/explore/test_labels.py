from dataclasses import replace

import pytest
from records import made

from tinylm import study
from tinylm.config import NgramConfig, RunSpec, TrainConfig
from tinylm.explore import labels

LONGER = replace(made().spec, train=TrainConfig(steps=4, eval_tokens=20))
COUNTS = RunSpec(corpus="grammar-char", model=NgramConfig(order=2), train=TrainConfig(epochs=1))


def test_names_and_sizes():
    run = study.section_plan("sweeps", "full")[-1]
    assert labels.title(run) == f"sweeps/{run.name}"
    assert labels.sizes([35, 1_500]) == [("0", 0), ("1k", 1_000), ("2k", 2_000)] and labels.sizes([]) == [("0", 0), ("1k", 1_000)]


@pytest.mark.parametrize(("value", "shown"), [(0, "0"), (500, "500"), (1_000, "1k"), (200_000, "200k"), (5 * 10**6, "5M"), (10**9, "1G")])
def test_a_size_is_short(value, shown):
    assert labels.short_count(value) == shown


def test_a_slider_of_sizes_ends_where_no_model_is_larger():
    for largest in (1_000, 1_001, 2 * 10**6, 2 * 10**6 + 1):
        *_, (_, before), (_, end) = labels.sizes([3, largest])
        assert before < largest <= end
