"""Timings -> a table."""

from typing import Any

import pandas as pd

from tinylm.report import timings


def timed(facts: dict[str, Any]) -> pd.DataFrame:
    """One row per comparison of the benchmark: both sides, the gain, the gain worth having."""
    header, *lines = timings.cells(facts)
    return pd.DataFrame(lines, columns=header)
