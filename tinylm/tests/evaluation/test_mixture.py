import itertools

import numpy as np
import pytest
import torch

import tinylm as tl
from tinylm.evaluation import mixture, pretrained
from tinylm.evaluation import weights as weights_files
from tinylm.evaluation.arguments import ModelError
from tinylm.evaluation.generate import Sampling
from tinylm.evaluation.network_model import network_of
from tinylm.models import checkpoint

TEXT = "the cat sat on the mat"


@pytest.fixture(scope="module")
def models():
    """A small network and counts of the same text."""
    network = tl.train("grammar-char", tl.Transformer(context_length=16, n_layer=1, d_model=16), steps=400, loss_at="all", lr=3e-3).model
    return network, tl.train("grammar-char", tl.Counts(order=2)).model


@pytest.fixture(scope="module")
def mixed(models):
    return tl.mix(*models)


def test_probabilities_are_added_with_the_weights(models, mixed):
    each = np.stack([model.distribution(TEXT).to_numpy() for model in models])
    assert mixed.distribution(TEXT).to_numpy() == pytest.approx(mixed.weights @ each)
    assert mixed.weights.sum() == pytest.approx(1) and (mixed.weights > 0).all()


def test_every_question_has_the_same_answer(models, mixed):
    nats = mixed.surprise(TEXT)[1:]
    each = [model.surprise(TEXT)[1:] for model in models]
    assert nats.to_numpy() == pytest.approx(-np.log(sum(w * np.exp(-one.to_numpy()) for w, one in zip(mixed.weights, each, strict=True))))
    last = mixed.logits(TEXT)[-1]
    assert np.exp(last) == pytest.approx(mixed.distribution(TEXT).to_numpy())


def test_it_is_no_worse_than_either_where_its_weights_were_fitted(models, mixed):
    corpus = tl.corpus("grammar-char")
    valid, test = (mixed.score(corpus, split) for split in ("valid", "test"))
    alone = [replaced(model, mixed).score(corpus, "valid").nll for model in models]
    assert valid.nll < min(alone) and test.tokens > 1_000


def replaced(model, mixed):
    """A mixture of one, so that it is scored on the tokens of the mixture."""
    return mixture.MixtureModel(spec=mixed.spec, vocabulary=mixed.vocabulary, models=(model,), weights=np.ones(1))


def test_it_writes_what_its_own_probabilities_say(mixed):
    ids = mixed.encode(TEXT)
    likeliest = list(itertools.islice(mixed.continued(ids, Sampling(temperature=0.0)), 30))
    for n, token in enumerate(likeliest):
        text = np.concatenate([ids, likeliest[:n]]).astype(np.int64)
        assert token == mixed.next_logits(text).argmax()
    assert mixed.generate(TEXT, length=20, seed=1) == mixed.generate(TEXT, length=20, seed=1) != mixed.generate(TEXT, length=20, seed=2)
    assert len(mixed.generate("", length=5)) == 5


def test_it_says_what_it_is(models, mixed):
    assert len(mixed.key) == 16 and mixed.key not in {model.key for model in models}
    assert mixed.n_params == sum(model.n_params for model in models)
    assert repr(mixed).startswith("Mixture(0.") and all(repr(model) in repr(mixed) for model in models)
    assert all(model.key in mixed._repr_html_() for model in models)


def test_a_mixture_can_be_mixed(models, mixed):
    again = tl.mix(mixed, models[1])
    assert again.distribution(TEXT).sum() == pytest.approx(1)


def test_weights_do_not_depend_on_the_order_and_each_reads_windows_of_its_own(models, mixed):
    turned = tl.mix(models[1], models[0])
    assert turned.weights[::-1] == pytest.approx(mixed.weights, abs=0.01)
    corpus = tl.corpus("grammar-char")
    one, other = (both.token_nlls(corpus.test[:1_000], models[0].spec) for both in (mixed, turned_as(mixed)))
    assert one == pytest.approx(other, abs=1e-4)


def turned_as(mixed):
    """The same mixture with its second model first: scored over the same tokens, its network reads windows of its own."""
    spec = mixed.models[1].spec
    return mixture.MixtureModel(spec=spec, vocabulary=mixed.vocabulary, models=mixed.models[::-1], weights=mixed.weights[::-1])


def test_held_out_text_may_be_named(models, mixed):
    assert tl.mix(*models, held_out="grammar-char").weights == pytest.approx(mixed.weights)


def test_a_mixture_with_one_of_its_parts_gains_nothing(models, mixed):
    again, corpus = tl.mix(mixed, models[1]), tl.corpus("grammar-char")
    assert again.score(corpus).nll == pytest.approx(mixed.score(corpus).nll, abs=2e-3)


def test_a_saved_mixture_is_found_by_its_key_and_a_mixture_of_mixtures_is_one(models, mixed):
    again = tl.mix(mixed, models[1])
    for one in (mixed, again):
        assert one.save().name == f"{one.key}.safetensors"
        assert tl.load(one.key).distribution(TEXT).to_numpy() == pytest.approx(one.distribution(TEXT).to_numpy())
    assert len(tl.load(again.key).models) == 3
    assert mixed.key in tl.list_models()["key"].tolist()
    with pytest.raises(ModelError, match="a mixture is several models, and only a network can be exported"):
        network_of(mixed)


def test_a_mixture_whose_models_are_gone_or_wrong_is_named(models, mixed, tmp_path):
    path, keys = tmp_path / "a.safetensors", [model.key for model in models]
    for held, weights, problem in (
        (["0" * 16, keys[1]], [0.5, 0.5], f"mixes the model {'0' * 16}, which is not here"),
        ([mixed.key, keys[1]], [0.5, 0.5], "which is not here"),
        (["../a", keys[1]], [0.5, 0.5], "a list of two keys or more"),
        (keys[:1], [1.0], "a list of two keys or more"),
        (keys, [0.5], "weights must be 2 numbers from 0 to 1 that sum to 1"),
        (keys, [1.5, -0.5], "weights must be 2 numbers"),
        (keys, [float("nan"), 0.5], "weights must be 2 numbers"),
        (["shakespeare", keys[1]], [0.5, 0.5], "a list of two keys or more"),
        ([pretrained.MODELS["shakespeare"], keys[0]], [0.5, 0.5], "its models know different tokens"),
    ):
        mixed.save()
        checkpoint.save(path, {"weights": torch.tensor(weights, dtype=torch.float64)}, {"models": held})
        with pytest.raises(weights_files.WeightsError, match=problem):
            tl.load(path)


def test_what_cannot_be_mixed_is_named(models):
    with pytest.raises(ModelError, match="two models or more"):
        tl.mix(models[0])
    with pytest.raises(ModelError, match="and not 'counts'"):
        tl.mix(models[0], "counts")
    with pytest.raises(ModelError, match="no attention of its own"):
        tl.mix(*models).attention(TEXT)
    with pytest.raises(ModelError, match="other tokens than grammar-word"):
        tl.mix(*models, held_out=tl.corpus("grammar-word"))
    with pytest.raises(ModelError, match="other tokens than grammar-char"):
        tl.mix(models[0], tl.load("shakespeare"))
