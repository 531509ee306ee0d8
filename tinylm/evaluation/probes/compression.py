"""What compressors make of a corpus: by how much a split lengthens the compressed text before it, in nats per token.

They learn while they read, as counts with an unbounded cache do, and nothing of them is fitted to held-out text but PPMd's order.
"""

import lzma
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from tinylm import files
from tinylm.config.errors import needing_packages
from tinylm.data import Corpus
from tinylm.evaluation.probes.probe import CorpusProbe
from tinylm.study.recipes import EVAL_START

ORDERS = (4, 5, 6, 8, 12, 16)  # bytes that PPMd predicts the next one from, at most
MEMORY = 2**28  # bytes, which no text here fills, so that PPMd forgets nothing


@dataclass(frozen=True)
class Compressed:
    """A compressor, and what it makes of valid and test in nats per token."""

    name: str
    valid: float
    test: float


def _xz(text: bytes) -> int:
    return len(lzma.compress(text, preset=9 | lzma.PRESET_EXTREME))


def _ppmd(text: bytes, order: int) -> int:
    with needing_packages("compression", "pyppmd"):
        import pyppmd  # PPMd, variant H (Shkarin 2002)
    return len(pyppmd.compress(text, max_order=order, mem_size=MEMORY))


def nats_per_token(corpus: Corpus, split: str, length: Callable[[bytes], int]) -> float:
    """NLL of the tokens of a split that recipes are scored on, by the `length` of text compressed: train and all before them is read."""
    tokens = corpus.split(split)
    start = min(EVAL_START, len(tokens) // 2)
    train, lead, whole = (corpus.decode(ids).encode() for ids in (corpus.train, tokens[:start], tokens))
    return 8 * math.log(2) * (length(train + whole) - length(train + lead)) / (len(tokens) - start)


class Compression(CorpusProbe):
    """The NLL of valid and test by xz, and by PPMd of the order that is best on valid."""

    folder = "compression"
    title = "compression"

    def facts(self, corpus: Corpus) -> dict[str, Any]:
        by_order = {order: nats_per_token(corpus, "valid", partial(_ppmd, order=order)) for order in ORDERS}
        order = min(by_order, key=by_order.__getitem__)
        ppmd = {"valid": by_order[order], "test": nats_per_token(corpus, "test", partial(_ppmd, order=order))}
        return {"nll": {"xz": {split: nats_per_token(corpus, split, _xz) for split in ("valid", "test")}, "PPMd": ppmd}, "order": order}

    def all(self, corpus: str) -> list[Compressed]:
        """What is recorded of a corpus."""
        facts = self.read(corpus, files.ledgers()) or {"nll": {}}
        return [Compressed(name, **nlls) for name, nlls in facts["nll"].items()]

    def best(self, corpus: str) -> Compressed | None:
        """The compressor that is best on valid; None where nothing is recorded."""
        return min(self.all(corpus), key=lambda one: one.valid, default=None)


COMPRESSION = Compression()
