"""Where things are, from the repository's root, whatever the working directory."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PRETRAINED = ROOT / "tinylm" / "pretrained"
NOTEBOOKS = ROOT / "notebooks"
FIGURES = ROOT / "figures"
DOCS = ROOT / "docs"
LEDGER = DOCS / "ledger"
OUT = ROOT / "out"
LOCAL_LEDGER = OUT / "ledger"
CHECKPOINTS = OUT / "checkpoints"
WEIGHTS = OUT / "weights"
TEXTS = OUT / "texts"
