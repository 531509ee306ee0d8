"""What makes a CPU run at full speed; no result changes beyond rounding."""

import ctypes
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only

PRODUCTS = {getattr(torch.ops.aten, name).default for name in ("mm", "addmm", "bmm", "baddbmm")}
MMAP_THRESHOLD, TRIM_THRESHOLD = -3, -1  # glibc's malloc.h
DEFAULT_MMAP, LARGEST = 2**25, 2**31 - 1  # glibc raises its own threshold up to 32 MiB as it sees memory freed


def prepare() -> None:
    """Keep freed memory for the next step and let oneDNN compute fp32 products, where this machine has both."""
    _keep_freed_memory(LARGEST // 2, LARGEST)
    if has_onednn():
        _allow_onednn_products()


@contextmanager
def unprepared() -> Iterator[None]:
    """For a while, the process as PyTorch and the system set it up."""
    permission = torch.backends.mkldnn.matmul.fp32_precision if has_onednn() else None
    _keep_freed_memory(DEFAULT_MMAP, 2 * DEFAULT_MMAP)
    if permission is not None:
        torch.backends.mkldnn.matmul.fp32_precision = "ieee"
    try:
        yield
    finally:
        _keep_freed_memory(LARGEST // 2, LARGEST)
        if permission is not None:
            torch.backends.mkldnn.matmul.fp32_precision = permission


def has_onednn() -> bool:
    """Whether oneDNN is there with vectors wide enough to matter."""
    return hasattr(torch.backends.mkldnn, "matmul") and torch.backends.cpu.get_cpu_capability() == "AVX512"


def has_bf16() -> bool:
    """Whether products of bf16 matrices are computed in vectors; elsewhere PyTorch adds them up one number at a time."""
    return torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()


class WideProducts(TorchDispatchMode):
    """Within it, products of bf16 matrices are computed in fp32 and rounded once, which is what a CPU with bf16 vectors does too.

    Backward passes included. On AVX2 such a product took a fortieth of the time of PyTorch's own.
    """

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None) -> Any:
        if func not in PRODUCTS or any(arg.dtype != torch.bfloat16 for arg in args if isinstance(arg, Tensor)):
            return func(*args, **(kwargs or {}))
        return func(*tree_map_only(Tensor, Tensor.float, args), **(kwargs or {})).bfloat16()


def _keep_freed_memory(mmap: int, trim: int) -> None:
    """Blocks up to `mmap` bytes are reused, and `trim` free bytes kept; else every step faults its activations' pages in anew."""
    libc = _glibc()
    if libc and (libc.mallopt(MMAP_THRESHOLD, mmap) or libc.mallopt(MMAP_THRESHOLD, DEFAULT_MMAP)):  # older ones stop at 32 MiB
        libc.mallopt(TRIM_THRESHOLD, trim)


@cache
def _glibc() -> ctypes.CDLL | None:
    return ctypes.CDLL(None) if platform.libc_ver()[0] == "glibc" else None


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
    exact = [fine.double()[0] @ ones.double()] * 2 + [torch.bmm(fine.double(), fine.double() ** p) for p in (0, 1)]
    return all(torch.allclose(a.double(), b, rtol=1e-6) for a, b in zip(products, exact, strict=True))
