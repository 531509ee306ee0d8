import pytest
import torch

from tinylm import cpu


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
