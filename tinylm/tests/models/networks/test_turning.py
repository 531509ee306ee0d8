import cmath

import pytest
import torch

from tinylm.config import TransformerConfig
from tinylm.models.networks.layers import RMSNorm, time_last_like
from tinylm.models.networks.positions import NoRotation, Rotary
from tinylm.models.networks.turning import turned

B, T, N, K = 2, 7, 5, 6
N_HEADS = [3, 2, 2]  # queries, keys, values
CONFIG = TransformerConfig(context_length=T, d_model=12, n_head=2, position="rope", rope_base=100.0)


def textbook(x, norms, is_rotated):
    """Groups of heads one by one: x / rms(x) times the weight, then pairs of features as complex numbers turned by their position."""
    parts = list(x.split(N_HEADS, 1))
    for i, norm in enumerate(norms):
        if isinstance(norm, RMSNorm):
            eps = torch.finfo(x.dtype).eps
            parts[i] = parts[i] / (parts[i].square().mean(-1, keepdim=True) + eps).sqrt() * norm.weight
        if is_rotated:
            angles = [[(T - N + t) * 100.0 ** (-2 * k / K) for k in range(K // 2)] for t in range(N)]
            turns = torch.tensor([[cmath.exp(1j * angle) for angle in row] for row in angles])
            pairs = torch.complex(*parts[i].chunk(2, -1)) * turns
            parts[i] = torch.cat([pairs.real, pairs.imag], -1)
    return parts


@pytest.mark.parametrize("is_time_last", [False, True])
@pytest.mark.parametrize("is_rotated", [False, True])
@pytest.mark.parametrize("is_normed", [False, True])
def test_heads_are_turned_as_by_the_textbook(is_normed, is_rotated, is_time_last):
    torch.manual_seed(0)
    norms = [RMSNorm(K).double() if is_normed else torch.nn.Identity() for _ in range(2)]
    weights = [torch.nn.init.normal_(norm.weight) for norm in norms if is_normed]
    # Tables in double precision, as the angles of the textbook are.
    rotate = Rotary(CONFIG).double() if is_rotated else NoRotation()
    if is_rotated:
        angles = torch.outer(100.0 ** (-2 * torch.arange(K // 2).double() / K), torch.arange(T).double())
        rotate.cos, rotate.sin = angles.cos(), angles.sin()
    x = torch.randn(B, sum(N_HEADS), N, K, dtype=torch.float64, requires_grad=True)
    given = time_last_like(x).copy_(x) if is_time_last else x
    ours, expected = turned(given, N_HEADS, norms, rotate, T), textbook(x, norms, is_rotated)
    directions = [torch.randn_like(part) for part in expected]
    for got, wanted in zip(ours, expected, strict=True):
        torch.testing.assert_close(got, wanted)
    torch.testing.assert_close(*(torch.autograd.grad(parts, [x, *weights], directions) for parts in (ours, expected)))


def test_in_bf16_the_result_is_rounded_once():
    torch.manual_seed(0)
    norms, rotate = [RMSNorm(K), RMSNorm(K)], Rotary(CONFIG)
    x = torch.randn(B, sum(N_HEADS), N, K).bfloat16()
    exact = turned(x.float(), N_HEADS, norms, rotate, T)
    for got, wanted in zip(turned(x, N_HEADS, norms, rotate, T), exact, strict=True):
        assert torch.equal(got, wanted.bfloat16())


def test_queries_alone_are_the_first_of_all_heads():
    torch.manual_seed(0)
    norms, rotate = [RMSNorm(K), RMSNorm(K)], Rotary(CONFIG)
    x = torch.randn(B, sum(N_HEADS), T, K)
    queries, keys, values = turned(x, N_HEADS, norms, rotate, T)
    torch.testing.assert_close(turned(x[:, :3, -N:], [3], norms[:1], rotate, T)[0], queries[:, :, -N:])
    torch.testing.assert_close(turned(x[:, 3:], [2, 2], norms[1:], rotate, T), (keys, values))
