"""The memory of this machine, to be asked before what would not fit in it: a process that takes too much is killed without a word."""

import contextlib
import os
from pathlib import Path

# What a container may have at most, by version 2 and version 1 of Linux's control groups.
LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
GIGABYTE = 10**9


def total() -> int | None:
    """Bytes of memory that processes here can have, used or not; None where the system does not say."""
    found: list[int] = []
    with contextlib.suppress(AttributeError, OSError, ValueError):  # not on Windows
        found.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    for limit in LIMITS:
        with contextlib.suppress(OSError, ValueError):  # "max": none
            found.append(int(limit.read_text(encoding="ascii")))
    return min(found, default=None)


def lacking(needed: int) -> str:
    """What to say where `needed` bytes are more than there are, else nothing."""
    there = total()
    if there is None or needed <= there:
        return ""
    return f"needs about {needed / GIGABYTE:,.3g} GB of memory, and this machine has {there / GIGABYTE:.3g} GB"
