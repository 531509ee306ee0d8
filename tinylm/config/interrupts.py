"""Ctrl-C and a notebook's *Interrupt*: said in one line, and held back where half of a step would be worse than all of it."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Any

from tinylm.config.errors import TinylmError

ENDING = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]  # `timeout`, batch systems; a lost terminal


class Stopped(TinylmError, KeyboardInterrupt):
    """An interrupt, whose message says how far it let things go."""


@contextlib.contextmanager
def in_one_line(message: str) -> Iterator[None]:
    """Say an interrupt of what is within, which leaves nothing half done, as Stopped with a message."""
    try:
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


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold an interrupt back until the imports within are done, then raise Stopped: half an imported torch or numpy stays broken.

    A handler of the caller's own is called instead. Only the main thread is interrupted, so in another one nothing is held.
    """
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or before is None:  # None: a handler that Python cannot put back
        yield
        return
    held: list[Any] = []
    signal.signal(signal.SIGINT, lambda *_: held.append(True))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if held:
            if before is signal.default_int_handler:
                raise Stopped("stopped while packages were loaded; repeat to go on")
            signal.raise_signal(signal.SIGINT)
