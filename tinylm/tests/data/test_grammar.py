import numpy as np
import pytest

from tinylm.data import grammar
from tinylm.data.grammar import SOURCES, Play

NAMES = list(SOURCES)


def encode(name, text):
    index = {token: i for i, token in enumerate(SOURCES[name].vocab)}
    return np.array([index[t] for t in (text if SOURCES[name].level == "character" else text.split(" "))])


@pytest.mark.parametrize("name", NAMES)
def test_the_generated_bytes_are_pinned(name):
    vocab, arrays = grammar.generate(name)
    assert {split: len(array) for split, array in arrays.items()} == SOURCES[name].n_tokens
    assert max(array.max() for array in arrays.values()) < len(vocab) == SOURCES[name].vocab_size
    message = "the generated corpus changed: undo that, or give it a new name, since records of the old one would be compared with it"
    assert grammar.digest(arrays) == SOURCES[name].sha256, message


def test_no_word_has_two_meanings():
    for source in SOURCES.values():
        lexicon = grammar._lexicon(source.n_names)
        assert sum(len(ids) for ids in lexicon.ids.values()) == len(lexicon.words)
    assert all(sum(arc[0] for arc in arcs) == pytest.approx(1) for arcs in grammar.ARCS.values())
    assert {node for arcs in grammar.ARCS.values() for _, _, node in arcs} <= set(grammar.ARCS)


@pytest.mark.parametrize("name", NAMES)
def test_probabilities_sum_to_one_at_any_prefix(name):
    test = grammar.generate(name)[1]["test"]
    for length in [0, *np.random.default_rng(0).integers(1, 150, size=4)]:
        ends = [SOURCES[name].log_probs(np.append(test[:length], token))[-1] for token in range(SOURCES[name].vocab_size)]
        assert np.exp(ends).sum() == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_each_token_depends_on_the_past_alone(name):
    test = grammar.generate(name)[1]["test"]
    whole = SOURCES[name].log_probs(test[:700])
    assert np.isfinite(whole).all()
    for length in (1, 100, 333):
        np.testing.assert_array_equal(SOURCES[name].log_probs(test[:length]), whole[:length])


def test_spelling_a_word_costs_what_the_word_costs():
    """The character version's losses add up to the word probabilities of the same source."""
    source, play = SOURCES["grammar-char"], Play(grammar._lexicon(SOURCES["grammar-char"].n_names))
    text = "".join(source.vocab[i] for i in grammar.generate("grammar-char")[1]["test"])
    text = text[: text.index("\n", 2000) + 1]
    total = 0.0
    for word in text.replace("\n", "<eos> ").split(" ")[:-1]:
        number = play.lexicon.words.index(word)
        total += np.log(play.distribution()[number])
        play.advance(number)
    assert source.log_probs(encode("grammar-char", text)).sum() == pytest.approx(total, rel=1e-9)


def test_the_draws_follow_the_stated_distribution():
    """Surprise minus predictive entropy has mean zero; its mean over the test split is within three standard errors."""
    test, play, gaps = grammar.generate("grammar-word")[1]["test"], Play(grammar._lexicon(128)), []
    for word in test[:8000].tolist():
        p = play.distribution()
        seen = p[p > 0]
        gaps.append((seen * np.log(seen)).sum() - np.log(p[word]))
        play.advance(word)
    assert abs(np.mean(gaps)) < 3 * np.std(gaps) / np.sqrt(len(gaps))


@pytest.mark.parametrize("name", NAMES)
def test_a_bigram_stays_above_the_floor(name):
    vocab, arrays = grammar.generate(name)
    counts = np.full((len(vocab), len(vocab)), 0.05)
    np.add.at(counts, (arrays["train"][:-1], arrays["train"][1:]), 1)
    nll = -np.log((counts / counts.sum(axis=1, keepdims=True))[arrays["test"][:-1], arrays["test"][1:]])
    assert nll.mean() > 1.5 * grammar.floor(name)


def test_the_floor_of_a_slice_is_its_mean_surprise():
    test = grammar.generate("grammar-word")[1]["test"]
    surprise = -SOURCES["grammar-word"].log_probs(test[:500])
    assert grammar.floor("grammar-word", "test", start=128, n=300) == pytest.approx(surprise[128:428].mean())


@pytest.mark.parametrize("name", NAMES)
def test_a_speaker_is_copied_from_far_back(name):
    """Who says `i` gives their own name, named once a hundred tokens before, and no other name on stage."""
    said = "the lamp sees the king . " * (4 if name == "grammar-char" else 14)
    end = "\n" if name == "grammar-char" else "<eos> "
    prefix = f"enter Bolan and Mivan {end}Mivan : {said}i "
    likely, impossible = (SOURCES[name].log_probs(encode(name, prefix + who)) for who in ("Mivan", "Bolan"))
    copied = 5 if name == "grammar-char" else 1
    np.testing.assert_allclose(likely[-copied:], 0, atol=1e-12)
    assert impossible[-copied] == -np.inf


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("text", ["king", "enter Mivan and Mivan", "enter Mivan : "])
def test_outside_the_support_the_rest_is_impossible(name, text):
    log_probs = SOURCES[name].log_probs(encode(name, text.strip()))
    first = int(np.argmax(log_probs == -np.inf))
    assert (log_probs[first:] == -np.inf).all() and np.isfinite(log_probs[:first]).all()
    assert not np.isfinite(log_probs[-1])
