"""What a user calls: a mistake in its arguments and an interrupt are one line each."""

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar, cast

from tinylm.config.errors import TinylmError, instead, listed
from tinylm.config.interrupts import in_one_line

F = TypeVar("F", bound=Callable[..., Any])


class CallError(TinylmError, TypeError):
    """Arguments that a function does not take."""


def public(stopped: str = "stopped before it was done; repeat to begin again") -> Callable[[F], F]:
    """A decorator: CallError with the nearest name for arguments that a function does not take, and Stopped for an interrupt."""

    def decorate(function: F) -> F:
        signature = inspect.signature(function)

        @functools.wraps(function)
        def called(*args: Any, **kwargs: Any) -> Any:
            try:
                signature.bind(*args, **kwargs)
            except TypeError as error:
                raise CallError(f"{function.__qualname__.removesuffix('.__init__')}: {error}; {_advice(signature, kwargs)}") from None
            with in_one_line(stopped):
                return function(*args, **kwargs)

        return cast(F, called)

    return decorate


def _advice(signature: inspect.Signature, kwargs: dict[str, Any]) -> str:
    """The name that is nearest to a wrong one, if there is one, and those that there are."""
    kinds = {name: parameter.kind for name, parameter in signature.parameters.items() if name != "self"}
    names = ["NAME=VALUE" if kind is inspect.Parameter.VAR_KEYWORD else name for name, kind in kinds.items()]
    wrong = [name for name in kwargs if name not in kinds]
    return instead(wrong[0], names, "it takes") if wrong else f"it takes {listed(names)}"
