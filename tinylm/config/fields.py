"""Dataclasses whose fields are coerced to their declared types when they are made, and the errors of all of tinylm."""

import dataclasses
import numbers
from typing import Any, Literal, get_args, get_origin, get_type_hints


class TinylmError(Exception):
    """A user's mistake: its message says what to do, and the command line prints it without a traceback."""


class ConfigError(TinylmError):
    """A setting that cannot be run."""


class FieldError(ConfigError):
    """A field that cannot be run; its `args` are the class, the field ("" where several are at odds) and what is wrong."""

    # No __init__ of its own: a worker process hands an error on as its class and args.
    def __str__(self) -> str:
        owner, name, problem = self.args
        return f"{owner}.{name}: {problem}" if name else f"{owner}: {problem}"


class Checked:
    """Coerce every field to its declared type, so that equal settings are equal specs (1e15 is 10**15)."""

    def __post_init__(self) -> None:
        hints = get_type_hints(type(self))
        for f in dataclasses.fields(self):
            value = _coerce(type(self).__name__, f.name, hints[f.name], getattr(self, f.name))
            object.__setattr__(self, f.name, value)
        self.check()

    def __repr__(self) -> str:
        """The class with the fields that differ from their defaults; a subclass is a dataclass with repr=False."""
        said = [f for f in dataclasses.fields(self) if f.init and getattr(self, f.name) != f.default]
        return f"{type(self).__name__}({', '.join(f'{f.name}={getattr(self, f.name)!r}' for f in said)})"

    def check(self) -> None:
        """Raise ConfigError where the fields contradict each other."""

    def require(self, condition: bool, message: str) -> None:
        """Raise ConfigError with the class's name before the message, unless the condition holds."""
        if not condition:
            raise FieldError(type(self).__name__, "", message)


def _coerce(owner: str, name: str, hint: Any, value: Any) -> Any:
    if get_origin(hint) is Literal:
        if value not in get_args(hint):
            raise FieldError(owner, name, f"unknown value {value!r}; choose one of {', '.join(get_args(hint))}")
        return value
    if hint in (int, float):
        return _coerce_number(owner, name, hint, value)
    if get_origin(hint) is tuple:
        if not isinstance(value, list | tuple):
            raise FieldError(owner, name, f"needs a list of numbers, got {value!r}; write a single one as 2,")
        return tuple(_coerce(owner, name, get_args(hint)[0], entry) for entry in value)
    if not isinstance(value, hint):
        raise FieldError(owner, name, f"needs a {hint.__name__}, got {value!r} ({type(value).__name__})")
    return value


def _coerce_number(owner: str, name: str, hint: type, value: Any) -> int | float:
    kind = "whole number" if hint is int else "number"
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise FieldError(owner, name, f"needs a {kind}, got {value!r} ({type(value).__name__}; write it without quotes)")
    if value != value or value in (float("inf"), float("-inf")):
        raise FieldError(owner, name, f"needs a finite {kind}, got {value!r}")
    if hint is int and int(value) != value:
        raise FieldError(owner, name, f"needs a whole number, got {value!r}")
    if value < 0:
        raise FieldError(owner, name, f"must not be negative, got {value!r}")
    try:
        return hint(value)
    except OverflowError as error:
        raise FieldError(owner, name, f"{str(value)[:12]}... is too large") from error
