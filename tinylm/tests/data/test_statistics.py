import json

import numpy as np
import pytest

from tinylm import data
from tinylm.data import Corpus, CorpusInfo, corpora
from tinylm.data.statistics import CHARACTER_CLASSES, corpus_statistics, heading_mask, token_classes


def corpus_of(train, valid, name="toy"):
    vocab = tuple(sorted(set(train + valid)))
    ids = {split: np.array([vocab.index(c) for c in text], dtype=np.uint16) for split, text in (("train", train), ("valid", valid))}
    sizes = {split: len(array) for split, array in (ids | {"test": ids["valid"]}).items()}
    info = CorpusInfo(name=name, level="character", vocab_size=len(vocab), n_tokens=sizes, sha256="")
    return Corpus(info=info, vocab=vocab, test=ids["valid"], **ids)


def test_entropies_of_a_text_one_can_check_by_hand():
    stats = corpus_statistics(corpus_of("abab" * 256 + "a", "aabc"))
    assert stats["unigram_entropy"] == pytest.approx(np.log(2), abs=1e-5)
    assert stats["bigram_entropy"] == pytest.approx(0, abs=1e-9)
    assert stats["oov_rate"]["valid"] == 0.25
    assert stats["n_types"] == {"train": 2, "valid": 3, "test": 3}
    assert stats["zipf"]["rank"] == [1, 2]


def test_headings_follow_an_empty_line_and_are_letters():
    train = "ANNA:\nWell: now\n\nFirst Lord:\nAy.\n"
    valid = "ANNA:\nwhy:\nso\n\nZOE:\nAnna:\nno\n\nSERVING-MEN:\nAy.\n"
    mask = heading_mask(corpus_of(train, valid), "valid")
    assert ["".join(c for c, m in zip(valid, mask, strict=True) if m == kind) for kind in (1, 2)] == ["ANNA:", "ZOE:"]


def test_headings_of_tiny_shakespeare_are_the_careful_readers():
    if not data.available("tiny_shakespeare"):
        pytest.skip("tiny_shakespeare is neither in TINYLM_DATA nor in datasets/")
    headings = corpus_statistics(data.load("tiny_shakespeare"))["headings"]
    assert (headings["test"]["seen"], headings["test"]["unseen"]) == (26, 7954)
    assert (headings["valid"]["seen"], headings["valid"]["unseen"]) == (5004, 2097)


@pytest.mark.parametrize("name", ["ptb-eos", "wikitext-2"])
def test_no_word_of_the_published_texts_is_lost(name):
    if not data.available(name):
        pytest.skip(f"{name} is neither in TINYLM_DATA nor in datasets/")
    stats = corpus_statistics(data.load(name))
    assert stats["oov_rate"] == {"valid": 0.0, "test": 0.0}
    published = corpora._find(name, None)
    for split in ("valid", "test"):
        words = (published / f"{split}.txt").read_text(encoding="utf-8").split()
        assert stats["unk_rate"][split] == pytest.approx(words.count("<unk>") / stats["n_tokens"][split], rel=1e-5)


def test_statistics_are_plain_json_and_the_floor_is_below_the_bigram():
    stats = corpus_statistics(data.load("grammar-word"))
    assert json.loads(json.dumps(stats)) == stats
    assert stats["floor"]["test"] < stats["bigram_entropy"] < stats["unigram_entropy"] < stats["uniform_entropy"]


def test_every_character_of_a_play_has_one_class():
    train = "ANNA:\nWell: now, Zoe\n\nFirst Lord:\nAy.\n"
    valid = "ANNA:\nNOW well, Anna!\n\nZOE:\nAnon, lord's.\n"
    for name in ("tiny_shakespeare", "tiny_shakespeare-renamed"):
        labels, names = token_classes(corpus_of(train, valid, name), "valid")
        assert names == CHARACTER_CLASSES
        texts = {kind: "".join(c for c, label in zip(valid, labels, strict=True) if names[label] == kind) for kind in names}
        assert texts["heading_seen"] == "ANNA:" and texts["heading_unseen"] == "ZOE:"
        assert texts["word_seen"] == "NOWwellAnnalord" and texts["word_unseen"] == "Anons"
        assert sorted(texts["rest"]) == sorted("\n ,  !\n\n\n, '.\n".replace("  ", " ", 1))


def test_words_are_classed_by_their_frequency_in_train():
    vocab = ("<unk>", "few", "many", "none", "some")
    train = np.repeat(np.arange(5, dtype=np.uint16), [500, 9, 100, 0, 10])
    test = np.array([2, 4, 1, 3, 0], dtype=np.uint16)
    info = CorpusInfo(name="toy", level="word", vocab_size=5, n_tokens={"train": 619, "valid": 5, "test": 5}, sha256="")
    labels, names = token_classes(Corpus(info=info, vocab=vocab, train=train, valid=test, test=test), "test")
    assert [names[label] for label in labels] == ["100+", "10-99", "1-9", "unknown", "unknown"]


def test_other_characters_have_no_classes():
    labels, names = token_classes(corpus_of("abab", "ab"), "valid")
    assert (labels.tolist(), names) == ([0, 0], ())


def test_the_classes_of_tiny_shakespeare_agree_with_its_headings():
    if not data.available("tiny_shakespeare"):
        pytest.skip("tiny_shakespeare is neither in TINYLM_DATA nor in datasets/")
    for name in ("tiny_shakespeare", "tiny_shakespeare-plays"):
        corpus = data.load(name)
        labels, names = token_classes(corpus, "test")
        counts = dict(zip(names, np.bincount(labels, minlength=len(names)).tolist(), strict=True))
        stats = corpus_statistics(corpus)["headings"]["test"]
        assert (counts["heading_seen"], counts["heading_unseen"]) == (stats["seen"], stats["unseen"])
        assert sum(counts.values()) == corpus.info.n_tokens["test"] and min(counts.values()) > 0
