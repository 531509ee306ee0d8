import dataclasses
import math

import numpy as np
import pytest
from specs import SIZES, VOCAB_SIZE, spec

from tinylm import data, ledger
from tinylm.config import ConfigError, NgramConfig, RunSpec, TrainConfig
from tinylm.data import statistics
from tinylm.evaluation import counts
from tinylm.evaluation.arguments import ModelError
from tinylm.evaluation.counts import count_record
from tinylm.flops import run_cost
from tinylm.models import ngram, recency


def counted(corpus, order, **train):
    return count_record(spec(NgramConfig(order=order), **({"epochs": 1, "eval_start": 8, "eval_tokens": 0} | train)), corpus)


def test_order_0_is_the_uniform_line(corpus):
    record = counted(corpus, 0)
    assert record.test.nll == pytest.approx(math.log(VOCAB_SIZE), rel=1e-12)
    assert record.test.se == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(("order", "start"), [(1, 8), (3, 8), (5, 0)])
def test_scores_are_the_models_on_the_scored_range(corpus, order, start):
    record = counted(corpus, order, eval_start=start, eval_tokens=300, train_tokens=1000)
    model, start = ngram.fit(corpus.train[:1000], order, VOCAB_SIZE), start or order - 1
    for score, ids in ((record.valid, corpus.valid), (record.test, corpus.test)):
        assert score.nll == pytest.approx(-model.log_probs(ids)[start : start + 300].mean(), rel=1e-12)
        assert (score.start, score.n_tokens, score.min_context) == (start, 300, order - 1)


def test_later_tokens_do_not_change_a_score(corpus):
    ids = corpus.test.copy()
    ids[200:] = 0
    cut = dataclasses.replace(corpus, test=ids)
    assert counted(cut, 3, eval_tokens=192).test == counted(corpus, 3, eval_tokens=192).test


def test_a_record_states_the_planned_cost_and_survives_the_ledger(corpus, tmp_path):
    record = counted(corpus, 3, train_tokens=1000)
    cost = dataclasses.asdict(run_cost(record.spec, corpus.info))
    assert cost == {name: getattr(record, name) for name in cost}
    n_grams = sum(len({tuple(corpus.train[i : i + n]) for i in range(1001 - n)}) for n in (1, 2, 3))
    assert (record.version, record.status, record.tokens_seen, record.n_params) == ("ngram-1", "done", 1000, n_grams)
    read = ledger.read(ledger.write(record, tmp_path))
    assert read.test.nll == pytest.approx(record.test.nll, rel=1e-6)


def test_two_tokens_of_context_beat_none(corpus):
    """The text is nine tenths determined by the token before."""
    unigram, bigram = counted(corpus, 1).test.nll, counted(corpus, 2).test.nll
    noise = np.log(VOCAB_SIZE) * 0.1 - 0.9 * np.log(0.9 + 0.1 / VOCAB_SIZE) - 0.1 * np.log(0.1)
    assert unigram == pytest.approx(np.log(VOCAB_SIZE), abs=0.3)
    assert bigram == pytest.approx(noise, abs=0.15)


def test_a_start_beyond_the_split_is_an_error(corpus):
    with pytest.raises(ConfigError, match="nothing to score"):
        counted(corpus, 2, eval_start=max(SIZES.values()))


def test_counts_are_not_called_like_a_module(corpus):
    with pytest.raises(ModelError, match=r"logits\(text\) has their log probabilities"):
        counts.fit(spec(NgramConfig(order=2), epochs=1), corpus)(corpus.test[:3])


def test_a_record_says_what_each_class_of_words_costs(tmp_path):
    corpus = data.load("grammar-word")
    planned = RunSpec(corpus="grammar-word", model=NgramConfig(order=2), train=TrainConfig(epochs=1, eval_start=8, eval_tokens=3000))
    record = count_record(planned, corpus)
    labels, names = statistics.token_classes(corpus, "test")
    counts = {name: count for name, (count, _) in record.test.parts.items()}
    assert counts == {name: n for i, name in enumerate(names) if (n := int(np.sum(labels[8:3008] == i)))}
    assert sum(count * nll for count, nll in record.test.parts.values()) / 3000 == pytest.approx(record.test.nll, rel=1e-9)
    read = ledger.read(ledger.write(record, tmp_path))
    assert read.test.parts["100+"] == pytest.approx(record.test.parts["100+"], rel=1e-6)


def test_a_caches_weights_may_come_from_another_corpus_that_its_counts_have_not_seen(monkeypatch, corpus):
    half = len(corpus.train) // 2
    info = dataclasses.replace(corpus.info, name="other", held_out="other")
    apart = dataclasses.replace(
        corpus, info=info, train=corpus.train[:half], valid=corpus.train[half : half + 300], test=corpus.train[-300:]
    )
    asked = []
    monkeypatch.setattr(data, "load", lambda name, data_dir: asked.append((name, data_dir)) or apart)
    planned = spec(NgramConfig(order=3, cache=50, weights_corpus="other"), epochs=1, eval_start=8)
    found = counts.fit(planned, corpus, "a folder").counts
    counts.count_record(planned, corpus, "another")
    counts.token_nlls(planned, corpus, "test", "a third")
    assert asked == [("other", "a folder"), ("other", "another"), ("other", "a third")]
    held_out = np.concatenate([apart.valid, apart.test])
    np.testing.assert_array_equal(found.weights, recency.fit(ngram.fit(apart.train, 3, VOCAB_SIZE), held_out, 50).weights)
    assert found.counts.n_stored == ngram.fit(corpus.train, 3, VOCAB_SIZE).n_stored
    own = dataclasses.replace(apart, info=dataclasses.replace(info, held_out=corpus.info.held_out))
    monkeypatch.setattr(data, "load", lambda name, data_dir: own)
    with pytest.raises(ConfigError, match="holds out what"):
        counts.fit(planned, corpus)
    other = dataclasses.replace(apart, vocab=corpus.vocab[::-1])
    monkeypatch.setattr(data, "load", lambda name, data_dir: other)
    with pytest.raises(ConfigError, match="weights_corpus='other' has other tokens"):
        counts.fit(planned, corpus)
