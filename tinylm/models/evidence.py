"""What counts say of each token before it is read: the predictions that a network may weigh, and how often each context was seen.

With c the counts of the training text as `ngram` has them (continuation counts below the highest order), r the plain counts of the scored
text so far, h_n the last n tokens and p_n counts of order n that also know the text so far,

    p_n(w) = ((c(h w) - D) + r(h w) + backoff(h) c(h .) p_(n-1)(w)) / (c(h .) + r(h .)),      h = h_(n-1),

there are three kinds of predictions: Kneser-Ney's of the highest order, the share r(h_n w) / r(h_n .) of each context length as in
`recency`, and p_n of the orders from 2 on. Where training never saw a history, c(h .) is taken as 1 and backoff(h) as 1.

With caches there are two: Kneser-Ney's, and the share of each context length among as many of the last tokens as each cache has. Words want
them: which are in use changes within a text.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from tinylm.models import ngram, recency
from tinylm.models.ngram import NgramModel

PARTS = 8  # of the training text, each of which is predicted by counts of the others
LEAST = 1e-12  # of a probability, whose logarithm is taken


def read(counts: NgramModel, tokens: np.ndarray, caches: Sequence[int] = ()) -> np.ndarray:
    """For each token (N,) the logarithms of its predictions, then of one plus each number that says how well a context is known; float32.

    These are how often it was seen, for each length from 0 on, in the training text and in the text so far. With caches they are, for each
    length from 1 on, how often training saw it and its backoff(h), and how often each cache has it, for each length from 0 on.
    """
    stream = ngram.checked_tokens(tokens, counts.vocab_size)
    if caches:
        return _read_caches(counts, stream, caches)
    found = recency.sightings(stream, counts.order, len(stream), counts.vocab_size)
    known = joint = np.full(len(stream), 1 / counts.vocab_size)
    together, totals = [], []
    for n, (table, context, gram) in enumerate(counts.walk(stream)):
        share, backoff, total = table.share[gram], table.backoff[context], table.total[context]
        known = share + backoff * known
        joint = _joint(share, backoff, total, found.probs[:, n] * found.seen[:, n], found.seen[:, n], joint)
        together.append(joint)
        totals.append(total)
    predictions = np.column_stack([known, found.probs, *together[1:]])
    return _logarithms(predictions, np.column_stack([*totals, found.seen]))


def _read_caches(counts: NgramModel, stream: np.ndarray, caches: Sequence[int]) -> np.ndarray:
    known = [(table.total[context], table.backoff[context]) for table, context, _ in counts.walk(stream)]
    found = [recency.sightings(stream, counts.order, size, counts.vocab_size) for size in caches]
    predictions = np.column_stack([np.exp(counts.log_probs(stream)), *(recent.probs for recent in found)])
    trained = [said[n] for n in range(2) for said in known[1:]]
    return _logarithms(predictions, np.column_stack([*trained, *(recent.seen for recent in found)]))


def after(counts: NgramModel, history: np.ndarray, caches: Sequence[int] = ()) -> tuple[np.ndarray, np.ndarray]:
    """What follows a history (n,): each prediction of every token (V,), and the logarithms that `read` has beside them."""
    stream, size = ngram.checked_tokens(history, counts.vocab_size), counts.vocab_size
    if caches:
        return _after_caches(counts, stream, caches)
    known = joint = np.full(size, 1 / size)
    recent, together, totals, seen = [], [], [], []
    for n, (table, context, _) in enumerate(counts.walk(np.append(stream, 0))):
        said = _followers(stream, n, len(stream), size)
        share, backoff, total = table.followers(int(context[-1]), size), table.backoff[context[-1]], table.total[context[-1]]
        known = share + backoff * known
        joint = _joint(share, backoff, total, said, said.sum(), joint)
        recent.append(said / max(said.sum(), 1))
        together.append(joint)
        totals.append(total)
        seen.append(said.sum())
    return np.stack([known, *recent, *together[1:]]), np.log1p([*totals, *seen])


def _after_caches(counts: NgramModel, stream: np.ndarray, caches: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    known = [(table.total[context[-1]], table.backoff[context[-1]]) for table, context, _ in counts.walk(np.append(stream, 0))]
    said = [_followers(stream, n, size, counts.vocab_size) for size in caches for n in range(counts.order)]
    predictions = np.stack([counts.distribution(stream), *(each / max(each.sum(), 1) for each in said)])
    trained = [each[n] for n in range(2) for each in known[1:]]
    return predictions, np.log1p([*trained, *(each.sum() for each in said)])


def _followers(stream: np.ndarray, n: int, size: int, vocab_size: int) -> np.ndarray:
    """How often each token (V,) followed the stream's last n tokens, among its last `size`."""
    places = recency.after(stream, n, size) if n <= len(stream) else stream[:0]
    return np.bincount(stream[places], minlength=vocab_size)


def of_train(tokens: np.ndarray, order: int, vocab_size: int, discount_scale: float, caches: Sequence[int] = ()) -> np.ndarray:
    """`read` of a training text (N,) in PARTS, each by counts of the others, joined to one text.

    Parts share their speakers with the others, so what is read is nearer to the truth than in a text of its own.
    """
    read_parts = (read(ngram.fit(others, order, vocab_size, discount_scale), part, caches) for others, part in apart(tokens))
    return np.concatenate(list(read_parts))


def apart(tokens: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Each of PARTS of a text (N,), after all the others joined."""
    parts = np.array_split(tokens, PARTS)
    for place, part in enumerate(parts):
        yield np.concatenate([other for k, other in enumerate(parts) if k != place]), part


def _joint(
    share: np.ndarray, backoff: np.ndarray, total: np.ndarray, said: np.ndarray, seen: np.ndarray | int, below: np.ndarray
) -> np.ndarray:
    """Counts that also know the text so far, in which tokens followed the history as often as `said` in `seen` times."""
    counted = np.maximum(total, 1)
    return (counted * (share + backoff * below) + said) / (counted + seen)


def _logarithms(predictions: np.ndarray, seen: np.ndarray) -> np.ndarray:
    return np.concatenate([np.log(np.maximum(predictions, LEAST)), np.log1p(seen)], axis=1, dtype=np.float32)
