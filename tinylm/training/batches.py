"""Which training windows each step sees: a pure function of seed and step, the same on every device."""

import numpy as np

from tinylm.config import RunSpec
from tinylm.flops import windows_per_epoch

DATA_STREAM = 1  # keeps the data order's random numbers apart from any other use of the same seed


class WindowStarts:
    """Starts of the windows of every step; an epoch is drawn whole from (seed, epoch), so any step can be resumed exactly."""

    def __init__(self, spec: RunSpec, n_train: int) -> None:
        self.seed, self.batch_size = spec.seed, spec.train.batch_size
        self.n_starts = min(n_train, spec.train.train_tokens or n_train) - spec.model.context_length
        self.per_epoch = windows_per_epoch(spec, n_train)
        self.length = spec.model.context_length
        self.draw = {"random": self._random, "shuffled": self._shuffled, "tiled": self._tiled}[spec.train.sampling]
        self.steps_per_epoch = -(-self.per_epoch // self.batch_size)

    def epoch(self, epoch: int) -> np.ndarray:
        """All window starts of an epoch, int64 (per_epoch,), in the order they are trained on."""
        return self.draw(np.random.default_rng([self.seed, DATA_STREAM, epoch]))

    def _random(self, generator: np.random.Generator) -> np.ndarray:
        return generator.integers(self.n_starts, size=self.per_epoch)

    def _shuffled(self, generator: np.random.Generator) -> np.ndarray:
        return generator.permutation(self.n_starts)[: self.per_epoch]

    def _tiled(self, generator: np.random.Generator) -> np.ndarray:
        offset = generator.integers(min(self.length, self.n_starts))
        return offset + self.length * generator.permutation(self.per_epoch)
