"""Interpolated modified Kneser-Ney: the baseline that needs no gradient, counted and scored with numpy alone.

The probability of token w after the history h (Chen and Goodman 1999, "An empirical study of smoothing techniques for
language modeling", Computer Speech and Language 13, 359-394; h' is h without its oldest token):

    p(w | h) = (c(h w) - D[c(h w)]) / c(h .) + backoff(h) p(w | h'),      backoff(h) = sum over w of D[c(h w)] / c(h .)

At the highest order c is the count in the training stream; below it, the number of distinct tokens seen before the n-gram
(its continuation count). The unigrams interpolate with the uniform distribution over the vocabulary, so every token has a
probability above zero. The text is one stream: an <eos> in it is an ordinary token, and histories reach across it.

An n-gram is the integer `context id * V + token`, where the context id is the rank of the history among the training text's
(n - 1)-grams; ids are dense at each order, so no code overflows, whatever the order.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tinylm.config import TinylmError
from tinylm.config.models import MAX_ORDER

# Half of 1, 2 and 3, for orders whose counts of counts estimate no discounts.
FALLBACK_DISCOUNTS = (0.5, 1.0, 1.5)
LEAST_KEPT = 1e-3  # of a count, after its discount
_UNSEEN = np.iinfo(np.int64).max


class NgramError(TinylmError):
    """An order, a vocabulary size or a token array that n-grams cannot be counted or scored with."""


@dataclass(frozen=True)
class NgramTable:
    """The n-grams of one order, ready to score; the last entry of each array stands for whatever was never seen (index -1).

    `codes` (n-grams + 1,) sorted; `share` (n-grams + 1,) their discounted counts over their history's count; `backoff`
    (histories + 1,) the probability that a history leaves to the order below; `total` (histories + 1,) the history's count; `discounts`
    D1, D2 and D3+.
    """

    codes: np.ndarray
    share: np.ndarray
    backoff: np.ndarray
    total: np.ndarray
    discounts: tuple[float, float, float]

    def followers(self, context: int, vocab_size: int) -> np.ndarray:
        """The share (V,) of each token after a history, before the order below has its part; zeros after one that was never seen."""
        first_code = context * vocab_size
        start, stop = np.searchsorted(self.codes, [first_code, first_code + vocab_size])
        shares = np.zeros(vocab_size)
        shares[self.codes[start:stop] - first_code] = self.share[start:stop]
        return shares

    def all_followers(self, vocab_size: int) -> np.ndarray:
        """The `followers` of every history (histories + 1, V), float32."""
        shares = np.zeros((len(self.total), vocab_size), dtype=np.float32)
        shares.reshape(-1)[self.codes[:-1]] = self.share[:-1]
        return shares

    def find(self, codes: np.ndarray) -> np.ndarray:
        """The rank of each code among the n-grams, -1 where it was never seen."""
        rank = np.searchsorted(self.codes, codes)
        return np.where(self.codes[rank] == codes, rank, -1)


@dataclass(frozen=True)
class NgramModel:
    """A fitted model: one table an order, from the unigrams up; no table at all is the uniform distribution (order 0)."""

    vocab_size: int
    tables: tuple[NgramTable, ...]

    @property
    def order(self) -> int:
        """Length of the longest n-gram."""
        return len(self.tables)

    @property
    def n_stored(self) -> int:
        """Number of stored n-grams of all orders."""
        return sum(table.codes.size - 1 for table in self.tables)

    def log_probs(self, tokens: np.ndarray) -> np.ndarray:
        """Natural-log probability (n,) of every token (n,) given those before it in the same array.

        The first tokens are scored with the history there is. Raises NgramError for token ids outside the vocabulary.
        """
        stream = checked_tokens(tokens, self.vocab_size)
        probs = np.full(stream.size, 1 / self.vocab_size)
        for table, context, gram in self.walk(stream):
            probs = table.share[gram] + table.backoff[context] * probs
        return np.log(probs)

    def distribution(self, history: np.ndarray) -> np.ndarray:
        """Probability (V,) of every token after `history` (n,), of which the last order - 1 tokens are read.

        Raises NgramError for token ids outside the vocabulary.
        """
        stream = checked_tokens(history, self.vocab_size)
        recent = stream[max(0, stream.size - self.order + 1) :]
        probs = np.full(self.vocab_size, 1 / self.vocab_size)
        for table, context, _ in self.walk(np.append(recent, 0)):
            probs *= table.backoff[context[-1]]
            probs += table.followers(int(context[-1]), self.vocab_size)
        return probs

    def distributions(self, tokens: np.ndarray) -> np.ndarray:
        """Probability (n, V), float32, of every token in the place of each token (n,), given those before it in the same array."""
        stream = checked_tokens(tokens, self.vocab_size)
        probs = np.full((stream.size, self.vocab_size), 1 / self.vocab_size, dtype=np.float32)
        for table, context, _ in self.walk(stream):
            probs *= table.backoff[context, None].astype(np.float32)
            probs += table.all_followers(self.vocab_size)[context]
        return probs

    def walk(self, stream: np.ndarray) -> Iterator[tuple[NgramTable, np.ndarray, np.ndarray]]:
        """Each order's table with the context id and the n-gram's rank at every position, -1 where unseen or too near the start."""
        context = np.zeros(stream.size, dtype=np.int64)
        for table in self.tables:
            gram = table.find(context * self.vocab_size + stream)
            yield table, context, gram
            # An n-gram is the history of the token after it.
            context = np.concatenate([[-1], gram])[: stream.size]


def fit(tokens: np.ndarray, order: int, vocab_size: int, discount_scale: float = 1.0) -> NgramModel:
    """Count the token ids (n,) and smooth the counts up to n-grams of `order` tokens (1: unigram, 0: uniform).

    The discounts are those that are estimated times `discount_scale`. Takes one sort of the stream an order. An n-gram at the very
    start of the text has no token before it, so that occurrence adds nothing to its continuation count. Raises NgramError for an order
    outside 0 to 8, an empty text, or token ids outside
    the vocabulary.
    """
    if not 0 <= order <= MAX_ORDER:
        raise NgramError(f"order must be 0 to {MAX_ORDER}, got {order}")
    stream = checked_tokens(tokens, vocab_size)
    if stream.size == 0:
        raise NgramError("the training text is empty; give at least one token")
    tables, n_contexts = [], 1
    for codes, counts in _count(stream, order, vocab_size):
        tables.append(_smooth(codes, counts, codes // vocab_size, n_contexts, discount_scale))
        n_contexts = codes.size
    return NgramModel(vocab_size, tuple(tables))


def estimate_discounts(counts: np.ndarray) -> tuple[float, float, float]:
    """D1, D2 and D3+ of one order from the counts of its n-grams (n-grams,), as in Chen and Goodman 1999.

    With n_k the number of n-grams counted k times and Y = n1 / (n1 + 2 n2), D_k = k - (k + 1) Y n_(k+1) / n_k. The estimate
    needs n1 to n4 above zero and must give 0 < D_k <= k: a discount of zero would leave unseen tokens no probability. Where it
    fails (few types, so unigrams of characters and tiny texts), all three of the order are FALLBACK_DISCOUNTS.
    """
    n1, n2, n3, n4 = (int(np.count_nonzero(counts == k)) for k in (1, 2, 3, 4))
    if 0 in (n1, n2, n3, n4):
        return FALLBACK_DISCOUNTS
    y = n1 / (n1 + 2 * n2)
    estimate = (1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3)
    return estimate if min(estimate) > 0 else FALLBACK_DISCOUNTS


def scaled(discounts: tuple[float, float, float], scale: float) -> tuple[float, float, float]:
    """Discounts times a scale, each below the count it is taken from, so that what was seen keeps some probability of its own."""
    if scale == 1:
        return discounts
    return tuple(min(scale * d, k - LEAST_KEPT) for k, d in enumerate(discounts, 1))


def _count(stream: np.ndarray, order: int, vocab_size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The sorted codes and the counts of each order's n-grams, from the unigrams up: continuation counts, at the last order plain ones."""
    context = np.zeros(stream.size, dtype=np.int64)
    previous_codes, previous_gram = None, None
    for n in range(1, order + 1):
        # gram[j] is the rank of the n-gram that starts at token j, first[r] where the n-gram of rank r starts first.
        codes, first, gram = np.unique(context * vocab_size + stream[n - 1 :], return_index=True, return_inverse=True)
        if n > 1:
            # Each distinct n-gram gives one distinct left neighbour to the (n - 1)-gram that ends it.
            yield previous_codes, np.bincount(previous_gram[first + 1], minlength=previous_codes.size)
        previous_codes, previous_gram = codes, gram
        context = gram[:-1]
    if order > 0:
        yield previous_codes, np.bincount(previous_gram, minlength=previous_codes.size)


