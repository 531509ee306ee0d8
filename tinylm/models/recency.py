"""Counts mixed with what followed the same tokens a little earlier in the very text that is being scored (Kuhn and De Mori 1990).

The literature calls these recent tokens a cache, and so do records, tables and `NgramConfig.cache`: nothing is kept to save work, as a
key-value cache is. The last `size` tokens before each one are counted by their context, n = 0 to order - 1 tokens long. With h the
context, c the counts of the recent tokens and p_KN the Kneser-Ney probability,

    p(w) = a p_KN(w) + sum over n with c(h_n .) > 0 of b_n c(h_n w) / c(h_n .),      a + sum over n of b_n = 1.

The weights a and b depend on the longest context among the recent tokens, and on whether it stands there once, twice or more often.
They are fitted by expectation maximisation (Jelinek and Mercer 1980) to held-out text, so the NLL of that text is a chosen one.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tinylm.models import mixing
from tinylm.models.ngram import NgramModel, checked_tokens

OFTEN = 3  # a context that was seen so often counts like any seen more often


@dataclass(frozen=True)
class Sightings:
    """For each token (N,) and context length (order,): its share of what recently followed that context, and how often that stood there."""

    probs: np.ndarray
    seen: np.ndarray

    @property
    def kinds(self) -> np.ndarray:
        """Which weights each token takes (N,): 0 where nothing is recent, else by the longest context seen and how often it was."""
        longest = (self.seen > 0).sum(1)  # where a context stood, the shorter ones stood too
        times = np.take_along_axis(self.seen, np.maximum(longest - 1, 0)[:, None], 1)[:, 0]
        return np.where(longest > 0, OFTEN * (longest - 1) + np.minimum(times, OFTEN), 0)


@dataclass(frozen=True)
class RecencyModel:
    """Counts mixed with the last `size` tokens; `weights` (kinds, 1 + order) of the counts and of each context length."""

    counts: NgramModel
    size: int
    weights: np.ndarray

    @property
    def n_stored(self) -> int:
        """Number of stored n-grams and weights."""
        return self.counts.n_stored + self.weights.size

    def log_probs(self, tokens: np.ndarray) -> np.ndarray:
        """Natural-log probability (n,) of every token (n,) given those before it in the same array, as `NgramModel.log_probs`."""
        kinds, probs = _components(self.counts, tokens, self.size)
        return np.log((probs * self.weights[kinds]).sum(1))

    def distribution(self, history: np.ndarray) -> np.ndarray:
        """Probability (V,) of every token after `history` (n,), as `NgramModel.distribution`."""
        stream = checked_tokens(history, self.counts.vocab_size)
        shares, seen = np.zeros((self.counts.order, self.counts.vocab_size)), np.zeros(self.counts.order, dtype=np.int64)
        for n in range(min(self.counts.order, len(stream))):
            places = after(stream, n, self.size)
            seen[n] = len(places)
            if len(places):
                shares[n] = np.bincount(stream[places], minlength=self.counts.vocab_size) / len(places)
        weights = self.weights[Sightings(shares[:, 0][None], seen[None]).kinds[0]]
        return weights[0] * self.counts.distribution(history) + weights[1:] @ shares

    def distributions(self, tokens: np.ndarray) -> np.ndarray:
        """Probability (n, V), float32, of every token in the place of each token (n,), as `NgramModel.distributions`."""
        order, size = self.counts.order, self.counts.vocab_size
        weights = self.weights[sightings(tokens, order, self.size, size).kinds].astype(np.float32)
        probs = self.counts.distributions(tokens) * weights[:, :1]
        for n, said in enumerate(_followers(checked_tokens(tokens, size), order, self.size, size)):
            probs[n:] += said * (weights[n:, n + 1] / np.maximum(said.sum(1), 1))[:, None]
        return probs


def _followers(stream: np.ndarray, order: int, size: int, vocab_size: int) -> Iterator[np.ndarray]:
    """For each context length n how often each token recently followed the context of each token from the n-th on, (N - n, V)."""
    context = np.zeros(len(stream), dtype=np.int64)
    for n in range(min(order, len(stream))):
        places = np.arange(len(context))
        keys = context * len(places) + places  # by context, then by place
        order_of = np.argsort(keys)
        seen = np.zeros((len(places) + 1, vocab_size), dtype=np.float32)
        seen[1:][places, stream[n:][order_of]] = 1
        seen = seen.cumsum(0)
        first, now = (np.searchsorted(keys[order_of], key) for key in (context * len(places) + np.maximum(places - size, 0), keys))
        yield seen[now] - seen[first]
        context = np.unique(context * vocab_size + stream[n:], return_inverse=True)[1][:-1]


def after(stream: np.ndarray, n: int, size: int) -> np.ndarray:
    """Places among the last `size` tokens of which the `n` tokens before are the stream's last `n`."""
    places = np.arange(max(n, len(stream) - size), len(stream))
    for back in range(1, n + 1):
        places = places[stream[places - back] == stream[-back]]
    return places


def weights_shape(order: int) -> tuple[int, int]:
    """The shape (kinds, 1 + order) of the weights beside counts of n-grams of up to `order` tokens."""
    return OFTEN * order + 1, 1 + order


def fit(counts: NgramModel, held_out: np.ndarray, size: int) -> RecencyModel:
    """The counts mixed with the last `size` tokens, by weights fitted to held-out tokens (n,), which must not have been counted."""
    kinds, probs = _components(counts, held_out, size)
    weights = [mixing.fit(probs[kinds == kind]) for kind in range(weights_shape(counts.order)[0])]
    return RecencyModel(counts, size, np.stack(weights))


def sightings(tokens: np.ndarray, order: int, size: int, vocab_size: int) -> Sightings:
    """What the last `size` tokens say of each token (N,) before it is read, for contexts of 0 to order - 1 tokens."""
    stream = tokens.astype(np.int64)
    probs, seen = np.zeros((len(stream), order)), np.zeros((len(stream), order), dtype=np.int64)
    context = np.zeros(len(stream), dtype=np.int64)
    for n in range(min(order, len(stream))):
        gram = np.unique(context * vocab_size + stream[n:], return_inverse=True)[1]
        seen[n:, n] = _recent(context, size)
        probs[n:, n] = _recent(gram, size) / np.maximum(seen[n:, n], 1)
        context = gram[:-1]  # an n-gram is the context of the token after it
    return Sightings(probs, seen)


def _recent(ids: np.ndarray, size: int) -> np.ndarray:
    """How often each id (N,) stands among the `size` ids before it."""
    places = np.arange(len(ids))
    keys = np.sort(ids * len(ids) + places)  # by id, then by place
    return np.searchsorted(keys, ids * len(ids) + places) - np.searchsorted(keys, ids * len(ids) + np.maximum(places - size, 0))


def _components(counts: NgramModel, tokens: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Each token's kind (N,), and its probability by the counts and by each context length among the recent tokens (N, 1 + order)."""
    known = np.exp(counts.log_probs(tokens))
    found = sightings(tokens, counts.order, size, counts.vocab_size)
    return found.kinds, np.column_stack([known, found.probs])
