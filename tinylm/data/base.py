"""What every module of the room shares: the splits of a corpus, and the error of one that cannot be had."""

from tinylm.config import TinylmError

SPLITS = ("train", "valid", "test")
HELD_OUT = SPLITS[1:]
LEVELS = ("character", "subword", "word")  # what the tokens of a corpus are


class DataWarning(UserWarning):
    """A cache that is not used."""


class DataError(TinylmError):
    """A corpus that is missing, damaged or unknown."""
