"""The texts: found or made, verified, tokenised. A corpus is a name; its sizes are known before any file is opened."""

from tinylm.data.corpora import (
    SPLITS,
    UNK,
    Corpus,
    CorpusInfo,
    DataError,
    available,
    info,
    load,
    names,
    source,
    vocab_size,
)

__all__ = [
    "SPLITS",
    "UNK",
    "Corpus",
    "CorpusInfo",
    "DataError",
    "available",
    "info",
    "load",
    "names",
    "source",
    "vocab_size",
]
