"""One thread, and hypothesis without a clock and with fixed examples, so that the tests say the same on a busy machine."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read by torch when a test first imports it, and by worker processes

import pytest
from hypothesis import settings
from specs import markov_corpus

settings.register_profile("tinylm", deadline=None, derandomize=True, max_examples=40)
settings.load_profile("tinylm")


@pytest.fixture(scope="session")
def corpus():
    """A corpus of 11 tokens in memory, nine in ten of which follow from the one before."""
    return markov_corpus()
