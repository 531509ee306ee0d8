"""The whole suite runs in two processes, which take turns at files; tests that are named run in pytest's own process, which starts at once.

`pytest -n 0` runs all in one process, too.
"""

import os
from pathlib import Path

import pytest

MOST = 2  # processes; some tests start more of their own

# Files that take long come first, the longest before all: else one process would end with them alone.
FIRST = ("report/test_pipeline.py", "training/test_kills.py", "training/test_faults.py")


def number(config: pytest.Config) -> int:
    """How many processes run what was asked for; none beside pytest's own for tests that are named."""
    return min(MOST, os.cpu_count() or 1) if config.args_source is config.ArgsSource.TESTPATHS else 0


def rank(path: Path) -> int:
    """Where tests of a file stand: those of the slow files, notebooks, all others."""
    places = [path.as_posix().endswith(f"/tests/{name}") for name in FIRST]
    return places.index(True) if any(places) else len(FIRST) + (path.suffix != ".ipynb")
