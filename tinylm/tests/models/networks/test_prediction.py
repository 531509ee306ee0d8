import dataclasses

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from specs import LSTM, POINTING, VOCAB_SIZE, lstm_configs, transformer_configs

from tinylm.config import ConfigError
from tinylm.models.networks import build
from tinylm.models.networks.base import target_nlls

MIXING = [dataclasses.replace(config, n_softmax=3, pointer=0) for config in (POINTING, LSTM)]


def tokens(config, n_batch=2):
    return torch.randint(VOCAB_SIZE, (n_batch, config.context_length), generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("config", MIXING, ids=lambda config: config.kind)
def test_probabilities_are_the_sum_of_those_of_each_softmax(config):
    torch.manual_seed(0)
    model, x_BT = build(config, VOCAB_SIZE).eval(), tokens(config)
    h_BTD, mixed = model.hidden(x_BT, 8), model.softmaxes
    shares_BTK = mixed.share(h_BTD).softmax(-1)
    projected = [torch.tanh(h_BTD @ weight_DD.mT) for weight_DD in mixed.project.weight.chunk(3)]
    p_BTV = sum(shares_BTK[..., k, None] * model.head(projected[k]).softmax(-1) for k in range(3))
    torch.testing.assert_close(model(x_BT, 8).exp(), p_BTV)
    torch.testing.assert_close(p_BTV.sum(-1), torch.ones(2, 8))


@given(config=transformer_configs() | lstm_configs(), data=st.data())
def test_nlls_and_their_gradients_are_those_of_the_logits(config, data):
    torch.manual_seed(0)
    model, x_BT = build(config, VOCAB_SIZE), tokens(config)
    n_out = data.draw(st.sampled_from(sorted({1, config.context_length})))
    y_BN = torch.randint(VOCAB_SIZE, (2, n_out))
    ours, theirs = model.nlls(x_BT, y_BN), target_nlls(model(x_BT, n_out), y_BN)
    torch.testing.assert_close(ours, theirs)
    parameters = list(model.parameters())
    for mine, other in zip(*(torch.autograd.grad(nlls.mean(), parameters, allow_unused=True) for nlls in (ours, theirs)), strict=True):
        torch.testing.assert_close(mine, other, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("config", MIXING, ids=lambda config: config.kind)
def test_a_model_needs_a_softmax(config):
    with pytest.raises(ConfigError, match="n_softmax must be at least 1"):
        dataclasses.replace(config, n_softmax=0)
