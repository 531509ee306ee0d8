import numpy as np
import pytest

from tinylm.evaluation import arguments
from tinylm.evaluation.arguments import ModelError


def test_whole_numbers_in_range_are_taken_in_any_type():
    for value in (3, 3.0, np.int64(3)):
        found = arguments.whole("k", value, 1, 3)
        assert found == 3 and type(found) is int
    assert arguments.whole("k", 10**9, 1) == 10**9


@pytest.mark.parametrize("value", ["a", None, 2.5, True, 0, 4, float("nan"), float("inf"), [1]])
def test_other_numbers_are_refused_with_the_range(value):
    with pytest.raises(ModelError, match="k must be a whole number from 1 to 3, got"):
        arguments.whole("k", value, 1, 3)
    with pytest.raises(ModelError, match="k must be a whole number from 5 up, got"):
        arguments.whole("k", value, 5)


def test_only_a_text_is_a_text():
    assert arguments.text("") == ""
    for value in (5, None, b"a", ["a"]):
        with pytest.raises(ModelError, match="give a text in quotes, got"):
            arguments.text(value)
