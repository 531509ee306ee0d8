import inspect
import signal

import pytest

from tinylm.config import TinylmError
from tinylm.config.calls import CallError, public
from tinylm.config.interrupts import Stopped


@public("stopped; again")
def doubled(number: int, times: int = 2) -> int:
    """A number several times."""
    return number * times


@public()
def fields(**values: int) -> dict[str, int]:
    """Values by name."""
    return values


class Asked:
    @public()
    def method(self, text):
        """Nothing is asked."""

    @public()
    def __init__(self, text):
        signal.raise_signal(signal.SIGINT)


WRONG = {
    "doubled: missing a required argument: 'number'; it takes number, times": lambda: doubled(),
    "doubled: got an unexpected keyword argument 'time'; did you mean 'times'? It takes number, times": lambda: doubled(1, time=3),
    "fields: too many positional arguments; it takes NAME=VALUE": lambda: fields("a"),
    "Asked.method: missing a required argument: 'text'; it takes text": lambda: Asked.method(None),
    "Asked: missing a required argument: 'text'; it takes text": lambda: Asked(),
}


@pytest.mark.parametrize("message", WRONG)
def test_a_wrong_argument_meets_the_nearest_name_and_all_there_are(message):
    with pytest.raises(TypeError) as wrong:
        WRONG[message]()
    assert isinstance(wrong.value, CallError) and isinstance(wrong.value, TinylmError) and str(wrong.value) == message


def test_a_call_is_as_it_is_written():
    assert doubled(3) == 6 and doubled(number=3, times=3) == 9 and fields(a=1) == {"a": 1}
    assert doubled.__doc__ == "A number several times." and list(inspect.signature(doubled).parameters) == ["number", "times"]


def test_a_type_error_within_is_not_taken_for_a_wrong_call():
    with pytest.raises(TypeError) as wrong:
        doubled(None)
    assert not isinstance(wrong.value, CallError)


def test_an_interrupt_is_one_line():
    with pytest.raises(Stopped, match="^stopped before it was done; repeat to begin again$"):
        Asked("text")
