import pytest
import torch

from tinylm.training.own_torch import own_torch


def settings():
    """Everything that a run sets or draws from."""
    matmuls = torch.backends.mkldnn.matmul, torch.backends.cuda.matmul
    numbers = torch.get_default_dtype(), torch.get_num_threads(), *(backend.fp32_precision for backend in matmuls)
    return *numbers, torch.get_rng_state().tolist()


@pytest.fixture
def restored():
    """PyTorch as it was before the test."""
    matmuls = torch.backends.mkldnn.matmul, torch.backends.cuda.matmul
    dtype, threads, precisions = torch.get_default_dtype(), torch.get_num_threads(), [backend.fp32_precision for backend in matmuls]
    yield
    torch.set_default_dtype(dtype)
    torch.set_num_threads(threads)
    torch.set_float32_matmul_precision("highest")
    for backend, precision in zip(matmuls, precisions, strict=True):
        backend.fp32_precision = precision


def spoil():
    torch.manual_seed(1)
    torch.rand(3)
    torch.set_default_dtype(torch.bfloat16)
    torch.set_num_threads(3)
    torch.backends.mkldnn.matmul.fp32_precision = "bf16"


def test_a_run_finds_torch_as_new_and_leaves_it_as_it_was(restored):
    torch.set_default_dtype(torch.float64)
    torch.set_float32_matmul_precision("medium")
    torch.set_num_threads(1)
    before = settings()
    with own_torch("cpu", n_threads=2):
        assert torch.get_default_dtype() == torch.float32
        assert torch.get_float32_matmul_precision() == "highest"
        assert torch.get_num_threads() == 2
        spoil()
    assert settings() == before
    assert torch.get_float32_matmul_precision() == "medium"


def test_an_error_leaves_it_too_and_no_number_leaves_the_threads(restored):
    before = settings()
    with pytest.raises(ZeroDivisionError), own_torch("cpu"):
        assert torch.get_num_threads() == before[1]
        spoil()
        raise ZeroDivisionError
    assert settings() == before


def test_a_precision_set_for_one_backend_is_kept(restored):
    torch.backends.mkldnn.matmul.fp32_precision = "bf16"
    with pytest.raises(RuntimeError):
        torch.get_float32_matmul_precision()
    before = settings()
    with own_torch("cpu"):
        spoil()
    assert settings() == before
