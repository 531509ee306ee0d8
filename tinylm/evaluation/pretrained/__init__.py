"""The trained models that come with the package, and the weights files of every trained model at hand. Needs no torch.

To add a model: write its name and the key of its run into MODELS, then run `python -m tinylm export NAME`.
"""

import json
import re
from pathlib import Path
from typing import Any

from tinylm import files, ledger
from tinylm.config.interrupts import uninterrupted

MODELS = {
    "shakespeare": "a6bbc1519dcba23b",
    "transformer": "91e131682342ec8a",
    "self-attention": "7a164cb9cd09a5ff",
    "ptb": "9d14c92889cac7f5",
    "counts": "09d5ff05ed9810a3",
}
DEFAULT = "shakespeare"
KEY = re.compile(r"[0-9a-f]{4,16}")  # a run's key or its first four digits or more


def key(name: str) -> str:
    """The key of a model of the package where its name is given, in any case; else what was given."""
    return MODELS.get(name.lower(), name)


def weights_file(name: str) -> Path:
    """Where the weights of a model of the package are, in 16 bits; of counts, the text that is counted."""
    return files.PRETRAINED / f"{name}.safetensors"


def card_file(name: str) -> Path:
    """Where the card of a model of the package is."""
    return files.PRETRAINED / f"{name}.md"


def at_hand() -> dict[str, Path]:
    """Weights files by key: the package's, then those trained here, which win over the package's of the same key.

    Both are one run's weights, but those trained here are not rounded to 16 bits, and they are what the user has just made.
    """
    packed = {key: path for name, key in MODELS.items() if (path := weights_file(name)).is_file()}
    return packed | trained_here()


def trained_here() -> dict[str, Path]:
    """The weights files that training left here, by key."""
    return {path.stem: path for path in sorted(files.WEIGHTS.glob("*.safetensors"))}


def usable(key: str) -> Path | None:
    """The weights file of a run; None where none is here, or one that is cut: training again replaces it."""
    packed = [weights_file(name) for name, other in MODELS.items() if other == key]
    return next((path for path in (files.WEIGHTS / f"{key}.safetensors", *packed) if path.is_file() and _facts(path) is not None), None)


def _facts(path: Path) -> Any:
    """What a weights file says of itself; None where it is no such file or is cut."""
    with uninterrupted():
        from safetensors import SafetensorError, safe_open  # loaded only where a file is looked into

    try:
        with safe_open(path, framework="numpy") as file:
            return json.loads((file.metadata() or {}).get("facts", "{}"))
    except (OSError, SafetensorError, ValueError, RecursionError):
        return None


def mixed(path: Path) -> list[str]:
    """The keys of the models that a file mixes; none where it holds a model of its own, or cannot be read."""
    said = _facts(path)
    keys = said.get("models") if isinstance(said, dict) else None
    return keys if isinstance(keys, list) and all(isinstance(key, str) for key in keys) else []


def is_here(key: str) -> bool:
    """Whether a model that is no mixture can be opened by its key: from a file, or counted anew as its record says."""
    if found := at_hand().get(key):
        return not mixed(found)
    record = ledger.known().record(key)
    return record is not None and record.spec.is_counts
