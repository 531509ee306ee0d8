"""One thread, Ctrl-C heard, no TINYLM_HOME or need of a home, hypothesis without a clock: tests say the same everywhere."""

import os
import signal
from functools import partial

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read by torch when a test first imports it, and by worker processes
os.environ.pop("TINYLM_HOME", None)  # the tests know where out/ is
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in the background of a script; tests interrupt themselves and their processes
    signal.signal(signal.SIGINT, signal.default_int_handler)

import commandline
import pytest
import settings_folders
import workers
from hypothesis import settings
from specs import markov_corpus

settings_folders.provide()
settings.register_profile("tinylm", deadline=None, derandomize=True, max_examples=40)
settings.load_profile("tinylm")


def pytest_xdist_auto_num_workers(config):
    """Two processes for all tests."""
    return workers.number(config)


def pytest_collection_modifyitems(config, items):
    """What takes longest begins first where two processes share the tests."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: workers.rank(item.path))


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
