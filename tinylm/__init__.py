"""tinylm: which small language model should you train when compute is scarce?

`import tinylm as tl` loads each module when it is first used, so training needs no plotting libraries and figures no torch.
"""

import importlib
from typing import Any

_MODULES = {  # the name that notebooks use -> where it is
    "budgets": "analysis.budgets",
    "claim_list": "analysis.claim_list",
    "claims": "analysis.claims",
    "config": "config",
    "data": "data",
    "display": "report.display",
    "explore": "explore",
    "flops": "flops",
    "ledger": "ledger",
    "plots": "report.plots",
    "recipes": "study.recipes",
    "sentences": "report.sentences",
    "significance": "analysis.significance",
    "study": "study",
    "summaries": "analysis.summaries",
    "tables": "report.tables",
    "timings": "report.timings",
}
_RESULTS = ("companions", "corpus_statistics", "run", "search_records")

__all__ = [*_MODULES, *_RESULTS, "select"]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"tinylm.{_MODULES[name]}")
    if name in _RESULTS:
        return getattr(importlib.import_module("tinylm.report.results"), name)
    if name == "select":
        return importlib.import_module("tinylm.study").select
    raise AttributeError(f"module 'tinylm' has no attribute {name!r}")
