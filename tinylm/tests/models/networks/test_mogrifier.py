"""That it is what Melis et al. say, gradients included, is tested beside the LSTM, of which it is a layer."""

import dataclasses

import pytest
import torch
from specs import LSTM, VOCAB_SIZE, counted, spec
from torch import nn

from tinylm.flops import window_flops
from tinylm.models.networks import build
from tinylm.models.networks.exportable import Exportable
from tinylm.models.networks.mogrifier import MogrifierLSTM

GATED = dataclasses.replace(LSTM, mogrifier_rounds=5)


def test_without_rounds_it_is_an_lstm():
    layer, reference, x_BTI = MogrifierLSTM(5, 3, 0).double(), nn.LSTM(5, 3, batch_first=True).double(), torch.randn(2, 4, 5).double()
    reference.load_state_dict(layer.state_dict() | {"bias_ih_l0": layer.bias_l0, "bias_hh_l0": torch.zeros(12)}, strict=False)
    torch.testing.assert_close(layer(x_BTI)[0], reference(x_BTI)[0])


@pytest.mark.parametrize("n_rounds", [1, 2, 3, 4])
def test_gradients_are_those_of_differences(n_rounds):
    torch.manual_seed(0)
    layer, x_BTI = MogrifierLSTM(3, 2, n_rounds).double(), torch.randn(2, 4, 3, dtype=torch.float64, requires_grad=True)
    names, weights = zip(*layer.named_parameters(), strict=True)
    assert torch.autograd.gradcheck(
        lambda x, *given: torch.func.functional_call(layer, dict(zip(names, given, strict=True)), (x,))[0], (x_BTI, *weights)
    )


def test_its_products_are_what_a_window_costs():
    executed, _ = window_flops(spec(GATED, loss_at="all"), VOCAB_SIZE)
    plain, _ = window_flops(spec(LSTM, loss_at="all"), VOCAB_SIZE)
    assert counted(GATED, 2, 8, 8) == 2 * executed
    assert executed - plain == 3 * 8 * 5 * 2 * (10 * 12 + 12 * 12)  # five matrices of each layer at eight positions, forward and backward


def test_in_bf16_it_computes_in_float32():
    torch.manual_seed(0)
    layer, x_BTI = MogrifierLSTM(5, 3, 2), torch.randn(2, 4, 5).bfloat16()
    exact = layer.bfloat16().float()(x_BTI.float())[0]
    found = layer.bfloat16()(x_BTI)[0]
    assert found.dtype == torch.bfloat16 and torch.equal(found, exact.bfloat16())


def test_onnx_cannot_have_it():
    with pytest.raises(Exception, match="ONNX has no mogrifier; export this model with --hf"):
        Exportable(build(GATED, VOCAB_SIZE), GATED)
