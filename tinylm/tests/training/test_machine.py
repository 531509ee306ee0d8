import pytest

from tinylm.config import ConfigError, RunSpec, TrainConfig, TransformerConfig, memory
from tinylm.training import machine


def test_workers_are_the_cores_unless_told():
    assert machine.Settings(workers=3).n_workers == 3
    assert machine.Settings().n_workers >= 1
    assert machine.Settings(device="cuda").n_workers == 1


def test_an_unknown_device_is_said():
    with pytest.raises(ConfigError, match="did you mean 'cpu'"):
        machine.device("cpus")


def test_a_network_that_memory_does_not_hold_is_refused_before_it_is_built(monkeypatch):
    monkeypatch.setattr(memory, "total", lambda: 24 * 10**9)
    for d_model in (128, 10**6):
        spec = RunSpec(corpus="grammar-char", model=TransformerConfig(d_model=d_model), train=TrainConfig(steps=1))
        if d_model == 128:
            machine.require_memory(spec)
            continue
        with pytest.raises(ConfigError, match=r"transformer needs about .* GB of memory, and this machine has 24 GB; lower d_model"):
            machine.require_memory(spec)
