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


@pytest.mark.parametrize("size", [1, 2, 5])
@pytest.mark.parametrize(
    ("text", "stops", "found"),
    [
        ("abcabd", ["abd"], "abc"),
        ("abcabd", ["bd", "ca"], "ab"),
        ("abcabd", ["x"], "abcabd"),
        ("abcab", ["abd"], "abcab"),  # what was held back comes at the end
        ("aaab", ["aab"], "a"),
        ("ab", ["a"], ""),
        ("", ["a"], ""),
    ],
)
def test_a_text_ends_before_the_first_stop_however_it_is_cut(text, stops, found, size):
    pieces = [text[i : i + size] for i in range(0, len(text), size)]
    assert "".join(arguments.until(pieces, stops)) == found


def test_what_is_no_beginning_of_a_stop_is_given_at_once():
    pieces = iter(["a", "b", "x", "y"])
    found = arguments.until(pieces, ["xz"])
    assert [next(found), next(found), next(found)] == ["a", "b", "xy"]


@pytest.mark.parametrize("bad", ["", [""], ["a", 1], 3, None, {"a"}])
def test_stops_are_texts(bad):
    with pytest.raises(ModelError, match="stop must be a text, or a list of texts"):
        arguments.texts("stop", bad)
    assert (
        arguments.texts("stop", "ab") == ("ab",) and arguments.texts("stop", ["a", "b"]) == ("a", "b") and arguments.texts("stop", ()) == ()
    )
