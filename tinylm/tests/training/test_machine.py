import pytest

from tinylm.config import ConfigError
from tinylm.training import machine


def test_workers_are_the_cores_unless_told():
    assert machine.Settings(workers=3).n_workers == 3
    assert machine.Settings().n_workers >= 1
    assert machine.Settings(device="cuda").n_workers == 1


def test_an_unknown_device_is_said():
    with pytest.raises(ConfigError, match="did you mean 'cpu'"):
        machine.device("cpus")
