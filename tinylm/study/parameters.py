"""A section's parameters, checked by name and type before anything is planned from them."""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, get_args, get_origin

from tinylm.config import TinylmError

Plan = TypeVar("Plan")


class StudyError(TinylmError):
    """A profile, section or parameter that the study does not have."""


def checked(section: Callable[..., Plan]) -> Callable[..., Plan]:
    """A section whose parameters are checked by name and type first; StudyError names the one to change."""
    hints = {name: parameter.annotation for name, parameter in inspect.signature(section).parameters.items()}

    @wraps(section)
    def plan_section(**parameters: Any) -> Plan:
        unknown, absent = sorted(parameters.keys() - hints), sorted(hints.keys() - parameters)
        if unknown or absent:
            problem = f"has no parameter {unknown[0]!r}" if unknown else f"needs the parameter {absent[0]!r}"
            raise StudyError(f"{section.__name__} {problem}; its parameters are {', '.join(hints)}")
        for name, value in parameters.items():
            _check_parameter(name, hints[name], value)
        return section(**parameters)

    return plan_section


def _check_parameter(name: str, hint: Any, value: Any) -> None:
    """Raise StudyError for a value that is not of the annotated type; which numbers make sense is the configs' business."""
    if get_origin(hint) is list:
        if not isinstance(value, list | tuple) or not value:
            raise StudyError(f"{name}: needs a list in square brackets with at least one entry, got {value!r}")
        for entry in value:
            _check_parameter(name, get_args(hint)[0], entry)
    elif isinstance(value, str) != (hint is str) or isinstance(value, bool) or not isinstance(value, str | int | float):
        raise StudyError(f"{name}: needs {'a name in quotes' if hint is str else 'a number without quotes'}, got {value!r}")