def _smooth(codes: np.ndarray, counts: np.ndarray, context: np.ndarray, n_contexts: int, scale: float) -> NgramTable:
    """Discount the counts (n-grams,) of one order and normalise them within their contexts (n-grams,)."""
    discounts = scaled(estimate_discounts(counts), scale)
    discount = np.array([0.0, *discounts])[np.minimum(counts, 3)]
    total = np.bincount(context, weights=counts, minlength=n_contexts)
    held_back = np.bincount(context, weights=discount, minlength=n_contexts)
    # A history that only ends the text is followed by nothing: it leaves everything to the order below.
    backoff = np.divide(held_back, total, out=np.ones(n_contexts), where=total > 0)
    share = (counts - discount) / np.maximum(total, 1)[context]
    return NgramTable(np.append(codes, _UNSEEN), np.append(share, 0.0), np.append(backoff, 1.0), np.append(total, 0.0), discounts)


def checked_tokens(tokens: np.ndarray, vocab_size: int) -> np.ndarray:
    """The tokens as a flat int64 array, or NgramError where they are no ids of the vocabulary."""
    stream = np.asarray(tokens)
    if vocab_size < 1:
        raise NgramError(f"vocab_size must be at least 1, got {vocab_size}")
    if stream.size == 0:
        return np.zeros(0, dtype=np.int64)
    if stream.ndim != 1 or stream.dtype.kind not in "iu":
        raise NgramError(f"tokens must be a flat array of integer ids, got shape {stream.shape} of {stream.dtype}; encode the text first")
    low, high = int(stream.min()), int(stream.max())
    if low < 0 or high >= vocab_size:
        raise NgramError(f"token id {low if low < 0 else high} is outside the vocabulary of {vocab_size}; encode with its words")
    return stream.astype(np.int64)
