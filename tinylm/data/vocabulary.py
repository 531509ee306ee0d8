"""A vocabulary: text to token ids and back, without the corpus it comes from."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tinylm.config import shown
from tinylm.data import subwords
from tinylm.data.base import DataError

UNK = "<unk>"  # stands for every word that the vocabulary lacks
EOS = "<eos>"  # the end of a line, in corpora of words


@dataclass(frozen=True, kw_only=True)
class Vocabulary:
    """The distinct tokens of `corpus` in the order of their ids; `level` is `character`, `subword` or `word`."""

    corpus: str
    level: str
    tokens: tuple[str, ...]

    @cached_property
    def index(self) -> dict[str, int]:
        """The id of each token."""
        return {token: i for i, token in enumerate(self.tokens)}

    @property
    def is_joined(self) -> bool:
        """Whether nothing stands between the tokens of a text."""
        return self.level != "word"

    def split(self, text: str) -> Sequence[str]:
        """The tokens of a text, known or not; of subwords, the characters that they are made of."""
        return tokenise(text, self.level, EOS in self.index)

    def unknown(self, text: str) -> Counter[str]:
        """How often each token of a text occurs that the vocabulary lacks; of subwords, each character."""
        return Counter(token for token in self.split(text) if token not in self.index)

    def encode(self, text: str) -> np.ndarray:
        """The ids (n,) uint16 of a text; an unknown word becomes <unk> where the vocabulary has it, else DataError names the token."""
        if not isinstance(text, str):
            raise DataError(f"give a text in quotes, got {shown.brief(text)}")
        unk_id = self.index.get(UNK)
        unknown = sorted(self.unknown(text))
        if unknown and unk_id is None:
            known = repr("".join(t for t in self.tokens if len(t) == 1)) if self.is_joined else f"{', '.join(self.tokens[-10:])} and more"
            missing, them = ", ".join(map(repr, unknown[:5])), "it" if len(unknown) == 1 else "them"
            raise DataError(f"{self.corpus} has no {missing}; leave {them} out of the text. The vocabulary has {known}")
        if self.level == "subword":
            return np.array(subwords.encoded(text, self.tokens), dtype=np.uint16)
        return np.array([self.index.get(token, unk_id) for token in self.split(text)], dtype=np.uint16)

    def decode(self, ids: np.ndarray) -> str:
        """The text of ids (n,): characters and subwords joined, words with a blank between, <eos> as a new line.

        DataError for what are no ids.
        """
        try:
            known = np.asarray(ids)
            is_known = known.size == 0 or (known.dtype.kind in "iu" and known.ndim == 1 and known.min() >= 0)
            tokens = [self.tokens[i] for i in known.tolist()] if is_known else None  # of a memory map one by one takes twenty times as long
        except (IndexError, TypeError, ValueError):
            tokens = None
        if tokens is None:
            raise DataError(f"ids are whole numbers from 0 to {len(self.tokens) - 1} in one row, got {shown.brief(ids)}")
        return "".join(tokens) if self.is_joined else " ".join(tokens).replace(EOS, "\n")

    def next_text(self, token: int) -> str:
        """What a token adds to a text that it continues: `decode` of the whole is the pieces joined."""
        return ("" if self.is_joined else " ") + self.decode(np.array([token]))

    def n_characters(self, ids: np.ndarray) -> int:
        """Characters that ids (n,) stand for: each word with the blank that follows it, <eos> as one line end."""
        if self.level == "character":
            return len(ids)
        if self.level == "subword":
            return int(np.array([len(token) for token in self.tokens])[np.asarray(ids)].sum())
        return sum(1 if self.tokens[i] == EOS else len(self.tokens[i]) + 1 for i in np.asarray(ids).tolist())


def tokenise(text: str, level: str, eos: bool) -> Sequence[str]:
    """The characters of a text, or its words with, where `eos` says so, its line ends as <eos>."""
    if level != "word":
        return text  # a list of the characters of a long text would be eight times its size
    return (text.replace("\n", f" {EOS} ") if eos else text).split()


def collected(texts: Mapping[str, str], level: str, eos: bool) -> tuple[str, ...]:
    """The distinct tokens of a corpus's splits, sorted: characters of all of them, or words of train and <unk> for any other."""
    if level != "word":
        return tuple(sorted(set().union(*texts.values())))
    return tuple(sorted({UNK, *tokenise(texts["train"], level, eos)}))
