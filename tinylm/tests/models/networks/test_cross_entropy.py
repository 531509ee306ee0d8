import pytest
import torch
import torch.nn.functional as F

from tinylm.models.networks import cross_entropy as module
from tinylm.models.networks.cross_entropy import cross_entropy


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    monkeypatch.setattr(module, "LARGE", 1)
    monkeypatch.setattr(module, "PART", 30)


def drawn(dtype, n=10, vocab_size=7):
    generator = torch.Generator().manual_seed(0)
    logits_NV = (5 * torch.randn(n, vocab_size, generator=generator)).to(dtype).requires_grad_()
    return logits_NV, torch.randint(vocab_size, (n,), generator=generator), torch.rand(n, generator=generator)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_in_parts_losses_and_gradients_are_those_of_pytorch(monkeypatch, dtype, threads):
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    logits_NV, y_N, grad_N = drawn(dtype)
    nlls_N, expected_N = cross_entropy(logits_NV, y_N), F.cross_entropy(logits_NV.float(), y_N, reduction="none")
    assert nlls_N.dtype == torch.float32
    torch.testing.assert_close(nlls_N, expected_N)
    (grad,), (expected,) = (torch.autograd.grad(one, logits_NV, grad_N) for one in (nlls_N, expected_N))
    torch.testing.assert_close(grad, expected)


def test_its_gradient_is_the_derivative():
    logits_NV, y_N, _ = drawn(torch.float64)
    assert torch.autograd.gradcheck(lambda logits: cross_entropy(logits, y_N), logits_NV)


def test_logits_too_large_to_exponentiate_and_a_row_wider_than_a_part():
    logits_NV = torch.full((3, 50), -1e4)
    logits_NV[:, 2] = 1e4
    assert cross_entropy(logits_NV, torch.tensor([2, 2, 0])).tolist() == [0.0, 0.0, 2e4]


def test_what_all_logits_have_in_common_costs_no_digits():
    logits_NV, y_N, _ = drawn(torch.float32)
    shifted_NV = (logits_NV.detach() + 1e4).requires_grad_()
    exact = F.cross_entropy(shifted_NV.double(), y_N, reduction="none").float()
    torch.testing.assert_close(cross_entropy(shifted_NV, y_N), exact)


def test_the_logits_stay_as_they_are():
    logits_NV, y_N, grad_N = drawn(torch.float32)
    before = logits_NV.detach().clone()
    cross_entropy(logits_NV, y_N).backward(grad_N)
    assert torch.equal(logits_NV, before)


def test_few_logits_take_pytorchs_function(monkeypatch):
    monkeypatch.setattr(module, "LARGE", 2**20)
    monkeypatch.setattr(module._InParts, "apply", None)
    logits_NV, y_N, _ = drawn(torch.float32)
    assert torch.equal(cross_entropy(logits_NV, y_N), F.cross_entropy(logits_NV, y_N, reduction="none"))
