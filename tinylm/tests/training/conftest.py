"""Folders of their own for runs, and a machine whose speed is known."""

import pytest

from tinylm.training import forecast, machine


@pytest.fixture
def settings(tmp_path):
    folders = {"folder": tmp_path / "ledger", "checkpoints": tmp_path / "checkpoints", "weights": tmp_path / "weights"}
    return machine.Settings(workers=2, **folders)


@pytest.fixture
def speed(monkeypatch):
    """A machine of four cores that train at 1e6 FLOP/s each."""
    monkeypatch.setattr(machine, "n_cores", lambda: 4)
    monkeypatch.setattr(forecast, "expected_speed", lambda settings, seconds=2.0: 1e6 * settings.n_workers)
    monkeypatch.setattr(forecast, "step_seconds", lambda optimizer, precision: 0.0)
