import dataclasses
import subprocess
import sys
import threading

import pytest
import torch
from pooled import LINEAR

from tinylm.models import checkpoint
from tinylm.models.checkpoint import CheckpointError
from tinylm.training import states

TENSORS, HISTORY, MADE_BY = {"a": torch.arange(3.0)}, {"step": 7, "best_nll": float("inf")}, {"threads": "1"}


@pytest.fixture
def path(tmp_path):
    states.save(tmp_path / "state.safetensors", LINEAR, TENSORS, HISTORY, MADE_BY)
    return tmp_path / "state.safetensors"


def test_a_state_comes_back_as_it_was(path):
    tensors, history, made_by = states.load(path, LINEAR)
    assert torch.equal(tensors["a"], TENSORS["a"]) and (history, made_by) == (HISTORY, MADE_BY)
    assert states.steps_done(path, LINEAR) == 7


def test_a_state_of_another_run_is_refused(path):
    other = dataclasses.replace(LINEAR, seed=5)
    with pytest.raises(states.StateError, match=r"state\.safetensors is of another key$"):
        states.load(path, other)
    assert states.steps_done(path, other) == 0


@pytest.mark.parametrize("name", ["key", "version", "spec"])
def test_a_state_that_says_too_little_or_something_else_is_refused(path, name):
    tensors, facts = checkpoint.load(path)
    checkpoint.save(path, tensors, facts | {name: "other"})
    with pytest.raises(states.StateError, match=f"is of another {name}$"):
        states.load(path, LINEAR)
    del facts[name]
    checkpoint.save(path, tensors, facts)  # as states were written once
    with pytest.raises(states.StateError, match=f"does not say its {name}$"):
        states.load(path, LINEAR)
    assert states.steps_done(path, LINEAR) == 0


@pytest.mark.parametrize("place", range(-12, 0))
def test_a_flipped_bit_of_a_tensor_is_noticed(path, place):
    content = bytearray(path.read_bytes())
    content[place] ^= 16
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="its content is not what was written"):
        states.load(path, LINEAR)


def test_no_file_and_no_checkpoint_hold_no_step(path):
    assert states.steps_done(path.with_name("absent"), LINEAR) == 0
    path.write_bytes(b"half of it")
    assert states.steps_done(path, LINEAR) == 0


HOLDS = """
import sys
from pathlib import Path
from tinylm.training import states
with states.locked(Path(sys.argv[1]), lambda: False):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def other(path):
    """Another process that trains the run until it is told to end."""
    with subprocess.Popen([sys.executable, "-c", HOLDS, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.stdin.close()


def test_a_run_that_another_process_trains_is_not_begun(path, other, monkeypatch):
    monkeypatch.setattr(states, "WAIT", 0.2)
    with (
        pytest.raises(states.Busy, match="^another process is training it; repeat when that has ended$"),
        states.locked(path, lambda: False),
    ):
        pytest.fail("both train it")


def test_a_run_waits_for_a_process_that_is_about_to_end_and_for_none_that_was_killed(path, other):
    threading.Timer(0.3, other.kill).start()
    with states.locked(path, lambda: False):
        assert other.wait(60) < 0
    assert [found.name for found in path.parent.iterdir()] == [path.name]


def test_a_stop_ends_the_waiting(path, other):
    with pytest.raises(states.Busy), states.locked(path, lambda: True):
        pytest.fail("both train it")
