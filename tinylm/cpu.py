"""What a process does once so that its CPU runs at full speed; no result changes beyond rounding."""

import ctypes
import platform
from functools import cache

import torch

MMAP_THRESHOLD, TRIM_THRESHOLD = -3, -1  # glibc's malloc.h
LARGEST = 2**31 - 1


@cache
def prepare() -> None:
    """Keep freed memory for the next step and let oneDNN compute fp32 products, where this machine has both."""
    if platform.libc_ver()[0] == "glibc":
        _keep_freed_memory()
    if hasattr(torch.backends.mkldnn, "matmul") and torch.backends.cpu.get_cpu_capability() == "AVX512":
        _allow_onednn_products()


def _keep_freed_memory() -> None:
    """Without this, activations go back to the system after every step, and the next step faults each page in again."""
    libc = ctypes.CDLL(None)
    libc.mallopt(MMAP_THRESHOLD, LARGEST // 2)
    libc.mallopt(TRIM_THRESHOLD, LARGEST)


def _allow_onednn_products() -> None:
    """Take oneDNN's fp32 kernels instead of MKL's, which leave half of an AMD core's vector width unused.

    PyTorch hands fp32 products to oneDNN only under the permission to compute in bf16. A CPU with fast bf16 matrices would use it, so
    the permission is withdrawn unless the products prove to be exact in fp32.
    """
    matmul = torch.backends.mkldnn.matmul
    before = matmul.fp32_precision
    matmul.fp32_precision = "bf16"
    if not products_are_fp32():
        matmul.fp32_precision = before


def products_are_fp32() -> bool:
    """Whether plain, biased and batched fp32 products keep digits that bf16 drops."""
    fine = torch.full((2, 256, 256), 1 + 2.0**-12)  # 1 in bf16
    ones, bias = torch.ones(256, 256), torch.zeros(256)
    products = [fine[0] @ ones, torch.addmm(bias, fine[0], ones), torch.bmm(fine, torch.ones_like(fine)), torch.baddbmm(bias, fine, fine)]
    wanted = [fine.double()[0] @ ones.double()] * 2 + [torch.bmm(fine.double(), fine.double() ** p) for p in (0, 1)]
    return all(torch.allclose(a.double(), b, rtol=1e-6) for a, b in zip(products, wanted, strict=True))
