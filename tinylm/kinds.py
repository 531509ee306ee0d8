"""A model's tag in records -> its config: the ones defined so far, and those of tinylm/architectures, imported when first asked for.

Imports no torch itself; an architecture's file does.
"""

import importlib
from pathlib import Path

from tinylm.config import ConfigError, ModelConfig

FOLDER = Path(__file__).parent / "architectures"


def model_class(kind: str) -> type[ModelConfig]:
    """The config of a tag; ConfigError for an unknown one, and for an architecture's file that defines another."""
    if kind not in model_kinds() and kind in own_files():
        importlib.import_module(f"tinylm.architectures.{kind}")
        if kind not in model_kinds():
            raise ConfigError(f"{FOLDER / kind}.py defines no config with kind = {kind!r}; name the file as the kind")
    if kind not in model_kinds():
        raise ConfigError(f"unknown model kind {kind!r}; known: {', '.join([*model_kinds(), *own_files()])}")
    return model_kinds()[kind]


def own_files() -> list[str]:
    """The kinds that have a file of their own, imported or not, in alphabetical order."""
    return sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != "__init__")


def model_kinds() -> dict[str, type[ModelConfig]]:
    """Every model config defined so far, by its tag; a new architecture appears here by subclassing ModelConfig."""
    found, queue = {}, [ModelConfig]
    while queue:
        for cls in queue.pop().__subclasses__():
            found[cls.kind] = cls
            queue.append(cls)
    return found
