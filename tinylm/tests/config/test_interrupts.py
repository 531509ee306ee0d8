import signal
import threading

import pytest

from tinylm.config import TinylmError
from tinylm.config.interrupts import ENDING, Stopped, ended_like_interrupted, in_one_line, uninterrupted


def test_an_interrupt_waits_for_the_end_of_the_block_and_is_one_line():
    done = []
    with pytest.raises(Stopped, match="^stopped while packages were loaded; repeat to go on$") as stopped:
        with uninterrupted():
            signal.raise_signal(signal.SIGINT)
            done.append("the rest")
        done.append("not this")
    assert done == ["the rest"] and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert isinstance(stopped.value, TinylmError) and isinstance(stopped.value, KeyboardInterrupt)


def test_an_interrupt_without_a_sentence_of_its_own_gets_one():
    with pytest.raises(Stopped, match="^stopped; again$"), in_one_line("stopped; again"):
        raise KeyboardInterrupt
    with pytest.raises(Stopped, match="^half a text$"), in_one_line("stopped; again"):
        raise Stopped("half a text")


def test_blocks_may_lie_in_each_other():
    done = []
    with pytest.raises(Stopped), uninterrupted():
        with uninterrupted():
            signal.raise_signal(signal.SIGINT)
        done.append("the outer one's rest")
    assert done


def test_an_error_is_not_hidden_and_the_handler_is_put_back():
    with pytest.raises(ZeroDivisionError), uninterrupted():
        1 / 0  # noqa: B018
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_handler_of_ones_own_hears_the_interrupt_afterwards():
    heard = []
    before = signal.signal(signal.SIGINT, lambda *_: heard.append("interrupt"))
    try:
        with uninterrupted():
            signal.raise_signal(signal.SIGINT)
            assert not heard
        assert heard == ["interrupt"]
    finally:
        signal.signal(signal.SIGINT, before)


def test_in_a_thread_of_its_own_nothing_is_held():
    inside = []

    def imports():
        with uninterrupted():
            inside.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=imports)
    thread.start()
    thread.join()
    assert inside == [signal.default_int_handler]


@pytest.mark.parametrize("number", ENDING)
def test_a_signal_that_ends_the_process_is_an_interrupt_within_the_block_only(number):
    with pytest.raises(KeyboardInterrupt), ended_like_interrupted(), ended_like_interrupted():
        signal.raise_signal(number)
    assert signal.getsignal(number) is signal.SIG_DFL


@pytest.mark.parametrize("number", ENDING)
def test_a_signal_that_is_ignored_or_the_callers_stays_so(number):
    heard = []
    for handler in (signal.SIG_IGN, lambda *_: heard.append(number)):
        signal.signal(number, handler)
        try:
            with ended_like_interrupted():
                signal.raise_signal(number)
            assert signal.getsignal(number) is handler
        finally:
            signal.signal(number, signal.SIG_DFL)
    assert heard == [number]


def test_in_another_thread_no_signal_is_heard():
    found = []

    def look():
        with ended_like_interrupted():
            found.append(signal.getsignal(ENDING[0]))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert found == [signal.SIG_DFL]
