import sys

import numpy as np
import pytest

from tinylm.data import DataError, subwords
from tinylm.data.vocabulary import Vocabulary

TEXT = "low lower lowest\n\nnew newer newest, low's end\n" * 3
ALPHABET = tuple(sorted(set(TEXT)))


def pieces(text, tokens):
    return [tokens[i] for i in subwords.encoded(text, tokens)]


def test_what_stands_together_most_often_becomes_a_token():
    tokens = subwords.learnt(TEXT, ALPHABET, len(ALPHABET) + 3)
    assert tokens[: len(ALPHABET)] == ALPHABET
    assert tokens[len(ALPHABET) :] == ("lo", "we", " lo")
    assert subwords.learnt(TEXT, ALPHABET, len(ALPHABET) + 3) == tokens
    with pytest.raises(DataError, match=r"this text has \d+ subwords, not 9,999; ask for fewer"):
        subwords.learnt(TEXT, ALPHABET, 9_999)


@pytest.mark.parametrize("more", [0, 1, 5, 20])
def test_a_text_is_cut_into_tokens_and_joined_again(more):
    tokens = subwords.learnt(TEXT, ALPHABET, len(ALPHABET) + more)
    for text in (TEXT, "", "sewer\nlow  low"):
        found = pieces(text, tokens)
        assert "".join(found) == text
        assert not any(" " in piece[1:] or ("\n" in piece and piece.strip("\n")) for piece in found), "no piece reaches over a blank"
    assert len(pieces(TEXT, tokens)) <= len(TEXT) and (more == 0) == (pieces(TEXT, tokens) == list(TEXT))


def test_tokens_are_cut_as_the_library_cuts_that_has_learnt_them():
    tokenizers = pytest.importorskip("tokenizers")
    size = len(ALPHABET) + 20
    theirs = subwords._tokenizer(tokenizers.models.BPE())
    trainer = tokenizers.trainers.BpeTrainer(vocab_size=size, initial_alphabet=list(ALPHABET), show_progress=False)
    theirs.train_from_iterator([TEXT], trainer)
    assert subwords.encoded(TEXT, subwords.learnt(TEXT, ALPHABET, size)) == theirs.encode(TEXT).ids


def test_a_vocabulary_of_subwords_encodes_counts_and_names_what_it_lacks():
    tokens = subwords.learnt(TEXT, ALPHABET, len(ALPHABET) + 10)
    vocabulary = Vocabulary(corpus="mine", level="subword", tokens=tokens)
    ids = vocabulary.encode(TEXT)
    assert ids.dtype == np.uint16 and len(ids) < len(TEXT) and vocabulary.decode(ids) == TEXT
    assert vocabulary.n_characters(ids) == len(TEXT) and vocabulary.n_characters(ids[:0]) == 0
    assert "".join(vocabulary.next_text(int(i)) for i in ids) == TEXT
    with pytest.raises(DataError, match="mine has no 'é'; leave it out of the text"):
        vocabulary.encode("né")


def test_without_the_library_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(DataError, match="pip install tokenizers"):
        subwords.encoded("low", ALPHABET)
