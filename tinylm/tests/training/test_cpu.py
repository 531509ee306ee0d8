import pytest
import torch

from tinylm.training import cpu


def test_products_keep_fp32_digits_after_preparing():
    cpu.prepare()
    assert cpu.products_are_fp32()
    torch.manual_seed(0)
    a, b = torch.randn(512, 384), torch.randn(384, 256)
    torch.testing.assert_close(a @ b, (a.double() @ b.double()).float(), rtol=1e-5, atol=1e-4)


def test_a_product_of_lower_precision_is_noticed(monkeypatch):
    exact = torch.Tensor.__matmul__
    monkeypatch.setattr(torch.Tensor, "__matmul__", lambda a, b: exact(a.bfloat16(), b.bfloat16()).to(a.dtype))
    assert not cpu.products_are_fp32()


@pytest.fixture
def permission():
    """oneDNN's permission, put back afterwards."""
    matmul = torch.backends.mkldnn.matmul
    before = matmul.fp32_precision
    matmul.fp32_precision = "ieee"
    yield matmul
    matmul.fp32_precision = before


def test_the_permission_is_withdrawn_where_products_lose_digits(permission, monkeypatch):
    monkeypatch.setattr(cpu, "products_are_fp32", lambda: False)
    cpu._allow_onednn_products()
    assert permission.fp32_precision == "ieee"


@pytest.mark.parametrize("product", ["matmul", "linear", "bmm", "baddbmm"])
def test_wide_products_are_those_of_bf16_numbers_rounded_once(product):
    torch.manual_seed(0)
    a, b, c = (torch.randn(3, 32, 32).bfloat16() for _ in range(3))
    products = {
        "matmul": lambda a, b, c: a[0] @ b[0],
        "linear": lambda a, b, c: torch.nn.functional.linear(a[0], b[0].T, c[0, 0]) - c[0, 0],
        "bmm": lambda a, b, c: torch.bmm(a, b),
        "baddbmm": lambda a, b, c: torch.baddbmm(c, a, b, beta=0.0, alpha=1.0),
    }
    exact = a.double() @ b.double()
    with cpu.WideProducts():
        found = products[product](a, b, c)
        assert (a.float()[0] @ b.float()[0]).dtype == torch.float32
    assert found.dtype == torch.bfloat16
    expected = exact if found.dim() == 3 else exact[0]
    torch.testing.assert_close(found.double(), expected, rtol=2.0**-7, atol=0.05)


def test_wide_products_reach_the_backward_pass():
    a, b = (torch.randn(32, 32).bfloat16().requires_grad_() for _ in range(2))
    seen = []

    class Watched(cpu.WideProducts):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            seen.append(func)
            return super().__torch_dispatch__(func, types, args, kwargs)

    with Watched():
        (a @ b).sum().backward()
    assert seen.count(torch.ops.aten.mm.default) == 3
    assert a.grad.dtype == b.grad.dtype == torch.bfloat16
    torch.testing.assert_close(a.grad.float(), b.detach().float().sum(1).expand(32, 32), rtol=1e-2, atol=0.05)


def test_mixed_products_stay_the_error_they_are():
    with cpu.WideProducts(), pytest.raises(RuntimeError):
        torch.mm(torch.ones(2, 2, dtype=torch.bfloat16), torch.ones(2, 2))
