"""tinylm: which small language model should you train when compute is scarce?

`import tinylm as tl` loads each module when it is first used, so training needs no plotting libraries and figures no torch.
"""

import importlib
from typing import Any

_MODULES = (
    "claim_list",
    "claims",
    "config",
    "data",
    "diagrams",
    "explore",
    "fits",
    "flops",
    "gains",
    "grammar",
    "ladder",
    "ledger",
    "literature",
    "plots",
    "readings",
    "recipes",
    "scoring",
    "show",
    "significance",
    "study",
    "tables",
    "timings",
)
_RESULTS = ("Result", "companions", "corpus_statistics", "of_corpora", "run", "search_records")

__all__ = [*_MODULES, *_RESULTS]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"tinylm.{name}")
    if name in _RESULTS:
        return getattr(importlib.import_module("tinylm.results"), name)
    raise AttributeError(f"module 'tinylm' has no attribute {name!r}")
