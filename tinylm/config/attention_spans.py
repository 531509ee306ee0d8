"""Which keys which queries meet: the arithmetic of attention that reaches no further than the block before. Needs no torch."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Span:
    """A row of queries that meets all keys from its first block's start, or the block before's, up to its own end."""

    n_queries: int
    first_block: int
    n_keys: int


def spans(n_positions: int, n_out: int, window: int) -> list[Span]:
    """The spans of the last `n_out` of `n_positions`, block by block; with no `window` (0) all positions are one block."""
    size = window or n_positions
    first = n_positions - n_out
    out = []
    for block in range(first // size, -(-n_positions // size)):
        start, stop = max(first, block * size), min(n_positions, (block + 1) * size)
        before = max(0, block - 1)
        out.append(Span(stop - start, before, stop - before * size))
    return out


def n_pairs(n_positions: int, n_out: int, window: int) -> int:
    """Pairs of a query and a key whose score is computed, later keys included: those of all `spans`, in time that no length changes.

    A query meets two blocks, but for those of the first block, which has none before it, and of the last, which may be shorter.
    """
    size = window or n_positions
    first, last = n_positions - n_out, (n_positions - 1) // size
    in_first, in_last = max(0, min(size, n_positions) - first), n_positions - max(first, last * size)
    return 2 * size * n_out - size * in_first - ((last + 1) * size - n_positions) * in_last
