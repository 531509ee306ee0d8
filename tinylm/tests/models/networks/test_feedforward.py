from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from specs import LINEAR, MLP, VOCAB_SIZE, assert_causal, feedforward_configs
from torch import nn

from tinylm.config import ConfigError, LinearConfig, MLPConfig
from tinylm.models.networks import build
from tinylm.models.networks.feedforward import joined


def test_linear_is_one_product_with_the_concatenated_embeddings():
    model, x_BT = build(LINEAR, VOCAB_SIZE), torch.randint(VOCAB_SIZE, (3, 4))
    joined = torch.cat([model.embedding.weight[x_BT[:, t]] for t in range(4)], 1)
    torch.testing.assert_close(model(x_BT, 1)[:, 0], joined @ model.head.weight.T + model.head.bias)


def test_mlp_is_the_papers():
    model, x_BT = build(MLP, VOCAB_SIZE).eval(), torch.randint(VOCAB_SIZE, (3, 4))
    plain = nn.Sequential(
        nn.Linear(24, 10), nn.ReLU(), nn.Dropout(0.1), nn.Linear(10, 10), nn.ReLU(), nn.Dropout(0.1), nn.Linear(10, 10), nn.ReLU(),
        nn.Dropout(0.1), nn.Linear(10, VOCAB_SIZE),
    ).eval()  # fmt: skip
    ours = [p for name, p in model.named_parameters() if name != "embedding.weight"]
    with torch.no_grad():
        for to, source in zip(plain.parameters(), ours, strict=True):
            to.copy_(source)
    torch.testing.assert_close(model(x_BT, 1)[:, 0], plain(model.embedding(x_BT).flatten(1)))


def test_an_mlp_of_chosen_widths_and_activation():
    config = MLPConfig(context_length=4, d_model=6, activation="gelu", hidden_widths=(5, 7), dropout=0.0)
    model, x_BT = build(config, VOCAB_SIZE), torch.randint(VOCAB_SIZE, (3, 4))
    (w1, b1), (w2, b2), (w3, b3) = [(m.weight, m.bias) for m in model.modules() if isinstance(m, nn.Linear)]
    assert [w.shape for w in (w1, w2, w3)] == [(5, 24), (7, 5), (VOCAB_SIZE, 7)]
    hidden = nn.functional.gelu(nn.functional.gelu(model.embedding(x_BT).flatten(1) @ w1.T + b1) @ w2.T + b2)
    torch.testing.assert_close(model(x_BT, 1)[:, 0], hidden @ w3.T + b3)


def test_one_hot_embeddings_start_as_the_identity_and_are_trained():
    config = LinearConfig(context_length=4, d_model=VOCAB_SIZE, embedding_init="identity")
    model, x_BT = build(config, VOCAB_SIZE), torch.randint(VOCAB_SIZE, (3, 4))
    assert torch.equal(model.embedding.weight, torch.eye(VOCAB_SIZE)) and model.embedding.weight.requires_grad
    one_hot = nn.functional.one_hot(x_BT, VOCAB_SIZE).float().flatten(1)
    torch.testing.assert_close(model(x_BT, 1)[:, 0], one_hot @ model.head.weight.T + model.head.bias)
    with pytest.raises(ConfigError, match=f"embedding_init='identity' needs d_model={VOCAB_SIZE + 1}"):
        build(config, VOCAB_SIZE + 1)


def test_mlp_drops_out_after_every_hidden_layer():
    torch.manual_seed(0)
    model = build(MLP, VOCAB_SIZE)
    drops = [layer.p for layer in model.layers if type(layer).__name__ == "Dropout"]
    assert drops == [0.1] * MLP.n_hidden
    hidden_BND = model.hidden(torch.randint(VOCAB_SIZE, (2000, 4)), 1)
    model.eval()
    assert (hidden_BND == 0).float().mean() > 0.1 + 0.9 * (model.hidden(torch.randint(VOCAB_SIZE, (2000, 4)), 1) == 0).float().mean() - 0.03


@given(n_tokens=st.integers(1, 9), window=st.integers(1, 5), n_out=st.integers(1, 9))
def test_a_moving_mlp_is_the_one_of_each_window(n_tokens, window, n_out):
    n_out = min(n_tokens, n_out)
    model = build(replace(MLP, context_length=9, window=window), VOCAB_SIZE).eval()
    alone = build(replace(MLP, context_length=window), VOCAB_SIZE).eval()
    alone.load_state_dict(model.state_dict())
    x_BT = torch.randint(VOCAB_SIZE, (2, n_tokens))
    moving = model(x_BT, n_out)
    assert moving.shape == (2, n_out, VOCAB_SIZE)
    for i, end in enumerate(range(n_tokens - n_out + 1, n_tokens + 1)):
        if end >= window:
            torch.testing.assert_close(moving[:, i], alone(x_BT[:, end - window : end], 1)[:, 0])


@given(config=feedforward_configs().filter(lambda config: config.predicts_every_position))
def test_no_prediction_of_a_moving_mlp_sees_a_later_token(config):
    assert_causal(build(config, VOCAB_SIZE), torch.randint(VOCAB_SIZE, (1, config.context_length)), may_be_blind=True)  # dead units


def test_embeddings_before_the_first_are_zeros():
    x_BTD = torch.tensor([[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]])
    assert joined(x_BTD, 2, 3).tolist() == [[[0, 0, 1, 2], [1, 2, 3, 4], [3, 4, 5, 6]]]
    assert joined(x_BTD, 5, 1).tolist() == [[[0, 0, 0, 0, 1, 2, 3, 4, 5, 6]]]


@pytest.mark.parametrize("config", [LINEAR, MLP])
@pytest.mark.parametrize(("n_tokens", "n_out"), [(3, 1), (5, 1), (4, 2)])
def test_they_read_one_full_window_and_predict_one_token(config, n_tokens, n_out):
    with pytest.raises(ConfigError, match=rf"predicts one token after exactly 4; it got {n_tokens} tokens .* asked for {n_out}"):
        build(config, VOCAB_SIZE)(torch.zeros(1, n_tokens, dtype=torch.long), n_out)


@pytest.mark.parametrize("config", [LINEAR, MLP])
def test_initialisation_is_pytorchs(config):
    torch.manual_seed(0)
    model = build(config, 2000)
    assert model.embedding.weight.std().item() == pytest.approx(1, abs=0.02)
    for layer in (m for m in model.modules() if isinstance(m, nn.Linear)):
        bound = layer.in_features**-0.5
        assert 0.9 * bound < layer.weight.abs().max() <= bound
        assert layer.weight.std().item() == pytest.approx(bound / 3**0.5, rel=0.15)
        assert layer.bias.abs().max() <= bound
