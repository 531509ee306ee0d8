"""Subwords: the pieces of words that occur most often together in a training text (byte-pair encoding, Sennrich et al. 2016).

Learnt and cut by the tokenizers library, which is loaded only here. No piece reaches over a blank, a line end or the end of a word.
"""

import itertools
from collections.abc import Sequence

from tinylm.config.interrupts import uninterrupted
from tinylm.data.base import DataError

WORDS = r" ?[\p{L}']+|\n+| ?[^\s\p{L}']+|\s"  # a piece lies within one of these
MISSING = "subwords need the tokenizers library, which is not installed; pip install tokenizers"


def learnt(text: str, alphabet: Sequence[str], size: int) -> tuple[str, ...]:
    """The characters of an alphabet, sorted, then pieces of the text in the order in which they were joined: `size` tokens in all.

    DataError where the text has not so many, or where the library is missing.
    """
    tokenizers = _library()
    tokenizer = _tokenizer(tokenizers.models.BPE())
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=size, initial_alphabet=list(alphabet), limit_alphabet=len(alphabet), show_progress=False
    )
    tokenizer.train_from_iterator([text], trainer)
    by_id = sorted(tokenizer.get_vocab().items(), key=lambda entry: entry[1])
    if len(by_id) != size:
        raise DataError(f"this text has {len(by_id):,} subwords, not {size:,}; ask for fewer")
    return tuple(token for token, _ in by_id)


def encoded(text: str, tokens: Sequence[str]) -> list[int]:
    """The ids of a text whose characters are all among the tokens, which are in the order of `learnt`."""
    index = {token: i for i, token in enumerate(tokens)}
    merges = [_halves(token, index) for token in tokens if len(token) > 1]
    return _tokenizer(_library().models.BPE(index, merges)).encode(text).ids


def _halves(token: str, index: dict[str, int]) -> tuple[str, str]:
    """The two earlier tokens that a token was joined of: its characters, joined in the order of the tokens' ids until two are left."""
    parts = list(token)
    while len(parts) > 2:
        pairs = [index.get(first + second, len(index)) for first, second in itertools.pairwise(parts)]
        at = pairs.index(min(pairs))
        parts[at : at + 2] = [parts[at] + parts[at + 1]]
    return parts[0], parts[1]


def _tokenizer(model):  # type: ignore[no-untyped-def]  # of a library that may be missing
    tokenizers = _library()
    tokenizer = tokenizers.Tokenizer(model)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Split(tokenizers.Regex(WORDS), "isolated")
    return tokenizer


def _library():  # type: ignore[no-untyped-def]
    try:
        with uninterrupted():
            import tokenizers
    except ImportError as error:
        raise DataError(MISSING) from error
    return tokenizers
