"""nbval compares the stored outputs of the notebooks with fresh ones: text, tables and the CSV behind every figure.

Vector drawings are left out: their coordinates may differ in a last digit between machines while the numbers drawn do not.
"""

import tempfile

import pytest
import settings_folders
import workers

settings_folders.provide()
HOME = pytest.StashKey[str]()
# A budget of a parameter cell, and a smaller one that runs the cells below it, of which none is compared.
SMALLER = {"hosted": ("flops = 1e11", "flops = 1e9")}


def pytest_xdist_auto_num_workers(config):
    """One process for notebooks that are named."""
    return workers.number(config)


def pytest_itemcollected(item):
    """Leave SVG out of the comparison of every notebook cell; train little where what is trained is not compared."""
    stored, smaller = SMALLER.get(item.path.stem, ("", ""))
    if stored and "parameters" in item.cell.metadata.get("tags", []):
        assert stored in item.cell.source
        item.cell.source = item.cell.source.replace(stored, smaller)
    if hasattr(item.parent, "skip_compare") and "image/svg+xml" not in item.parent.skip_compare:
        item.parent.skip_compare += ("image/svg+xml",)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item):
    """Start kernels with an empty folder for results: what a notebook trains is trained anew, and the user's runs stay as they are."""
    if HOME not in item.config.stash:
        folder = tempfile.TemporaryDirectory()
        item.config.add_cleanup(folder.cleanup)
        item.config.stash[HOME] = folder.name
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TINYLM_HOME", item.config.stash[HOME])
        return (yield)
