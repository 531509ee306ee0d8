"""Dataclasses whose fields are checked by name and coerced to their declared types when they are made."""

import dataclasses
import functools
import inspect
import numbers
import sys
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, Self, get_args, get_origin, get_type_hints

from tinylm.config import shown
from tinylm.config.errors import FieldError, Spelt, instead, listed, unknown

LIST = "\n\n- "  # begins a list in a docstring
ROUND = 10**6  # from here on numbers are hard to read digit by digit
MOST = {int: 2**63 - 1, float: sys.float_info.max}  # what numpy and torch count with


class Checked(Spelt):
    """Coerce every field to its declared type, so that equal settings are equal specs (1e15 is 10**15).

    FieldError for a field that there is not, one without a value, and a value without its field's name. `public` is the class's name for
    those who use it, where that is another one.
    """

    public: ClassVar[str] = ""

    def __init_subclass__(cls) -> None:
        """Add what the docstrings of its bases say of fields to its own, for whoever asks for help."""
        super().__init_subclass__()
        told = [_fields(base) for base in cls.__bases__]
        own = inspect.cleandoc(cls.__doc__ or "")
        cls.__doc__ = own + ("\n" if LIST in own else "\n\n" if any(told) else "") + "\n".join(filter(None, told))

    # Not a metaclass's __call__, which would hide the fields from whatever completes or documents a call.
    def __new__(cls, /, *unnamed: Any, **given: Any) -> Self:
        _check_names(cls, unnamed, given)
        return super().__new__(cls)

    def __getnewargs_ex__(self) -> tuple[tuple[()], dict[str, Any]]:
        """What copy and pickle give to __new__."""
        return (), {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.init}

    def __post_init__(self) -> None:
        owner = self.called()
        for name, hint in _declared(type(self)):
            given = getattr(self, name)
            if (value := _coerce(owner, name, hint, given)) is not given:
                object.__setattr__(self, name, value)
        self.check()

    def __repr__(self) -> str:
        """The class with the fields that differ from their defaults; a subclass is a dataclass with repr=False."""
        return f"{self.called()}({self.settings()})"

    @classmethod
    def called(cls) -> str:
        """The name of the class for those who use it."""
        return vars(cls).get("public") or cls.__name__

    def changed(self) -> dict[str, Any]:
        """The fields that differ from their defaults."""
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.init and getattr(self, f.name) != f.default}

    def settings(self) -> str:
        """The fields that differ from their defaults, as one writes them."""
        return ", ".join(f"{name}={_written(value)}" for name, value in self.changed().items())

    def check(self) -> None:
        """Raise ConfigError where the fields contradict each other."""

    def require(self, condition: bool, message: str) -> None:
        """Raise ConfigError with the class's public name before the message, unless the condition holds."""
        if not condition:
            raise FieldError(self.called(), "", message)


hints = functools.cache(get_type_hints)  # a command makes ten thousand configs of a dozen classes, when it reads the records


@functools.cache
def _declared(cls: type) -> list[tuple[str, Any]]:
    """The fields of a class with their types."""
    return [(f.name, hints(cls)[f.name]) for f in dataclasses.fields(cls)]


@functools.cache
def _given(cls: type) -> dict[str, dataclasses.Field]:
    """The fields that are given when a class is made, by name."""
    return {f.name: f for f in dataclasses.fields(cls) if f.init}


def _fields(base: type) -> str:
    """What a docstring says of fields: the list that ends it, if there is one."""
    _, mark, told = inspect.cleandoc(base.__doc__ or "").partition(LIST)
    return f"{mark.strip()} {told}" if mark else ""


def _written(value: Any) -> str:
    """A value as one would type it: large round numbers by their power of ten."""
    is_round = isinstance(value, int) and value >= ROUND and float(shown.short(value)) == value
    return shown.short(value) if is_round else repr(value)


def _check_names(cls: Any, unnamed: Sequence[Any], given: Mapping[str, Any]) -> None:
    """Raise FieldError unless the given fields are those of a class, and all that have no default are among them."""
    fields = _given(cls)
    if unnamed:
        instead_of = ", ".join(map(repr, unnamed))
        raise FieldError(cls.called(), "", f"write FIELD=VALUE instead of {instead_of}; its fields are {listed(fields)}")
    for name in given:
        if name not in fields:
            problem = f"{getattr(cls, 'kind', '') or cls.called()} has no such field; {instead(name, fields, 'its fields are')}"
            raise FieldError(cls.called(), name, problem)
    for name, field in fields.items():
        if name not in given and field.default is field.default_factory is dataclasses.MISSING:
            raise FieldError(cls.called(), name, "must be given")


def _coerce(owner: str, name: str, hint: Any, value: Any) -> Any:
    if hint in MOST:
        if type(value) is hint and 0 <= value <= MOST[hint]:  # as most are
            return value
        return _coerce_number(owner, name, hint, value)
    if get_origin(hint) is Literal:
        if value not in get_args(hint):
            raise FieldError(owner, name, unknown("value", value, get_args(hint)))
        return value
    if get_origin(hint) is tuple:
        if not isinstance(value, list | tuple):
            raise FieldError(owner, name, f"needs a list of numbers, got {value!r}; write a single one as 2,")
        return tuple(_coerce(owner, name, get_args(hint)[0], entry) for entry in value)
    if not isinstance(value, hint):
        kind = (get_args(hint) or (hint,))[0]  # of one that may be left out
        raise FieldError(owner, name, f"needs a {kind.__name__}, got {value!r} ({type(value).__name__})")
    return value


def _coerce_number(owner: str, name: str, hint: type, value: Any) -> int | float:
    kind = "whole number" if hint is int else "number"
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        advice = "; write it without quotes" if isinstance(value, str) else ""
        raise FieldError(owner, name, f"needs a {kind}, got {value!r} ({type(value).__name__}{advice})")
    if value != value or value in (float("inf"), float("-inf")):
        raise FieldError(owner, name, f"needs a finite {kind}, got {value!r}")
    if hint is int and int(value) != value:
        raise FieldError(owner, name, f"needs a whole number, got {value!r}")
    if value < 0:
        raise FieldError(owner, name, f"must not be negative, got {value!r}")
    if value > MOST[hint]:  # it may have more digits than Python writes
        raise FieldError(owner, name, f"must be below {'2**63' if hint is int else '1e308'}")
    return hint(value)
