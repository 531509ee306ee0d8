from dataclasses import replace

import numpy as np
import pytest
from specs import spec

from tinylm.config import NgramConfig
from tinylm.evaluation import counts, scoring
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
    with pytest.raises(ScoringError, match=r"write tl.corpus\('grammar-char'\)"):
        scoring.score(model, "grammar-char")


@pytest.mark.parametrize("value", [0, -1, "a", 1.5])
@pytest.mark.parametrize("name", ["stride", "context"])
def test_windows_are_whole_numbers(model, corpus, name, value):
    with pytest.raises(ModelError, match=f"{name} must be a whole number from 1 up"):
        scoring.score(model, corpus, **{name: value})
