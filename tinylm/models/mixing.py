"""Several predictions of the same tokens, added with weights that make held-out tokens likeliest (Jelinek and Mercer 1980)."""

import numpy as np

ROUNDS = 50  # of expectation maximisation; the likelihood has one maximum


def fit(probs: np.ndarray, rounds: int = ROUNDS) -> np.ndarray:
    """The weights (m,) that make tokens with these probabilities (N, m) likeliest, as if one more had been for the first alone.

    What so many rounds come to: a weight that should be zero is still a few thousandths after ROUNDS, which costs next to nothing.
    So the first, which is never zero, keeps a weight, and has all of it where there are no tokens.
    """
    weights = np.full(probs.shape[1], 1 / probs.shape[1])
    first = np.eye(probs.shape[1])[0]
    for _ in range(rounds):
        shares = probs * weights
        shares /= shares.sum(1, keepdims=True)
        weights = (shares.sum(0) + first) / (len(probs) + 1)
    return weights
