"""Checks of the arguments of a model's methods: texts and whole numbers. Needs neither torch nor a corpus."""

import numbers
from typing import Any

from tinylm.config import TinylmError, shown


class ModelError(TinylmError):
    """A request that a model cannot carry out."""


def text(value: Any) -> str:
    """A text as it is; ModelError for anything else."""
    if not isinstance(value, str):
        raise ModelError(f"give a text in quotes, got {shown.brief(value)}")
    return value


def whole(name: str, value: Any, least: int, most: int | None = None) -> int:
    """A number that is whole and in its range; ModelError, which names it, for anything else."""
    is_whole = isinstance(value, numbers.Real) and not isinstance(value, bool) and value % 1 == 0
    if not is_whole or value < least or (most is not None and value > most):
        span = f"from {least} up" if most is None else f"from {least} to {most}"
        raise ModelError(f"{name} must be a whole number {span}, got {value!r}")
    return int(value)
