from dataclasses import replace

import pytest
import torch

from tinylm.config import TransformerConfig
from tinylm.models.networks.layers import (
    FFN,
    DroppingLinear,
    PostNorm,
    PreNorm,
    ReLUSquared,
    RMSNorm,
    SoftCapped,
    SwiGLU,
    ffn,
    linear,
    time_last,
)
from tinylm.models.networks.transformer import Block

CONFIG = TransformerConfig(context_length=32, d_model=12, n_head=2, d_ff=5, ffn_dropout=0.0, position="rope", rope_base=100.0)


def test_ffn_formulas():
    torch.manual_seed(0)
    x = torch.randn(2, 4, 12)
    plain, gated = FFN(CONFIG, ReLUSquared()), SwiGLU(CONFIG)
    squared = torch.clamp(x @ plain.up.weight.T + plain.up.bias, min=0) ** 2
    torch.testing.assert_close(plain(x, 4), squared @ plain.down.weight.T + plain.down.bias)
    gate, value = (x @ w.T + b for w, b in zip(gated.up.weight.split(5), gated.up.bias.split(5), strict=True))
    torch.testing.assert_close(gated(x, 4), (gate * torch.sigmoid(gate) * value) @ gated.down.weight.T + gated.down.bias)
    for layer in (plain, gated):
        torch.testing.assert_close(layer(x, 2), layer(x, 4)[:, -2:])


@pytest.mark.parametrize("name", ["relu", "gelu", "relu2", "swiglu"])
def test_a_config_names_its_ffn(name):
    layer = ffn(TransformerConfig(ffn=name))
    assert type(layer) is (SwiGLU if name == "swiglu" else FFN)
    if name != "swiglu":
        at_two = {"relu": 2.0, "gelu": 1.9545, "relu2": 4.0}[name]
        assert float(layer.activation(torch.tensor(2.0))) == pytest.approx(at_two, abs=1e-4)


def test_residual_branches():
    class Double(torch.nn.Module):
        def forward(self, x, n_out):
            return 2 * x[:, -n_out:]

    class AddOne(torch.nn.Module):
        def forward(self, x):
            return x + 1

    x = torch.arange(6.0).view(1, 3, 2)
    assert torch.equal(PostNorm(Double(), AddOne())(x, 2), 3 * x[:, -2:] + 1)
    assert torch.equal(PreNorm(Double(), AddOne())(x, 2), x[:, -2:] + 2 * (x[:, -2:] + 1))


def test_a_soft_cap_bounds_logits_and_leaves_small_ones():
    head = SoftCapped(3, 5, False, 2.0)
    x = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    z = x @ head.weight.T
    torch.testing.assert_close(head(x), 2 * torch.tanh(z / 2))
    assert head(1e3 * x).abs().max() <= 2
    torch.testing.assert_close(head(1e-3 * x), 1e-3 * z)


def test_weights_drop_out_in_training_only():
    torch.manual_seed(0)
    layer, x = linear(replace(CONFIG, weight_dropout=0.25), 40, 50), torch.eye(40)
    used = (layer(x) - layer.bias).T  # the matrix that every row of x met
    kept = used.abs() > 1e-6
    assert 0.65 < kept.float().mean() < 0.85
    torch.testing.assert_close(used[kept], layer.weight[kept] / 0.75, rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(layer.eval()(x), torch.nn.functional.linear(x, layer.weight, layer.bias))


def test_weights_of_every_matrix_in_a_block_drop_out():
    block = Block(replace(CONFIG, weight_dropout=0.25))
    assert sum(isinstance(module, DroppingLinear) for module in block.modules()) == 5
    assert not any(isinstance(module, DroppingLinear) for module in Block(CONFIG).modules())


@pytest.mark.parametrize("shape", [(12,), (5, 12), (2, 3, 4, 12)])
def test_rms_norm_is_pytorchs(shape):
    torch.manual_seed(0)
    ours, theirs = RMSNorm(12).double(), torch.nn.RMSNorm(12).double()
    torch.nn.init.normal_(ours.weight)
    theirs.load_state_dict(ours.state_dict())
    x, direction = torch.randn(shape, dtype=torch.float64, requires_grad=True), torch.randn(shape, dtype=torch.float64)
    torch.testing.assert_close(ours(x), theirs(x))
    grads = [torch.autograd.grad(norm(x), (x, norm.weight), direction) for norm in (ours, theirs)]
    torch.testing.assert_close(*grads)
    assert torch.autograd.gradcheck(ours, x)


def test_rms_norm_in_bf16_has_the_eps_of_fp32():
    x = torch.full((1, 4), 1e-4).bfloat16()
    for norm in (RMSNorm(4).bfloat16(), torch.nn.RMSNorm(4).bfloat16()):
        assert norm(x)[0, 0].item() == pytest.approx(1e-4 / (1e-8 + torch.finfo(torch.float32).eps) ** 0.5, rel=0.01)


@pytest.mark.parametrize("bias", [False, True])
def test_layers_with_time_last_are_the_layers_side_by_side(bias):
    torch.manual_seed(0)
    layers = [torch.nn.Linear(6, n, bias=bias).double() for n in (4, 3)]
    x_BTD = torch.randn(2, 5, 6, dtype=torch.float64, requires_grad=True)
    ours, theirs = time_last(layers, x_BTD), torch.cat([layer(x_BTD) for layer in layers], -1)
    assert ours.stride() == (5, 1, 10)
    leaves = [x_BTD, *(parameter for layer in layers for parameter in layer.parameters())]
    direction = torch.randn(2, 5, 7, dtype=torch.float64)
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(*(torch.autograd.grad(y, leaves, direction) for y in (ours, theirs)))


def test_weights_of_layers_with_time_last_drop_out_in_training():
    layer, x = linear(replace(CONFIG, weight_dropout=0.5, bias=False), 40, 50), torch.eye(40)[None]
    assert 0.3 < (time_last([layer], x) == 0).float().mean() < 0.7
    torch.testing.assert_close(time_last([layer.eval()], x), layer(x))
