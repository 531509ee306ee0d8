import dataclasses
import itertools

import numpy as np
import pytest
import torch
from specs import LINEAR, TRANSFORMER, VOCAB_SIZE, spec

from tinylm.config import ConfigError
from tinylm.evaluation import generate
from tinylm.evaluation.generate import Prompt, Sampling
from tinylm.models import checkpoint
from tinylm.models.networks import build


def model(config=TRANSFORMER, seed=0):
    torch.manual_seed(seed)
    return build(config, VOCAB_SIZE).eval()


@pytest.mark.parametrize("config", [TRANSFORMER, LINEAR])
def test_a_seed_gives_one_text_and_another_seed_another(corpus, config):
    texts = [generate.continuation(model(config), corpus, config.context_length, Prompt(0, 40, 1.0, seed)) for seed in (0, 0, 1)]
    assert texts[0] == texts[1] != texts[2]
    assert len(texts[0]) == 40


def test_a_low_temperature_takes_the_likeliest_token(corpus):
    built, length = model(), TRANSFORMER.context_length
    text = generate.continuation(built, corpus, length, Prompt(3, 1, 1e-4))
    window = torch.from_numpy(corpus.valid[3 : 3 + length].astype("int64"))
    assert text == corpus.vocab[built(window[None], 1).argmax()]


def test_a_prompt_that_cannot_be_continued_says_why(corpus):
    with pytest.raises(ConfigError, match="temperature: must not be negative"):
        generate.continuation(model(), corpus, 8, Prompt(0, 1, -1.0))
    with pytest.raises(ConfigError, match="lower the start"):
        generate.continuation(model(), corpus, 8, Prompt(len(corpus.valid), 1, 1.0))


def test_weights_that_were_saved_predict_the_same(corpus, tmp_path):
    built = model()
    checkpoint.save(tmp_path / "w", built.state_dict(), {})
    loaded = generate.load_model(spec(TRANSFORMER), corpus, tmp_path / "w")
    x_BT = torch.arange(8)[None]
    assert torch.equal(built(x_BT, 1), loaded(x_BT, 1))


def drawn(predict, sampling, n=30, start=(3, 1)):
    return list(itertools.islice(generate.stream(predict, np.array(start), sampling), n))


VARIANTS = [
    dataclasses.replace(TRANSFORMER, position=position, norm_place=place, n_kv_head=kv, context_length=16)
    for position in ("learned", "rope", "alibi", "none")
    for place in ("post", "pre")
    for kv in (0, 1)
]


@pytest.mark.parametrize("config", VARIANTS, ids=lambda c: f"{c.position}-{c.norm_place}-{c.n_kv_head}")
@pytest.mark.parametrize("sampling", [Sampling(temperature=0), Sampling(temperature=1.5, seed=2), Sampling(top_k=3, seed=1)])
def test_a_cache_changes_no_token_within_the_context_or_beyond_it(config, sampling):
    built = model(config)
    cached, plain = (drawn(make(built, 16), sampling) for make in (generate.cached, generate.windowed))
    assert cached == plain and len(set(plain)) > 1


def test_up_to_the_context_length_only_new_tokens_are_read(monkeypatch):
    built, sizes = model(), []
    monkeypatch.setattr(generate, "with_cache", lambda m: lambda x_BT, n: sizes.append(x_BT.shape[1]) or m(x_BT, n))
    drawn(generate.predictor(built, 8), Sampling(), n=10)
    assert sizes == [2, 1, 1, 1, 1, 1, 1]


def test_one_likeliest_token_is_what_no_temperature_takes():
    predict = generate.windowed(model(), 8)
    assert drawn(predict, Sampling(top_k=1, temperature=1.0)) == drawn(predict, Sampling(temperature=0, seed=5))
    assert drawn(predict, Sampling(top_k=10**6)) == drawn(predict, Sampling())


def test_a_short_prompt_stands_after_the_lead_unless_every_position_was_trained():
    lead, prompt = np.arange(8), np.array([9, 9])
    assert generate.filled(spec(), prompt, lead).tolist() == [2, 3, 4, 5, 6, 7, 9, 9]
    assert generate.filled(spec(), np.arange(20), lead).tolist() == list(range(20))
    assert generate.filled(spec(loss_at="all"), prompt, lead).tolist() == [9, 9]
    assert generate.filled(spec(loss_at="all"), prompt[:0], lead).tolist() == [7]


def test_a_text_is_written_on_one_thread_and_its_reader_keeps_their_own():
    before, found = torch.get_num_threads(), []
    torch.set_num_threads(3)
    try:
        written = generate.stream(lambda ids: found.append(torch.get_num_threads()) or torch.zeros(5), np.array([1]), Sampling())
        next(written)
        assert found == [1] and torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("temperature", [1e-38, 1e-320, 5e-324])
def test_a_temperature_near_zero_takes_the_likeliest(temperature):
    logits = torch.tensor([1.0, 30.0, -2.0, 29.9])
    for top_k in (0, 2):
        sampling = generate.Sampling(temperature=temperature, top_k=top_k)
        assert list(itertools.islice(generate.stream(lambda _: logits, np.array([0]), sampling), 5)) == [1] * 5


def shares(sampling, p=(0.5, 0.25, 0.15, 0.1), n=400):
    """How often each of the tokens of these probabilities is drawn."""
    logits = torch.tensor(p).log()
    tokens = list(itertools.islice(generate.stream(lambda _: logits, np.array([0]), sampling), n))
    return [tokens.count(token) / n for token in range(len(p))]


@pytest.mark.parametrize(
    ("settings", "expected"),  # by hand
    [
        ({"top_p": 1.0}, (0.5, 0.25, 0.15, 0.1)),
        ({"top_p": 0.8}, (5 / 9, 2.5 / 9, 1.5 / 9, 0)),  # 0.5 + 0.25 are less than 0.8, with 0.15 they reach it
        ({"top_p": 0.74}, (2 / 3, 1 / 3, 0, 0)),
        ({"top_p": 1e-9}, (1, 0, 0, 0)),
        ({"top_p": 0.8, "top_k": 2}, (2 / 3, 1 / 3, 0, 0)),  # of two thirds and one third both are needed
        ({"top_p": 0.6, "top_k": 2}, (1, 0, 0, 0)),
        ({"top_p": 0.7, "temperature": 0.5}, (1, 0, 0, 0)),  # squares: 0.25 of 0.345 is 0.72
    ],
)
def test_the_likeliest_tokens_that_reach_a_probability_share_it(settings, expected):
    found = shares(Sampling(**({"temperature": 1.0, "seed": 1} | settings)))
    assert found == pytest.approx(expected, abs=0.07) and [share > 0 for share in found] == [share > 0 for share in expected]


def test_which_tokens_are_likeliest_does_not_depend_on_their_order():
    assert shares(Sampling(temperature=1.0, top_p=0.6), p=(0.1, 0.5, 0.15, 0.25))[0::2] == [0, 0]
    for top_p in (0, -0.1, 1.1):
        with pytest.raises(ConfigError, match="must not be negative|top_p must be above 0 and at most 1"):
            Sampling(top_p=top_p)
