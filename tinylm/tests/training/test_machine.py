import pytest
import torch
from specs import spec

from tinylm.cli import common
from tinylm.config import ConfigError, RunSpec, TrainConfig, TransformerConfig, memory
from tinylm.training import loop, machine


def test_workers_are_the_cores_unless_told():
    assert machine.Settings(workers=3).n_workers == 3
    assert machine.Settings().n_workers >= 1
    assert machine.Settings(device="cuda").n_workers == 1


@pytest.mark.parametrize(
    ("cuda", "mps", "auto"), [(False, False, "cpu"), (True, False, "cuda"), (False, True, "cpu"), (True, True, "cuda")]
)
def test_a_gpu_is_taken_where_there_is_one_and_an_apple_one_where_it_is_named(monkeypatch, cuda, mps, auto):
    monkeypatch.setattr("torch.cuda.is_available", lambda: cuda)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: mps)
    assert machine.device("auto") == auto and machine.device("cpu") == "cpu"
    for name, is_here, said in (("cuda", cuda, "no CUDA device here"), ("mps", mps, "no Apple GPU here")):
        if is_here:
            assert machine.device(name) == name
            continue
        with pytest.raises(ConfigError, match=f"device {name}: torch finds {said}; use cpu"):
            machine.device(name)


def test_the_commands_know_the_same_devices():
    assert common.DEVICES == machine.DEVICES


def test_cores_are_counted_where_the_system_does_not_say_which_are_ours(monkeypatch):
    monkeypatch.delattr("os.sched_getaffinity", raising=False)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    for count, cores in ((8, 8), (None, 1)):
        monkeypatch.setattr("os.cpu_count", lambda count=count: count)
        assert machine.n_cores() == cores


@pytest.mark.skipif(not torch.backends.mps.is_available(), reason="needs an Apple GPU")
def test_a_run_on_an_apple_gpu_is_a_run(corpus):
    assert loop.train(spec(), corpus, "mps").status == "done"


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
        with pytest.raises(
            ConfigError, match=r"transformer needs about .* GB of memory, and this machine has 24 GB; make the model smaller"
        ):
            machine.require_memory(spec)
