import signal
import sys
import threading
import time

import pytest

from tinylm.config import TinylmError
from tinylm.config.interrupts import ENDING, Stopped, ended_like_interrupted, in_one_line, uninterrupted

LOADED = "^stopped while packages were loaded; repeat to go on$"
MODULE = """
import signal
signal.raise_signal(signal.SIGINT)
import {name}_part
done = True
"""
CALLER = """
import signal
from tinylm.config.interrupts import in_one_line
with in_one_line("stopped"):
    signal.raise_signal(signal.SIGINT)
    assert False
"""


@pytest.fixture
def pressing(tmp_path, monkeypatch):
    """The name of a module that is interrupted while it is imported, and imports a part of its own afterwards."""
    name = "interrupted_import"
    (tmp_path / f"{name}.py").write_text(MODULE.format(name=name))
    (tmp_path / f"{name}_part.py").write_text("import time\ntime.sleep(0.2)")
    monkeypatch.syspath_prepend(tmp_path)
    yield name
    for module in (name, f"{name}_part"):
        sys.modules.pop(module, None)


def test_an_interrupt_waits_for_the_end_of_an_import_and_is_one_line(pressing):
    done = []
    with pytest.raises(Stopped, match=LOADED) as stopped, uninterrupted():
        __import__(pressing)
        time.sleep(5)
        done.append("not this")
    assert sys.modules[pressing].done and not done
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert isinstance(stopped.value, TinylmError) and isinstance(stopped.value, KeyboardInterrupt)


def test_what_ends_with_its_import_is_interrupted_all_the_same(pressing):
    with pytest.raises(Stopped, match="^stopped; again$"), in_one_line("stopped; again"):
        __import__(pressing)
    assert sys.modules[pressing].done


def test_without_an_import_an_interrupt_waits_for_nothing():
    done = []
    with pytest.raises(Stopped, match="^stopped; again$"), in_one_line("stopped; again"):
        signal.raise_signal(signal.SIGINT)
        done.append("not this")
    assert not done


def test_what_is_called_by_an_import_can_be_interrupted(tmp_path, monkeypatch):
    (tmp_path / "calling_import.py").write_text(CALLER)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(Stopped, match="^stopped$"):
        __import__("calling_import")


def test_an_interrupt_that_has_a_sentence_keeps_it():
    with pytest.raises(Stopped, match="^half a text$"), in_one_line("stopped; again"):
        raise Stopped("half a text")


def test_an_error_is_not_hidden_and_the_handler_is_put_back():
    with pytest.raises(ZeroDivisionError), uninterrupted():
        1 / 0  # noqa: B018
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_handler_of_ones_own_hears_the_interrupt_afterwards(pressing):
    heard = []
    before = signal.signal(signal.SIGINT, lambda *_: heard.append(getattr(sys.modules[pressing], "done", False)))
    try:
        with uninterrupted():
            __import__(pressing)
        assert heard == [True]
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
