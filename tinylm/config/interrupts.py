"""Ctrl-C and a notebook's *Interrupt*: said in one line, and held back while a module is imported."""

import _thread
import contextlib
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from types import FrameType
from typing import Any

from tinylm.config.errors import TinylmError

ENDING = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]  # `timeout`, batch systems; a lost terminal
IMPORTING = "<frozen importlib._bootstrap>"  # the file of the frames that import a module
AGAIN = 0.05  # seconds after which an interrupt that was held is tried again


class Stopped(TinylmError, KeyboardInterrupt):
    """An interrupt, whose message says how far it let things go."""


@contextlib.contextmanager
def in_one_line(message: str) -> Iterator[None]:
    """Say an interrupt of what is within, which leaves nothing half done, as Stopped with a message.

    An import within is finished first, whoever asks for it: half an imported torch or numpy stays broken.
    """
    try:
        with _whole_imports():
            yield
    except Stopped:
        raise
    except KeyboardInterrupt:
        raise Stopped(message) from None


@contextlib.contextmanager
def ended_like_interrupted() -> Iterator[None]:
    """Hear the signals that end a process as Ctrl-C, so that what is within can save its state.

    One that is ignored, as by `nohup`, or has a handler of the caller's stays so. Only the main thread hears any.
    """
    is_main = threading.current_thread() is threading.main_thread()
    heard = [number for number in ENDING if is_main and signal.getsignal(number) is signal.SIG_DFL]
    for number in heard:
        signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number in heard:
            signal.signal(number, signal.SIG_DFL)


def uninterrupted() -> AbstractContextManager[None]:
    """`in_one_line` for imports alone."""
    return in_one_line("stopped while packages were loaded; repeat to go on")


@contextlib.contextmanager
def _whole_imports() -> Iterator[None]:
    """Hold an interrupt back while an import that began within is not done; a handler of the caller's own is called then.

    Only the main thread is interrupted, so in another one nothing is held.
    """
    before: Any = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):  # which is not to be told, or ends the process
        yield
        return
    begun, held = _imports(sys._getframe()), threading.Event()

    def heard(number: int, frame: FrameType | None) -> None:
        if _imports(frame) <= begun:
            held.clear()
            before(number, frame)
        elif not held.is_set():
            held.set()
            _thread.start_new_thread(_repeat, (held,))  # a Thread takes locks, which the interrupted code may have

    signal.signal(signal.SIGINT, heard)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if held.is_set():
            held.clear()
            signal.raise_signal(signal.SIGINT)


def _repeat(held: threading.Event) -> None:
    """Interrupt the main thread until it is no longer held."""
    while held.is_set():
        time.sleep(AGAIN)
        if held.is_set():
            _thread.interrupt_main()


def _imports(frame: FrameType | None) -> int:
    """How many frames below one import a module."""
    n = 0
    while frame is not None:
        n += frame.f_code.co_filename == IMPORTING
        frame = frame.f_back
    return n
