"""How many threads PyTorch computes with on a CPU."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def threads(number: int) -> Iterator[None]:
    """Within the context, `number` threads; 0 leaves them as they are.

    Small products are no faster on several, and where other programs keep the cores busy they take ten times as long: the threads
    wait for each other at every product.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(number or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
