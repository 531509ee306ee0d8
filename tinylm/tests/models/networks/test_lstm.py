import dataclasses

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from specs import LSTM, VOCAB_SIZE, assert_causal, lstm_configs, spec
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from tinylm.config import LSTMConfig
from tinylm.flops import hidden_shapes, n_params, window_flops
from tinylm.models.networks import build
from tinylm.models.networks import n_params as built_params
from tinylm.models.networks.induction import induction


class Unrolled(nn.Module):
    """The same model from single cells, whose products PyTorch counts; its initial states take gradients, as in fused kernels."""

    def __init__(self, config):
        super().__init__()
        self.config, self.embedding = config, nn.Embedding(VOCAB_SIZE, config.widths[0])
        self.induction = induction(config, config.widths[0], VOCAB_SIZE)
        self.cells = nn.ModuleList(nn.LSTMCell(n_in, config.d_model) for n_in in config.widths[:-1])
        self.head = nn.Linear(config.d_model, VOCAB_SIZE)

    def forward(self, x_BT, n_out):
        x_BTD = self.induction(x_BT, self.embedding, x_BT.shape[1])
        for cell in self.cells:
            state = tuple(x_BTD.new_zeros(len(x_BT), self.config.d_model, requires_grad=True) for _ in range(2))
            states = []
            for x_BD in x_BTD.unbind(1):
                state = cell(x_BD, state)
                states.append(state[0])
            x_BTD = torch.stack(states, 1)
        return self.head(x_BTD[:, -n_out:])


def unrolled(model, config):
    """The unrolled model with a model's weights."""
    twin = Unrolled(config).double()
    names = {name: name.replace("layers.", "cells.").removesuffix("_l0") for name in model.state_dict()}
    twin.load_state_dict({names[name]: tensor for name, tensor in model.state_dict().items()})
    return twin


def tokens(config, n_batch=2):
    return torch.randint(VOCAB_SIZE, (n_batch, config.context_length), generator=torch.Generator().manual_seed(0))


@given(config=lstm_configs(), n_out=st.integers(1, 7))
def test_it_is_its_cells_one_position_after_another(config, n_out):
    n_out, config = min(n_out, config.context_length), dataclasses.replace(config, tied=False)
    model, x_BT = build(config, VOCAB_SIZE).double(), tokens(config)
    reference = unrolled(model, config)
    ours, theirs = model(x_BT, n_out), reference(x_BT, n_out)
    torch.testing.assert_close(ours, theirs)
    direction = torch.randn(ours.shape, dtype=ours.dtype)
    gradients = [torch.autograd.grad(out, list(m.parameters()), direction) for out, m in ((ours, model), (theirs, reference))]
    for mine, other in zip(*gradients, strict=True):
        torch.testing.assert_close(mine, other)


@given(config=lstm_configs(), loss_at=st.sampled_from(["last", "all"]), n_windows=st.integers(1, 3))
def test_it_costs_what_pytorch_counts_of_its_cells(config, loss_at, n_windows):
    executed, textbook = window_flops(spec(config, loss_at=loss_at), VOCAB_SIZE)
    n_scored = config.context_length if loss_at == "all" else 1
    y_BN = torch.zeros(n_windows, n_scored, dtype=torch.long)
    model = Unrolled(config)
    with FlopCounterMode(display=False) as counter:
        F.cross_entropy(model(tokens(config, n_windows), n_scored).flatten(0, 1), y_BN.flatten()).backward()
    assert counter.get_total_flops() == n_windows * executed
    assert executed == textbook, "a recurrence spares no position"


@given(config=lstm_configs())
def test_parameters_and_matrices_are_those_of_the_built_model(config):
    model = build(config, VOCAB_SIZE)
    assert n_params(config, VOCAB_SIZE) == built_params(model)
    assert [tuple(p.shape) for p in model.hidden_matrices()] == hidden_shapes(config)


@given(config=lstm_configs())
def test_no_prediction_sees_a_later_token(config):
    assert_causal(build(config, VOCAB_SIZE), tokens(config, 1))


def test_a_tied_head_is_the_embedding():
    model = build(LSTMConfig(tied=True), VOCAB_SIZE)
    assert model.head.weight is model.embedding.weight
    assert 0.09 < model.head.weight.abs().max() <= 0.1


@pytest.mark.parametrize("kind", ["element", "variational"])
@pytest.mark.parametrize("place", ["embedding", "layer", "output"])
def test_every_dropout_acts_in_training_only(place, kind):
    torch.manual_seed(0)
    model, x_BT = build(dataclasses.replace(LSTM, **{f"{place}_dropout": 0.5}, dropout_kind=kind), VOCAB_SIZE), tokens(LSTM)
    assert not torch.equal(model(x_BT, 1), model(x_BT, 1))
    model.eval()
    plain = build(LSTM, VOCAB_SIZE)
    plain.load_state_dict(model.state_dict())
    assert torch.equal(model(x_BT, 1), plain(x_BT, 1))
