import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from specs import LINEAR, TRANSFORMER, VOCAB_SIZE, spec

from tinylm.config import ConfigError, NgramConfig, TinylmError
from tinylm.data import DataError
from tinylm.data.vocabulary import Vocabulary
from tinylm.evaluation import counts, generate
from tinylm.evaluation.model import HELPERS, ModelError, UnknownTokens, log_softmax
from tinylm.evaluation.network_model import NetworkModel
from tinylm.models.networks import build


def network(corpus, config=TRANSFORMER, loss_at="all"):
    torch.manual_seed(0)
    planned = spec(config, loss_at=loss_at, eval_tokens=300)
    lead = generate.lead_ids(corpus, config.context_length)
    return NetworkModel(spec=planned, vocabulary=corpus.vocabulary, lead_ids=lead, network=build(config, VOCAB_SIZE).eval())


def counted(corpus, **fields):
    return counts.fit(spec(NgramConfig(**{"order": 3} | fields), epochs=1, eval_start=8, eval_tokens=300), corpus)


MODELS = {
    "dense": lambda corpus: network(corpus),
    "last": lambda corpus: network(corpus, loss_at="last"),
    "one prediction": lambda corpus: network(corpus, LINEAR, "last"),
    "counts": lambda corpus: counted(corpus),
    "counts with a cache": lambda corpus: counted(corpus, cache=20),
}


@pytest.fixture(params=MODELS)
def model(request, corpus):
    return MODELS[request.param](corpus)


@pytest.fixture
def text(corpus):
    return corpus.decode(corpus.valid[50:75])


def test_an_interrupt_keeps_what_is_written(model, text, monkeypatch):
    pieces = iter(model.stream(text))

    def interrupted(*_):
        yield from (next(pieces), next(pieces))
        raise KeyboardInterrupt

    monkeypatch.setattr(type(model), "stream", interrupted)
    with pytest.raises(KeyboardInterrupt, match="^stopped after 2 of 9 tokens; so far: ") as stopped:
        model.generate(text, length=9)
    assert isinstance(stopped.value, TinylmError) and text in str(stopped.value)


def test_a_stopped_stream_says_so_in_one_line(model, text, monkeypatch):
    def interrupted(*_):
        yield 0
        raise KeyboardInterrupt

    monkeypatch.setattr(type(model), "continued", interrupted)
    pieces = model.stream(text)
    assert next(pieces) == model.vocabulary.next_text(0)
    with pytest.raises(TinylmError, match="^stopped; "):
        next(pieces)


def test_tab_offers_what_a_user_asks_of_a_model(model):
    offered = {name for name in dir(model) if not name.startswith("_")}
    assert {"generate", "score", "surprise", "spec"} <= offered and not offered & {*HELPERS, "lead_ids"}
    assert all(hasattr(model, name) for name in HELPERS)


def test_logits_surprise_top_and_distribution_say_the_same(model, text):
    ids = model.encode(text)
    assert model.decode(ids) == text
    logits, surprise = model.logits(text), model.surprise(text)
    assert logits.shape == (len(ids), VOCAB_SIZE) and len(surprise) == len(ids) and math.isnan(surprise.iloc[0])
    np.testing.assert_allclose(
        surprise[1:], [-log_softmax(row[None])[0, i] for row, i in zip(logits[:-1], ids[1:], strict=True)], atol=1e-5
    )
    p = model.distribution(text)
    assert p.sum() == pytest.approx(1) and p.index.tolist() == list(model.vocabulary.tokens)
    best = model.top(text, k=3)
    assert best["token"].tolist()[0] == p.idxmax() and best["probability"].is_monotonic_decreasing and len(best) == 3


def test_it_writes_what_it_says_is_likeliest_and_the_same_from_the_same_seed(model, text):
    greedy = model.generate(text, length=1, temperature=0)
    assert greedy == text + model.vocabulary.next_text(model.vocabulary.index[model.top(text, 1)["token"][0]])
    drawn = [model.generate(text, length=20, temperature=1.0, seed=seed) for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2] and drawn[0].startswith(text)


def test_a_split_is_scored_as_in_a_record_and_a_text_to_its_end(model, corpus):
    assert model.score(corpus).tokens == 300
    whole = model.score(corpus.decode(corpus.test[:400]))
    assert whole.start + whole.tokens == 400 and whole.nll == pytest.approx(math.log(whole.perplexity))
    assert repr(whole).startswith("NLL ") and "\n" not in repr(whole)


def test_mistakes_are_said(model, corpus):
    with pytest.raises(ModelError, match="empty"):
        model.surprise("")
    with pytest.raises(DataError):
        model.generate("Ü")
    with pytest.raises(ConfigError, match="temperature"):
        model.generate("", temperature=-1)
    for length in (-1, "a", 2.5):
        with pytest.raises(ModelError, match="length must be a whole number from 0 up"):
            model.generate("", length=length)
    for k in (0, -1, "a"):
        with pytest.raises(ModelError, match="k must be a whole number from 1 up"):
            model.top("a", k=k)


def test_what_is_no_text_is_refused(model):
    for ask in (model.generate, model.surprise, model.top, model.score, model.logits, model.encode):
        with pytest.raises(ModelError, match=r"give a text.*, got 5"):
            ask(5)


@pytest.mark.parametrize("ids", ["abc", [], [[]], [[[1]]], [1.5], 5, [[1], [1, 2]], None, [True]])
def test_what_are_no_ids_is_refused(corpus, ids):
    with pytest.raises(ModelError, match="give ids"):
        network(corpus)(ids)


def test_ids_outside_the_vocabulary_are_refused(corpus):
    for ids in ([99999], [0, -1]):
        with pytest.raises(ModelError, match=f"ids are from 0 to {VOCAB_SIZE - 1}, got"):
            network(corpus)(ids)


@pytest.mark.parametrize("ask", ["generate", "surprise", "top", "distribution", "logits", "encode", "stream", "attention"])
def test_a_warning_points_at_the_line_that_asks(corpus, ask):
    words = Vocabulary(corpus="words", level="word", tokens=("<unk>", *(f"w{i}" for i in range(VOCAB_SIZE - 1))))
    model = replace(network(corpus), vocabulary=words)
    with pytest.warns(UnknownTokens, match="words has no 'foo'") as caught:
        getattr(model, ask)("w1 foo")
    assert [one.filename for one in caught] == [__file__]


def test_only_a_transformer_has_attention(corpus, text):
    assert len(network(corpus).attention(text).maps) == TRANSFORMER.n_layer
    for other in (network(corpus, LINEAR, "last"), counted(corpus)):
        with pytest.raises(ModelError, match="only a Transformer has attention; the architecture of this model is (LSTM|Linear|Counts)"):
            other.attention(text)


def test_a_network_is_called_like_a_module(corpus):
    model, ids = network(corpus), corpus.valid[:8].astype(np.int64)
    assert model(ids).shape == (8, VOCAB_SIZE) and model(torch.from_numpy(ids)[None].expand(2, -1)).shape == (2, 8, VOCAB_SIZE)
    np.testing.assert_allclose(model(ids)[-1].detach(), model.logits(corpus.decode(ids))[-1], atol=1e-5)


def test_it_is_shown_in_one_line_and_as_a_card(model):
    assert "\n" not in repr(model) and model.spec.key in repr(model) and model.size in repr(model)
    assert model.size in model._repr_html_() and repr(model.spec.model) in model._repr_html_().replace("&#x27;", "'")
