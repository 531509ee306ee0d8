"""PyTorch's global settings for a run in a process that others use too: those of a new process, afterwards the others' again."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import torch

from tinylm.models.networks.threads import threads


@contextmanager
def own_torch(device: str, n_threads: int = 0) -> Iterator[None]:
    """Within the context, separate random states, float32 and, where given, a number of CPU threads."""
    uses_cuda = device != "cpu" or torch.cuda.is_initialized()  # to ask a GPU for its state would start it
    with torch.random.fork_rng(range(torch.cuda.device_count()) if uses_cuda else ()), _float32(), threads(n_threads):
        yield


@contextmanager
def _float32() -> Iterator[None]:
    """Numbers and products in full single precision, whatever `set_default_dtype` and `set_float32_matmul_precision` said."""
    dtype, precision = torch.get_default_dtype(), None
    backends = torch.backends.mkldnn.matmul, torch.backends.cuda.matmul
    permissions = [backend.fp32_precision for backend in backends]
    with suppress(RuntimeError):  # a caller who has set the backends one by one: there is no common precision
        precision = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision("highest")
    torch.set_default_dtype(torch.float32)
    try:
        yield
    finally:
        torch.set_default_dtype(dtype)
        if precision is not None:
            torch.set_float32_matmul_precision(precision)
        for backend, permission in zip(backends, permissions, strict=True):
            backend.fp32_precision = permission
