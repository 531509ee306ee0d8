import pytest
from explorer import DENSE, trained

from tinylm.evaluation import loading
from tinylm.evaluation.weights import WeightsError


def test_a_model_comes_by_its_name_its_key_and_its_file(home):
    spec = trained(DENSE, "all")
    by_key = loading.load(spec.key[:8])
    assert by_key.spec == spec == loading.load(by_key.path).spec
    listed = loading.list_models()
    assert listed["key"].tolist() == [spec.key] and listed["file"].tolist() == [str(by_key.path)]


def test_counts_are_counted_when_they_are_asked_for(home):
    counts = loading.load("control/KN-4")
    assert counts.spec.is_counts and counts.spec.corpus == "grammar-char"
    assert loading.load(counts.spec.key).spec == counts.spec


def test_what_is_not_here_says_how_it_comes(home):
    with pytest.raises(WeightsError, match="train it with: python -m tinylm train --run"):
        loading.load("RoPE@1")
    with pytest.raises(WeightsError, match="no run is called"):
        loading.load("nothing of the kind")


def test_without_any_model_the_list_is_empty(home):
    assert loading.list_models().empty
