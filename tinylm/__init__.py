"""tinylm: which small language model should you train when compute is scarce?

    import tinylm as tl

    text = tl.corpus("grammar-char")                 a name, a file, or a text in memory
    model = tl.load("shakespeare")                   a trained model; tl.list_models() has all
    model.generate("HAMLET:")                        also surprise, top, logits, distribution, score, attention

    run = tl.train(text, tl.Transformer(n_layer=2, d_model=64), flops=1e10)
    run.history, run.test_nll, run.model, run.cost, run.plot()
    counts = tl.train(text, tl.Counts(order=6, cache=2048))
    tl.mix(run.model, counts.model)                  a model that adds the probabilities of both

    tl.cost(tl.Transformer(), text)                  FLOPs part by part, before anything is trained
    tl.runs(architecture="transformer", budget=1e12) the recorded runs as one table
    tl.compare(run, counts); tl.plot(run, counts)    the difference with its interval; the curves

The models are `Transformer`, `MLP`, `Linear`, `LSTM`, `Counts` and `GatedCounts`; `train` also takes a class of nn.Module of your own.
`explore` holds panels to click on; a mistake raises a `TinylmError`. docs/library.md shows each name at work. Modules are loaded when
they are first used.

The notebooks of the report use more: `study`, `recipes`, `tables`, `plots`, `sentences`, `display` and others (docs/architecture.md).
"""

import ast
import pkgutil
import sys
from pathlib import Path
from typing import Any

__version__ = "0.1.0"  # pyproject.toml takes it from here


def _read(stub: Path) -> tuple[list[str], dict[str, str]]:
    """What a stub has in `__all__`, and each name that it imports with its place: module:name, or a module and a colon."""
    public, places = [], {}
    for node in ast.parse(stub.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom):
            places |= {alias.asname or alias.name: f"{node.module}:{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            places |= {alias.asname or alias.name: f"{alias.name}:" for alias in node.names}
        elif isinstance(node, ast.Assign):
            public = ast.literal_eval(node.value)
    return public, places


__all__, _PLACES = _read(Path(__file__).with_suffix(".pyi"))


def __getattr__(name: str) -> Any:
    from tinylm.config.errors import MissingAttribute
    from tinylm.config.interrupts import uninterrupted

    if name in _PLACES:
        with uninterrupted():
            return pkgutil.resolve_name(_PLACES[name])

    raise MissingAttribute("module 'tinylm'", name, sys.modules[__name__])


def __dir__() -> list[str]:
    return __all__
