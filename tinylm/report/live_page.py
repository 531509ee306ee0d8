"""The page docs/live, where a reader's browser runs a trained model: its weights file and its record -> docs/live/weights.js.

The page's other files are written by hand. It opens without a server, where a browser reads scripts but no other files.
"""

import base64
import json
import math
from collections.abc import Mapping
from pathlib import Path

from tinylm import files, ledger
from tinylm.config import ModelConfig, TinylmError
from tinylm.evaluation import colouring, pretrained
from tinylm.ledger import RunRecord

MODEL = pretrained.DEFAULT
SUPERSCRIPT = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
# What docs/live/model.js computes, with induction and windows of attention, and nothing else.
COMPUTED = {
    "kind": "transformer",
    "n_kv_head": 0,
    "norm": "rms",
    "norm_place": "pre",
    "position": "rope",
    "ffn": "relu2",
    "qk_norm": True,
    "tied": False,
    "bias": False,
    "softcap": 0.0,
    "convolution": 0,
    "pointer": 0,
    "n_softmax": 1,
    "loops": 1,
    "skips": False,
    "head_gates": False,
    "exclusive": False,
    "parallel": False,
    "value_residual": False,
    "residual_scalars": False,
    "bigrams": 0,
}


class LivePageError(TinylmError):
    """A model that the page cannot run; the message says why."""


def update() -> Path:
    """Write docs/live/weights.js from the package's model, unless it is there; its path."""
    path, text = files.DOCS / "live" / "weights.js", script(MODEL, ledger.Ledger([files.LEDGER]).records)
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        ledger.write_text(path, text)
    return path


def script(name: str, records: Mapping[str, RunRecord]) -> str:
    """JavaScript that defines LIVE: weights and recorded numbers of a packaged model, and colours; LivePageError where it cannot run."""
    key = pretrained.MODELS[name]
    if key not in records or records[key].test is None:
        raise LivePageError(f"{name} is the run {key}, which has no scored record in {files.LEDGER}; import its record")
    record, weights = records[key], pretrained.weights_file(name)
    _check(name, record.spec.model)
    if not weights.is_file():
        raise LivePageError(f"{weights} is missing; restore it with git checkout")
    live = {
        "facts": _facts(name, record),
        "levels": colouring.LEVELS,
        "styles": [colouring.colour(strength) for strength in range(len(colouring.STRENGTHS))],
        "weights": base64.b64encode(weights.read_bytes()).decode("ascii"),
    }
    return f"// Written by tinylm/report/live_page.py; do not edit.\nconst LIVE = {json.dumps(live, indent=1)};\n"


def _check(name: str, model: ModelConfig) -> None:
    """LivePageError for a model that docs/live/model.js does not compute."""
    odd = [field for field, value in COMPUTED.items() if getattr(model, field, None) != value]
    odd += [field for field in ("induction", "attention_window") if not getattr(model, field, None)]
    if odd:
        settings = ", ".join(f"{field}={getattr(model, field, None)!r}" for field in odd)
        raise LivePageError(f"docs/live/model.js does not compute {name}: {settings}; extend it, or choose another model as MODEL")


def _raised(value: float) -> str:
    """A count as a × 10ᵇ, in plain text."""
    digits, exponent = f"{value:.3g}".split("e")
    return f"{digits} × 10{str(int(exponent)).translate(SUPERSCRIPT)}"


def _facts(name: str, record: RunRecord) -> dict[str, str]:
    """What the page says of its model, in words and numbers as they are shown."""
    return {
        "name": name,
        "corpus": record.spec.corpus,
        "parameters": f"{record.n_params:,}",
        "flops": _raised(record.flops),
        "context": f"{record.spec.model.context_length:,}",
        "vocabulary": f"{record.vocab_size}",
        "orders": " or ".join(", ".join(map(str, record.spec.model.induction)).rsplit(", ", 1)),
        "times": f"{record.spec.model.induction_times}",
        "uniform": f"{math.log(record.vocab_size):.2f}",
        "test_nll": f"{record.test.nll:.4f} ± {record.test.se:.4f}",
        "test_bits": f"{record.test.nll / math.log(2):.2f}",
        "test_tokens": f"{record.test.n_tokens:,}",
    }
