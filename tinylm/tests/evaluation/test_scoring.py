from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from specs import TRANSFORMER, spec

from tinylm.config import NgramConfig
from tinylm.data import DataError
from tinylm.evaluation import counts, loading, scoring
from tinylm.evaluation.arguments import ModelError
from tinylm.evaluation.scoring import ScoringError


@pytest.fixture
def model(corpus):
    return counts.fit(spec(NgramConfig(order=2), epochs=1, eval_start=8, eval_tokens=300), corpus)


def test_a_text_is_scored_to_its_end_and_a_split_as_recorded(model, corpus):
    assert scoring.score(model, corpus, "valid").tokens == 300
    text = corpus.decode(corpus.test[:60])
    found = scoring.score(model, text)
    assert (found.start, found.tokens, found.text) == (1, 59, "the text")
    assert found.nll == pytest.approx(-model.counts.log_probs(corpus.test[:60])[1:].mean())
    assert np.isnan(found.se) and "nan" not in repr(found)  # one block of text says nothing of its spread


def test_probabilities_that_do_not_sum_to_one_are_found(model, corpus, monkeypatch):
    text = corpus.decode(corpus.test[:60])
    assert scoring.score(model, text).sum_error < 1e-12
    right = type(model.counts).distribution
    monkeypatch.setattr(type(model.counts), "distribution", lambda self, ids: right(self, ids) * (1 if len(ids) < 59 else 1.5))
    assert scoring.score(model, text).sum_error == pytest.approx(0.5)
    np.testing.assert_allclose(model.distribution(text).sum(), 1.5)  # not made right for the eye


def test_a_file_is_named_and_other_characters_are_said(model, corpus, tmp_path):
    path = tmp_path / "my.txt"
    path.write_text(corpus.decode(corpus.test[:60]), encoding="utf-8")
    assert scoring.score(model, path).text == str(path)
    with pytest.raises(ScoringError, match="the text has 2 characters .'Ü' 2 times. outside"):
        scoring.score(model, "ÜÜ")
    with pytest.raises(ScoringError, match="the text has 1 character .'Ü' once. outside"):
        scoring.score(model, "Ü")


def test_a_text_that_is_all_context_is_too_short(model, corpus):
    with pytest.raises(ScoringError, match="the text has 1 token; a score needs two or more"):
        scoring.score(model, corpus.decode(corpus.test[:1]))
    with pytest.raises(ScoringError, match="the text has no tokens; a score needs two or more"):
        scoring.score(model, "")
    last = replace(model.spec, train=replace(model.spec.train, loss_at="last"))
    with pytest.raises(ScoringError, match="has 1,000 tokens, and the first 1000 are context only"):
        scoring.scored_as(last, None, 1000, 1000, "the text")


def test_a_name_is_not_scored_by_its_letters(model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "story.txt").write_text("abc", encoding="utf-8")
    with pytest.raises(ScoringError, match=r"write Path\('story.txt'\)"):
        scoring.score(model, "story.txt")
    with pytest.raises(
        ScoringError, match=r"^'nofile.txt' looks like a file's name, .*; write Path\('nofile.txt'\), or end the text with "
    ):
        scoring.score(model, "nofile.txt")
    with pytest.raises(DataError, match="^there is no file stroy.txt; did you mean 'story.txt'"):
        scoring.score(model, Path("stroy.txt"))
    with pytest.raises(ScoringError, match=r"write tl.corpus\('grammar-char'\)"):
        scoring.score(model, "grammar-char")


@pytest.mark.parametrize("value", [0, -1, "a", 1.5])
@pytest.mark.parametrize("name", ["stride", "context"])
def test_windows_are_whole_numbers(model, corpus, name, value):
    with pytest.raises(ModelError, match=f"{name} must be a whole number from 1 up"):
        scoring.score(model, corpus, **{name: value})


def test_a_networks_window_has_no_more_than_its_context_and_moves_by_no_more_than_itself():
    network = spec(TRANSFORMER, loss_at="all", eval_start=8)
    with pytest.raises(ModelError, match="context must be a whole number from 1 to 8, got 9"):
        scoring.scored_as(network, None, 9, 300)
    with pytest.raises(ModelError, match="stride must be a whole number from 1 to 4, got 5"):
        scoring.scored_as(network, 5, 4, 300)
    assert scoring.scored_as(network, 4, 4, 300).train.eval_stride == 4


def test_one_token_is_one_token(model, corpus):
    assert " on 1 token of the text from token 1 on, " in repr(scoring.score(model, corpus.decode(corpus.test[:2])))


def test_another_vocabulary_is_said(model, corpus):
    other = replace(corpus, vocab=corpus.vocab[::-1])
    with pytest.raises(ScoringError, match="markov has another vocabulary than markov, which the model was trained on"):
        scoring.score(model, other)


def test_a_splits_name_is_no_text_and_a_split_that_there_is_not_is_said_first():
    model = loading.load("shakespeare")
    with pytest.raises(ScoringError, match="'test' is a split's name, of which only the letters would be scored; write score"):
        model.score("test")
    with pytest.raises(ScoringError, match="unknown split 'tset'; did you mean 'test'"):
        model.score("To be, or not to be", split="tset")
