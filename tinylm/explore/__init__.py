"""The interactive explorer: recorded runs, what a budget buys, continuations, attention. A panel is the last line of a notebook cell.

Panels hand out what they show: `data`, a DataFrame, and those that draw also `figure`. Loads torch only where a model computes.
"""

import sys
from typing import NoReturn

from tinylm.config.errors import MissingAttribute
from tinylm.explore.attention import Attention
from tinylm.explore.budget import Budget
from tinylm.explore.continuations import Continuations
from tinylm.explore.runs import Runs

__all__ = ["Attention", "Budget", "Continuations", "Runs"]


def __getattr__(name: str) -> NoReturn:
    raise MissingAttribute("module 'tinylm.explore'", name, sys.modules[__name__])


def __dir__() -> list[str]:
    return __all__
