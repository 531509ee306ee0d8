"""A home of its own for every test of a command, mistaken command lines, and tiny trained models."""

import pytest
from small_runs import SPECS

from tinylm import files, ledger
from tinylm.training import executors, machine


@pytest.fixture(autouse=True)
def own_home(home, monkeypatch):
    """No test of a command touches the repository's folders; commands are typed in the home's root."""
    monkeypatch.chdir(home)


@pytest.fixture
def refused(call, home, monkeypatch):
    """Runs a mistaken command line in an empty folder; gives what it says on stderr."""
    monkeypatch.chdir(home)

    def run(line):
        code, out, err = call(line)
        assert code == 2 and not out and "Traceback" not in err and "error: " in err.splitlines()[-1]
        return err

    return run


@pytest.fixture(scope="session")
def small_runs(tmp_path_factory):
    """Records of the four specs, with their weights in a folder."""
    settings = machine.Settings(weights=tmp_path_factory.mktemp("weights"), checkpoints=tmp_path_factory.mktemp("checkpoints"))
    return {name: executors.run_one(spec, settings, lambda *_: None, lambda: False) for name, spec in SPECS.items()}, settings.weights


@pytest.fixture
def keys(home, small_runs, monkeypatch):
    """The keys of the small_runs runs, whose records and weights lie in this home."""
    records, folder = small_runs
    monkeypatch.setattr(files, "WEIGHTS", folder)
    for record in records.values():
        ledger.write(record, files.LOCAL_LEDGER / "local")
    return {name: record.spec.key for name, record in records.items()}
