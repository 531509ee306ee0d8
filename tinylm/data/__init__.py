"""The texts: found or made, verified, tokenised. A corpus is a name; its sizes are known before any file is opened."""

from tinylm.data.base import SPLITS, DataError
from tinylm.data.corpora import (
    Corpus,
    CorpusInfo,
    available,
    corpus,
    corpus_name,
    folder_name,
    info,
    licence,
    load,
    names,
    source,
    vocab_size,
)
from tinylm.data.own_texts import called
from tinylm.data.vocabulary import EOS, UNK

__all__ = [
    "EOS",
    "SPLITS",
    "UNK",
    "Corpus",
    "CorpusInfo",
    "DataError",
    "available",
    "called",
    "corpus",
    "corpus_name",
    "folder_name",
    "info",
    "licence",
    "load",
    "names",
    "source",
    "vocab_size",
]
