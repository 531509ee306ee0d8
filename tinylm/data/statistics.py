"""What a corpus is like before any model reads it: sizes, entropies, the rank-frequency curve, unseen tokens, Shakespeare's headings."""

import re
from typing import Any

import numpy as np

from tinylm import data
from tinylm.config import RunSpec
from tinylm.data import SPLITS, UNK, Corpus, grammar
from tinylm.data.base import HELD_OUT
from tinylm.data.plays import HEADING, PLAYS

ZIPF_POINTS = 50
WORD = re.compile(r"[A-Za-z]+")
CHARACTER_CLASSES = ("heading_seen", "heading_unseen", "word_seen", "word_unseen", "rest")
WORD_CLASSES = ("unknown", "1-9", "10-99", "100+")
Classes = tuple[np.ndarray, tuple[str, ...]]


def corpus_statistics(corpus: Corpus) -> dict[str, Any]:
    """The corpus in numbers as JSON values, entropies in nats per token, everything rounded to 6 digits.

    `unigram_entropy` and `bigram_entropy` (of a token given the one before) are plug-in estimates on train; `unigram_nll` scores valid and
    test with train's add-one frequencies; `zipf` is train's frequency at log-spaced ranks; `oov_rate` the share of a split's tokens
    that train never shows, `unk_rate` the share written <unk>. `headings` (Tiny Shakespeare) counts the characters of speaker headings,
    colon included, of names that head a speech in train or not; `floor` (grammar) is the source's own loss.
    """
    counts = np.bincount(corpus.train, minlength=corpus.info.vocab_size)
    out = {
        "corpus": corpus.info.name,
        "level": corpus.info.level,
        "vocab_size": corpus.info.vocab_size,
        "n_tokens": corpus.info.n_tokens,
        "n_types": {split: int(np.unique(corpus.split(split)).size) for split in SPLITS},
        "uniform_entropy": np.log(corpus.info.vocab_size),
        "unigram_entropy": _entropy(counts),
        "bigram_entropy": _bigram_entropy(corpus.train, corpus.info.vocab_size),
        "unigram_nll": {split: _unigram_nll(counts, corpus.split(split)) for split in HELD_OUT},
        "oov_rate": {split: np.mean(counts[corpus.split(split)] == 0) for split in HELD_OUT},
        "zipf": _zipf(counts),
    }
    if UNK in corpus.vocab:
        unknown = corpus.vocab.index(UNK)
        out["unk_rate"] = {split: np.mean(corpus.split(split) == unknown) for split in SPLITS}
    if _has_headings(corpus):
        out["headings"] = {split: _heading_characters(corpus, split) for split in HELD_OUT}
    if corpus.info.name in grammar.SOURCES:
        out["floor"] = {split: grammar.floor(corpus.info.name, split) for split in HELD_OUT}
    return _rounded(out)


def _has_headings(corpus: Corpus) -> bool:
    """Whether the tokens are the characters of plays."""
    return data.source(corpus.info.name) == PLAYS and corpus.info.level == "character"


def heading_mask(corpus: Corpus, split: str) -> np.ndarray:
    """Which characters of a split belong to speaker headings (n,) int8: 1 where the name heads a speech in train, 2 where it does not."""
    names = {match[1] for match in HEADING.finditer(corpus.decode(corpus.train))}
    mask = np.zeros(len(corpus.split(split)), dtype=np.int8)
    for match in HEADING.finditer(corpus.decode(corpus.split(split))):
        mask[match.start(1) : match.end(1) + 1] = 1 if match[1] in names else 2
    return mask


def token_classes(corpus: Corpus, split: str) -> Classes:
    """The class of every token of a split, labels (n,) int8 into the names beside them; no names where a corpus has no classes.

    Characters of Tiny Shakespeare and of what is derived from it: speaker headings, colon included, by whether the name heads a
    speech in train; runs of letters elsewhere, by whether train has them anywhere in upper or lower case; the rest. Words: `unknown`
    (<unk>, or never in train) and how often train has them.
    """
    if _has_headings(corpus):
        return _character_classes(corpus, split), CHARACTER_CLASSES
    if corpus.info.level == "word":
        return _word_classes(corpus, split), WORD_CLASSES
    return np.zeros(len(corpus.split(split)), dtype=np.int8), ()


def n_characters(corpus: Corpus, split: str, spec: RunSpec) -> int:
    """Characters that the scored subwords of a split stand for; 0 of other tokens."""
    if corpus.info.level != "subword":
        return 0
    ids = corpus.split(split)
    scored = spec.scored(len(ids))
    return corpus.vocabulary.n_characters(ids[scored.start : scored.stop])


def _character_classes(corpus: Corpus, split: str) -> np.ndarray:
    known = set(WORD.findall(corpus.decode(corpus.train).lower()))
    labels = np.full(len(corpus.split(split)), CHARACTER_CLASSES.index("rest"), dtype=np.int8)
    for match in WORD.finditer(corpus.decode(corpus.split(split)).lower()):
        labels[match.start() : match.end()] = CHARACTER_CLASSES.index("word_seen" if match[0] in known else "word_unseen")
    mask = heading_mask(corpus, split)
    labels[mask > 0] = mask[mask > 0] - 1  # seen, unseen
    return labels


def _word_classes(corpus: Corpus, split: str) -> np.ndarray:
    counts = np.bincount(corpus.train, minlength=corpus.info.vocab_size)
    if UNK in corpus.vocab:
        counts[corpus.vocab.index(UNK)] = 0
    return np.digitize(counts, [1, 10, 100]).astype(np.int8)[corpus.split(split)]


def _heading_characters(corpus: Corpus, split: str) -> dict[str, float]:
    mask = heading_mask(corpus, split)
    seen, unseen = int(np.sum(mask == 1)), int(np.sum(mask == 2))
    return {"seen": seen, "unseen": unseen, "seen_share": seen / len(mask), "unseen_share": unseen / len(mask)}


def _entropy(counts: np.ndarray) -> float:
    p = counts[counts > 0] / counts.sum()
    return float(-(p * np.log(p)).sum())


def _bigram_entropy(ids: np.ndarray, vocab_size: int) -> float:
    """H(token | the token before) as the entropy of pairs less that of their first tokens."""
    first, second = ids[:-1].astype(np.int64), ids[1:]
    pairs = np.unique(first * vocab_size + second, return_counts=True)[1]
    return _entropy(pairs) - _entropy(np.bincount(first))


def _unigram_nll(counts: np.ndarray, ids: np.ndarray) -> float:
    return float(-np.log((counts[ids] + 1) / (counts.sum() + len(counts))).mean())


def _zipf(counts: np.ndarray) -> dict[str, list]:
    frequencies = np.sort(counts[counts > 0])[::-1] / counts.sum()
    ranks = np.unique(np.geomspace(1, len(frequencies), ZIPF_POINTS).round().astype(int))
    return {"rank": ranks.tolist(), "frequency": frequencies[ranks - 1].tolist()}


def _rounded(value: Any) -> Any:
    """The same value with every float rounded to 6 significant digits, as plain JSON types."""
    if isinstance(value, dict):
        return {key: _rounded(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_rounded(part) for part in value]
    return float(f"{value:.6g}") if isinstance(value, float | np.floating) else value
