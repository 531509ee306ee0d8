"""tinylm: which small language model should you train when compute is scarce?

    import tinylm as tl

    text = tl.corpus("grammar-char")                 a name, a file, or a text in memory
    model = tl.load("shakespeare")                   a trained model; tl.list_models() has all
    model.generate("HAMLET:")                        also surprise, top, logits, distribution, score, attention

    run = tl.train(text, tl.Transformer(n_layer=2, d_model=64), flops=1e10)
    run.history, run.test_nll, run.model, run.cost, run.plot()
    counts = tl.train(text, tl.Counts(order=6, cache=2048))

    tl.cost(tl.Transformer(), text)                  FLOPs part by part, before anything is trained
    tl.runs(architecture="transformer", budget=1e12) all records as one table
    tl.compare(run, counts); tl.plot(run, counts)    the difference with its interval; the curves

The models are `Transformer`, `MLP`, `Linear`, `LSTM` and `Counts`; `train` also takes a class of nn.Module of your own. `explore` holds
panels to click on. docs/library.md shows each name at work. Modules are loaded when they are first used.

The notebooks of the report use more: `study`, `recipes`, `tables`, `plots`, `sentences`, `display` and others (docs/architecture.md).
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tinylm import explore
    from tinylm.analysis.frames import runs
    from tinylm.config import LinearConfig as Linear
    from tinylm.config import LSTMConfig as LSTM
    from tinylm.config import MLPConfig as MLP
    from tinylm.config import NgramConfig as Counts
    from tinylm.config import TransformerConfig as Transformer
    from tinylm.data import corpus
    from tinylm.evaluation.loading import list_models, load
    from tinylm.report.runs import compare, plot
    from tinylm.report.training import cost, train

__all__ = [
    "LSTM",
    "MLP",
    "Counts",
    "Linear",
    "Transformer",
    "compare",
    "corpus",
    "cost",
    "explore",
    "list_models",
    "load",
    "plot",
    "runs",
    "train",
]

_PLACES = {  # a name of the interface -> its module and its name there
    "LSTM": ("config", "LSTMConfig"),
    "MLP": ("config", "MLPConfig"),
    "Counts": ("config", "NgramConfig"),
    "Linear": ("config", "LinearConfig"),
    "Transformer": ("config", "TransformerConfig"),
    "compare": ("report.runs", "compare"),
    "corpus": ("data", "corpus"),
    "cost": ("report.training", "cost"),
    "list_models": ("evaluation.loading", "list_models"),  # tinylm.models is a package
    "load": ("evaluation.loading", "load"),
    "plot": ("report.runs", "plot"),
    "runs": ("analysis.frames", "runs"),
    "train": ("report.training", "train"),
    # What the notebooks of the report use beside it.
    "companions": ("report.results", "companions"),
    "corpus_statistics": ("report.results", "corpus_statistics"),
    "run": ("report.results", "run"),
    "search_records": ("report.results", "search_records"),
    "select": ("study", "select"),
}
_MODULES = {  # a module that the report's notebooks use -> where it is
    "budgets": "analysis.budgets",
    "claim_list": "analysis.claim_list",
    "claims": "analysis.claims",
    "config": "config",
    "data": "data",
    "display": "report.display",
    "explore": "explore",
    "flops": "flops",
    "folds": "analysis.folds",
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


def __getattr__(name: str) -> Any:
    if name in _PLACES:
        module, there = _PLACES[name]
        return getattr(importlib.import_module(f"tinylm.{module}"), there)
    if name in _MODULES:
        return importlib.import_module(f"tinylm.{_MODULES[name]}")
    from tinylm.config.errors import nearest

    near = nearest(name, [*_PLACES, *_MODULES])
    raise AttributeError(f"module 'tinylm' has no attribute {name!r}" + (f"; did you mean {near!r}?" if near else ""))


def __dir__() -> list[str]:
    return __all__
