import dataclasses

import pytest
import torch
import torch.nn.functional as F
from specs import TRANSFORMER, VOCAB_SIZE, assert_causal, spec
from torch.utils.flop_counter import FlopCounterMode

from tinylm.flops import window_flops
from tinylm.models.networks import build
from tinylm.models.networks.convolution import ShortConvolution


def drawn(d_model, width):
    module = ShortConvolution(d_model, width)
    torch.nn.init.normal_(module.weight)
    return module


def conv1d(module, x_BTD):
    """The same by PyTorch's own convolution, whose kernels run from the farthest position to the nearest."""
    kernel_D1W = module.weight.flip(0).permute(2, 1, 0)
    return x_BTD + F.conv1d(F.pad(x_BTD.mT, (len(module.weight) - 1, 0)), kernel_D1W, groups=x_BTD.shape[-1]).mT


@pytest.mark.parametrize(("length", "width"), [(6, 1), (6, 4), (2, 4)])
def test_value_and_gradients_are_those_of_conv1d(length, width):
    module, x_BTD = drawn(5, width).double(), torch.randn(3, length, 5, dtype=torch.float64, requires_grad=True)
    direction = torch.randn(3, length, 5, dtype=torch.float64)
    ours, theirs = (f(x_BTD) for f in (module, lambda x: conv1d(module, x)))
    torch.testing.assert_close(ours, theirs)
    for a, b in zip(*(torch.autograd.grad((y * direction).sum(), [x_BTD, module.weight]) for y in (ours, theirs)), strict=True):
        torch.testing.assert_close(a, b)


def test_it_starts_as_the_identity():
    x_BTD = torch.randn(2, 5, 3)
    assert torch.equal(ShortConvolution(3, 4)(x_BTD), x_BTD)


def test_it_costs_what_pytorch_counts_for_conv1d():
    module, x_BTD = ShortConvolution(8, 3), torch.randn(1, TRANSFORMER.context_length, 8)
    with FlopCounterMode(display=False) as counter:
        conv1d(module, x_BTD)
    configs = [dataclasses.replace(TRANSFORMER, d_model=8, convolution=width) for width in (0, 3)]
    without, with_it = (window_flops(spec(config), VOCAB_SIZE)[0] for config in configs)
    assert with_it - without == 3 * TRANSFORMER.n_layer * counter.get_total_flops()


def test_muon_leaves_its_weights_to_adam():
    model = build(dataclasses.replace(TRANSFORMER, convolution=3), VOCAB_SIZE)
    ours = [block.attention.layer.convolution.weight for block in model.blocks]
    assert len(ours) == TRANSFORMER.n_layer
    assert not {id(p) for p in model.hidden_matrices()} & {id(p) for p in ours}


def test_no_position_sees_a_later_one(convolving):
    assert_causal(convolving, torch.randint(VOCAB_SIZE, (1, TRANSFORMER.context_length)))


def test_the_last_positions_are_those_of_all(convolving):
    x_BT = torch.randint(VOCAB_SIZE, (2, TRANSFORMER.context_length))
    torch.testing.assert_close(convolving(x_BT, 2), convolving(x_BT, TRANSFORMER.context_length)[:, -2:])
