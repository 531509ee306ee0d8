import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinylm.data import DataError
from tinylm.data.vocabulary import Vocabulary, collected, tokenise

WORDS = Vocabulary(corpus="toy", level="word", tokens=("<eos>", "<unk>", "cat", "sat", "the"))
LETTERS = Vocabulary(corpus="toy", level="character", tokens=("\n", " ", "a", "b"))


def test_words_outside_the_vocabulary_become_unk_and_are_counted():
    ids = WORDS.encode("the dog sat\nthe dog ran")
    assert ids.tolist() == [4, 1, 3, 0, 4, 1, 1] and ids.dtype == np.uint16
    assert WORDS.decode(ids) == "the <unk> sat \n the <unk> <unk>"
    assert WORDS.unknown("the dog sat\nthe dog ran") == {"dog": 2, "ran": 1}


def test_characters_outside_the_alphabet_are_refused_with_what_there_is():
    with pytest.raises(DataError, match=r"toy has no 'c', 'é'; leave them out of the text. The vocabulary has '\\n ab'"):
        LETTERS.encode("abécé")
    with pytest.raises(DataError, match=r"toy has no 'c'; leave it out of the text"):
        LETTERS.encode("abc")


@pytest.mark.parametrize("text", [5, None, ["a"]])
def test_what_is_no_text_is_not_encoded(text):
    with pytest.raises(DataError, match=r"give a text in quotes, got .*\("):
        LETTERS.encode(text)


@pytest.mark.parametrize("ids", [[4], [-1], [0.5], [[0, 1]], "ab", 3, None])
def test_what_are_no_ids_is_not_decoded(ids):
    with pytest.raises(DataError, match="ids are whole numbers from 0 to 3 in one row, got"):
        LETTERS.decode(ids)


def test_words_are_refused_where_nothing_stands_for_unknown_ones():
    closed = Vocabulary(corpus="toy", level="word", tokens=("cat", "sat"))
    assert closed.encode("cat\nsat").tolist() == [0, 1]
    with pytest.raises(DataError, match="toy has no 'dog'; .* cat, sat and more"):
        closed.encode("cat dog")


@pytest.mark.parametrize("vocabulary", [WORDS, LETTERS], ids=lambda v: v.level)
@given(data=st.data())
def test_a_decoded_text_encodes_to_the_same_ids(vocabulary, data):
    ids = data.draw(st.lists(st.integers(0, len(vocabulary.tokens) - 1)))
    assert vocabulary.encode(vocabulary.decode(np.array(ids))).tolist() == ids


@pytest.mark.parametrize("vocabulary", [WORDS, LETTERS], ids=lambda v: v.level)
@pytest.mark.parametrize("n", [1, 3])
def test_pieces_continue_a_text(vocabulary, n):
    ids = np.array([2, 3, 0, 1, 2])
    assert vocabulary.decode(ids[:n]) + "".join(map(vocabulary.next_text, ids[n:])) == vocabulary.decode(ids)


@pytest.mark.parametrize(("vocabulary", "text"), [(WORDS, "the cat \nsat \n"), (LETTERS, "ab\na b")], ids=["word", "character"])
def test_ids_stand_for_the_characters_of_their_text(vocabulary, text):
    assert vocabulary.n_characters(vocabulary.encode(text)) == len(text)


def test_line_ends_are_words_only_where_the_corpus_marks_them():
    assert tokenise("a b\n\nc", "word", eos=False) == ["a", "b", "c"]
    assert tokenise("a b\n\nc", "word", eos=True) == ["a", "b", "<eos>", "<eos>", "c"]


def test_held_out_words_are_not_learned_but_held_out_characters_are():
    texts = {"train": "b a\n", "valid": "c", "test": "b d"}
    assert collected(texts, "word", eos=True) == ("<eos>", "<unk>", "a", "b")
    assert collected(texts, "character", eos=False) == ("\n", " ", "a", "b", "c", "d")
