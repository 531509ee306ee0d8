import dataclasses

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from specs import LSTM, VOCAB_SIZE, assert_causal, lstm_configs, spec
from torch.utils.flop_counter import FlopCounterMode

from tinylm.config import LSTMConfig
from tinylm.flops import hidden_shapes, n_params, window_flops
from tinylm.models.networks import build
from tinylm.models.networks import n_params as built_params
from tinylm.models.networks.lstm import LSTM as Network


class Unrolled(Network):
    """The same model from single cells, whose products PyTorch counts; its initial states take gradients, as in kernels and loops."""

    def _read(self, layer, x_BTD):
        h_BD, c_BD = (x_BTD.new_zeros(len(x_BTD), self.head.in_features, requires_grad=True) for _ in range(2))
        states = []
        for x_BD in x_BTD.unbind(1):
            for number, weight in enumerate(getattr(layer, "rounds", ())):
                if number % 2 == 0:
                    x_BD = x_BD * 2 * torch.sigmoid(F.linear(h_BD, weight))
                else:
                    h_BD = h_BD * 2 * torch.sigmoid(F.linear(x_BD, weight))
            biases = [bias for name, bias in layer.named_parameters() if name.startswith("bias")]
            h_BD, c_BD = torch.lstm_cell(x_BD, (h_BD, c_BD), layer.weight_ih_l0, layer.weight_hh_l0, sum(biases), 0 * biases[0])
            states.append(h_BD)
        return torch.stack(states, 1)


def unrolled(model, config):
    """The unrolled model with a model's weights."""
    twin = Unrolled(config, VOCAB_SIZE).double()
    twin.load_state_dict(model.state_dict())
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
    model = Unrolled(config, VOCAB_SIZE)
    with FlopCounterMode(display=False) as counter:
        model.nlls(tokens(config, n_windows), y_BN).mean().backward()
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


@pytest.mark.parametrize("rounds", [0, 2])
def test_elements_of_recurrent_matrices_drop_out_for_all_positions_alike(rounds):
    config = dataclasses.replace(LSTM, mogrifier_rounds=rounds, weight_dropout=0.5)
    torch.manual_seed(0)
    model, plain = build(config, VOCAB_SIZE), build(dataclasses.replace(config, weight_dropout=0.0), VOCAB_SIZE)
    plain.load_state_dict(model.state_dict())
    x_BT = tokens(LSTM)
    assert torch.equal(model.eval()(x_BT, 8), plain(x_BT, 8))
    torch.manual_seed(3)
    dropped = model.train()(x_BT, 8)
    torch.manual_seed(3)
    with torch.no_grad():
        for layer in plain.layers:
            layer.weight_hh_l0.copy_(model.weight_dropout(layer.weight_hh_l0))
    assert (plain.layers[0].weight_hh_l0 == 0).float().mean() == pytest.approx(0.5, abs=0.1)
    torch.testing.assert_close(dropped, plain(x_BT, 8))


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
