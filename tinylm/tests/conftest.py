"""One thread, no TINYLM_HOME, no need of a home, hypothesis without a clock and with fixed examples: tests say the same everywhere."""

import os
from functools import partial

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read by torch when a test first imports it, and by worker processes
os.environ.pop("TINYLM_HOME", None)  # the tests know where out/ is

import commandline
import pytest
import settings_folders
from hypothesis import settings
from specs import markov_corpus

settings_folders.provide()
settings.register_profile("tinylm", deadline=None, derandomize=True, max_examples=40)
settings.load_profile("tinylm")


@pytest.fixture(scope="session")
def corpus():
    """A corpus of 11 tokens in memory, nine in ten of which follow from the one before."""
    return markov_corpus()


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The repository's folders moved to an empty place."""
    return commandline.move_home(monkeypatch, tmp_path)


@pytest.fixture
def call(capsys):
    """Runs a command line; gives exit code, stdout, stderr."""
    return partial(commandline.run, capsys)
