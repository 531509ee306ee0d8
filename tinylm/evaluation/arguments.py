"""Checks of the arguments of a model's methods: texts and whole numbers. Needs neither torch nor a corpus."""

import numbers
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from tinylm.config import TinylmError, shown


class ModelError(TinylmError):
    """A request that a model cannot carry out."""


def text(value: Any) -> str:
    """A text as it is; ModelError for anything else."""
    if not isinstance(value, str):
        raise ModelError(f"give a text in quotes, got {shown.brief(value)}")
    return value


def texts(name: str, value: Any) -> tuple[str, ...]:
    """One text or several as a tuple; ModelError for what are none, and for an empty one."""
    found = (value,) if isinstance(value, str) else value
    if not isinstance(found, list | tuple) or not all(isinstance(one, str) and one for one in found):
        raise ModelError(f"{name} must be a text, or a list of texts, of one character or more, got {shown.brief(value)}")
    return tuple(found)


def until(pieces: Iterable[str], stops: Sequence[str]) -> Iterator[str]:
    """The pieces of a text before the first of some texts that it comes to; what may be the beginning of one is held back."""
    held = ""
    for piece in pieces:
        held += piece
        if places := [held.index(stop) for stop in stops if stop in held]:
            yield held[: min(places)]
            return
        kept = max(n for stop in stops for n in range(len(stop)) if held.endswith(stop[:n]))
        ready, held = held[: len(held) - kept], held[len(held) - kept :]
        if ready:
            yield ready
    yield held


def whole(name: str, value: Any, least: int, most: int | None = None) -> int:
    """A number that is whole and in its range; ModelError, which names it, for anything else."""
    is_whole = isinstance(value, numbers.Real) and not isinstance(value, bool) and value % 1 == 0
    if not is_whole or value < least or (most is not None and value > most):
        span = f"from {least} up" if most is None else f"from {least} to {most}"
        raise ModelError(f"{name} must be a whole number {span}, got {value!r}")
    return int(value)
