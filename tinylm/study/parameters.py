"""A section of the study: its notebook, its plan, and its parameters under each profile, checked by name and type.

The profile `full` is the published study, `quick` a small one trained live, `smoke` a test of minutes at most.
"""

import ast
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, wraps
from itertools import pairwise
from typing import Any, TypeVar, get_args, get_origin

from tinylm.config.errors import instead, unknown
from tinylm.study.planned import Planned, StudyError

INJECTED = "# Parameters\n"  # the first line of papermill's cell
PROFILES = ("full", "quick", "smoke")
Plan = TypeVar("Plan")


@dataclass(frozen=True, kw_only=True)
class Section:
    """A section: the name of its notebook without the suffix, and a plan whose defaults are the parameters of the full profile.

    `quick` and `smoke` hold what those profiles change. The section is named as its plan is.
    """

    notebook: str
    plan: Callable[..., list[Planned]]
    quick: Mapping[str, Any] = field(default_factory=dict)
    smoke: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name of the plan function."""
        return self.plan.__name__

    def parameters(self, profile: str) -> dict[str, Any]:
        """Every parameter under a profile, as the notebook's parameter cell has it; StudyError for an unknown profile."""
        if profile not in PROFILES:
            raise StudyError(unknown("profile", profile, PROFILES))
        defaults = {name: parameter.default for name, parameter in inspect.signature(self.plan).parameters.items()}
        values = defaults | {"full": {}, "quick": self.quick, "smoke": self.smoke}[profile]
        return {name: _lists(value) for name, value in values.items()}

    def planned(self, profile: str) -> list[Planned]:
        """The planned runs under a profile, made once."""
        if profile not in self._made:
            self._made[profile] = self.plan(**self.parameters(profile))
        return list(self._made[profile])

    @cached_property
    def _made(self) -> dict[str, list[Planned]]:
        return {}


def _lists(value: Any) -> Any:
    """Tuples as lists, as a notebook's cell has them."""
    return [_lists(entry) for entry in value] if isinstance(value, list | tuple) else value


def checked(section: Callable[..., Plan]) -> Callable[..., Plan]:
    """A section whose parameters are checked by name and type first; StudyError names the one to change."""
    hints = {name: parameter.annotation for name, parameter in inspect.signature(section).parameters.items()}

    @wraps(section)
    def plan_section(**parameters: Any) -> Plan:
        if foreign := sorted(parameters.keys() - hints):
            known = instead(foreign[0], hints, "its parameters are")
            raise StudyError(f"{section.__name__} has no parameter {foreign[0]!r}; {known}")
        _check_injected(section.__name__, hints)
        for name, value in parameters.items():
            _check_parameter(name, hints[name], value)
        return section(**parameters)

    return plan_section


def _check_injected(section: str, known: Mapping[str, Any]) -> None:
    """Raise StudyError for a parameter from papermill's command line that a notebook does not have: it would change nothing.

    Papermill writes its parameters into a cell of their own, behind the one that stores the notebook's.
    """
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    cells = shell.user_ns.get("In", []) if shell else []
    for stored, injected in pairwise(cells):
        names = _assigned(stored)
        if injected.startswith(INJECTED) and known.keys() & names:
            for name in sorted(_assigned(injected) - names):
                raise StudyError(f"{section} has no parameter {name!r}; {instead(name, known, 'its parameters are')}")


def _assigned(cell: str) -> set[str]:
    """The names that a cell gives values to; none for one that is not all Python."""
    try:
        statements = ast.parse(cell).body
    except SyntaxError:
        return set()
    return {target.id for one in statements if isinstance(one, ast.Assign) for target in one.targets if isinstance(target, ast.Name)}


def _check_parameter(name: str, hint: Any, value: Any) -> None:
    """Raise StudyError for a value that is not of the annotated type; which numbers make sense is the configs' business."""
    if get_origin(hint) is Sequence:
        if not isinstance(value, list | tuple) or not value:
            raise StudyError(f"{name}: needs a list in square brackets with at least one entry, got {value!r}")
        for entry in value:
            _check_parameter(name, get_args(hint)[0], entry)
    elif get_origin(hint) is tuple:
        if not isinstance(value, list | tuple) or len(value) != len(get_args(hint)):
            raise StudyError(f"{name}: needs rows of {len(get_args(hint))} entries in square brackets, got {value!r}")
        for entry_hint, entry in zip(get_args(hint), value, strict=True):
            _check_parameter(name, entry_hint, entry)
    elif isinstance(value, str) != (hint is str) or isinstance(value, bool) or not isinstance(value, str | int | float):
        raise StudyError(f"{name}: needs {'a name in quotes' if hint is str else 'a number without quotes'}, got {value!r}")
