from dataclasses import replace

import numpy as np
import pytest
import torch
from specs import LINEAR, TRANSFORMER, VOCAB_SIZE, spec

from tinylm.config import ConfigError
from tinylm.evaluation.adaptive import DynamicConfig, NeuralCacheConfig, choose, dynamic, mean_squares, neural_cache, states
from tinylm.evaluation.nlls import token_nlls
from tinylm.flops import forward_parts
from tinylm.models.networks import build

PLANNED = spec(eval_stride=4, eval_tokens=50)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return build(TRANSFORMER, VOCAB_SIZE).train()


def repeated(n=120, period=13):
    """A text that says the same again and again, a little longer than a window."""
    return torch.arange(n).remainder(period).mul(7).remainder(VOCAB_SIZE).int()


@pytest.mark.parametrize("rule", ["sgd", "rms"])
@pytest.mark.parametrize("model_config", [TRANSFORMER, LINEAR])
def test_a_rate_of_zero_is_static_evaluation(corpus, rule, model_config):
    torch.manual_seed(0)
    made, planned = build(model_config, VOCAB_SIZE), spec(model_config, eval_stride=4 if model_config is TRANSFORMER else 1, eval_tokens=50)
    ids = torch.from_numpy(corpus.test.astype(np.int32))
    squares, _ = mean_squares(made, ids, planned, 2)
    still = dynamic(made, ids, planned, DynamicConfig(rule=rule, lr=0.0, decay=0.1), squares)
    np.testing.assert_allclose(still.nll_N, token_nlls(made, ids, planned), rtol=1e-4)


@pytest.mark.parametrize(("rule", "lr"), [("sgd", 0.3), ("rms", 1e-3)])
def test_steps_learn_a_repeated_text_and_leave_the_model_alone(model, rule, lr):
    before = {name: t.clone() for name, t in model.state_dict().items()}
    squares, _ = mean_squares(model, repeated(), PLANNED, 8)
    ids = repeated(400)
    planned = spec(eval_stride=4, eval_tokens=0)
    learnt = dynamic(model, ids, planned, DynamicConfig(rule=rule, lr=lr), squares).nll_N
    static = token_nlls(model, ids, planned)
    np.testing.assert_allclose(learnt[:4], static[:4], rtol=1e-4)  # the first segment is scored before any step
    assert learnt[200:].mean() < static[200:].mean() - 0.3
    assert model.training and all(torch.equal(t, before[name]) for name, t in model.state_dict().items())


def test_a_full_decay_forgets_every_step(model):
    ids = repeated()
    forgetful = dynamic(model, ids, PLANNED, DynamicConfig(rule="sgd", lr=0.0, decay=1.0)).nll_N
    np.testing.assert_allclose(forgetful, token_nlls(model, ids, PLANNED), rtol=1e-4)


def test_later_tokens_change_no_earlier_score(model):
    ids, other = repeated(), repeated()
    other[40:] = 0
    settings, squares = DynamicConfig(rule="sgd", lr=0.1), ()
    a, b = (dynamic(model, text, PLANNED, settings, squares).nll_N for text in (ids, other))
    np.testing.assert_array_equal(a[:32], b[:32])
    a, b = (neural_cache(states(model, text, PLANNED), NeuralCacheConfig(size=20)).nll_N for text in (ids, other))
    np.testing.assert_allclose(a[:32], b[:32], rtol=1e-4)


def test_a_cache_without_weight_is_static_evaluation(model, corpus):
    ids = torch.from_numpy(corpus.test.astype(np.int32))
    empty = neural_cache(states(model, ids, PLANNED), NeuralCacheConfig(share=0.0))
    np.testing.assert_allclose(empty.nll_N, token_nlls(model, ids, PLANNED), rtol=1e-4)


def test_a_repeated_text_scores_better_with_the_cache(model):
    found = states(model, repeated(), PLANNED)
    static, with_cache = (neural_cache(found, NeuralCacheConfig(share=share, theta=1.0)).nll_N for share in (0.0, 0.5))
    assert with_cache[20:].mean() < static[20:].mean() - 0.3


def test_the_cache_is_the_textbook_sum(model):
    found, size, theta, share = states(model, repeated(), PLANNED), 7, 0.3, 0.4
    nll_N = neural_cache(found, NeuralCacheConfig(size=size, theta=theta, share=share)).nll_N
    for t in (1, 5, 49):
        past = range(max(0, t - size), t)
        weights = [float(torch.exp(theta * found.hidden_ND[t] @ found.hidden_ND[i])) for i in past]
        hits = sum(w for w, i in zip(weights, past, strict=True) if found.target_N[i] == found.target_N[t])
        p = (1 - share) * float(torch.exp(-found.nll_N[t])) + share * hits / sum(weights)
        assert nll_N[t] == pytest.approx(-np.log(p), rel=1e-4)


def test_flops_are_counted(model):
    ids = repeated()
    window, last = (sum(forward_parts(TRANSFORMER, VOCAB_SIZE, n, n).values()) for n in (4, 2))
    found = states(model, ids, PLANNED)  # 50 tokens: 12 whole segments and one of 2
    assert found.flops == 12 * window + last
    assert dynamic(model, ids, PLANNED, DynamicConfig(rule="sgd", lr=0.0)).flops == 3 * 12 * window + last
    assert mean_squares(model, ids, PLANNED, 5)[1] == 15 * window
    pairs = sum(min(t, 9) for t in range(50))
    assert neural_cache(found, NeuralCacheConfig(size=9)).flops == found.flops + 2 * TRANSFORMER.d_model * pairs


def test_the_best_setting_on_valid_is_chosen_and_the_search_is_paid_for(model):
    found = states(model, repeated(), PLANNED)
    candidates = [NeuralCacheConfig(share=share) for share in (0.0, 0.3, 0.0)]
    best, flops = choose(lambda settings: neural_cache(found, settings), candidates)
    assert best == candidates[1]
    assert flops == 3 * neural_cache(found, candidates[0]).flops


def test_settings_that_cannot_be_are_refused(model):
    with pytest.raises(ConfigError, match="share must be below 1"):
        NeuralCacheConfig(share=1.0)
    with pytest.raises(ConfigError, match="give mean_squares"):
        dynamic(model, repeated(), PLANNED, DynamicConfig())


def test_before_a_full_window_all_there_is_is_read():
    torch.manual_seed(0)
    near = replace(TRANSFORMER, context_length=32, attention_window=4, n_layer=3)
    model, ids = build(near, VOCAB_SIZE), repeated(200)
    planned = spec(near, loss_at="all", eval_stride=4, eval_start=11, eval_tokens=150)
    expected = token_nlls(model, ids, planned)
    np.testing.assert_allclose(dynamic(model, ids, planned, DynamicConfig(rule="sgd", lr=0.0)).nll_N, expected, rtol=1e-4)
    np.testing.assert_allclose(states(model, ids, planned).nll_N.numpy(), expected, rtol=1e-4)
