import pytest
import torch
from specs import LINEAR, VOCAB_SIZE

from tinylm.models import checkpoint
from tinylm.models.checkpoint import CheckpointError
from tinylm.models.networks import build

TENSORS = {"a.b": torch.arange(6.0).view(2, 3), "a.c": torch.tensor(2, dtype=torch.int64), "d": torch.zeros(0)}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "new folder" / "state.safetensors"


def test_round_trip(path):
    checkpoint.save(path, TENSORS, {"step": 3, "nll": float("inf"), "curve": [{"x": 1.5}]})
    tensors, facts = checkpoint.load(path)
    assert facts == {"step": 3, "nll": float("inf"), "curve": [{"x": 1.5}]}
    assert tensors.keys() == TENSORS.keys()
    assert all(torch.equal(tensors[name], t) and tensors[name].dtype == t.dtype for name, t in TENSORS.items())
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_shared_and_transposed_tensors_are_saved_as_they_look(path):
    shared = torch.arange(6.0).view(2, 3)
    checkpoint.save(path, {"a": shared, "b": shared, "t": shared.T}, {})
    tensors, _ = checkpoint.load(path)
    assert torch.equal(tensors["b"], shared)
    assert torch.equal(tensors["t"], shared.T)


@pytest.mark.parametrize(
    "damage", [lambda b: b"", lambda b: b[: len(b) // 2], lambda b: b[:-1], lambda b: b"\xff" * len(b), lambda b: b"{}"]
)
def test_a_damaged_file_is_named_with_the_mend(path, damage):
    checkpoint.save(path, TENSORS, {"step": 3})
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(CheckpointError, match=r"state\.safetensors is not a readable checkpoint .* delete it and train again"):
        checkpoint.load(path)


def test_a_missing_file_is_named(path):
    with pytest.raises(CheckpointError, match="not a readable checkpoint"):
        checkpoint.load(path)


def test_a_folder_that_cannot_be_made_is_named(path):
    path.parent.write_text("a file where the folder should be")
    with pytest.raises(CheckpointError, match=r"cannot write .*state\.safetensors.* make the folder writable"):
        checkpoint.save(path, TENSORS, {})


def test_a_failed_write_leaves_the_old_file_and_no_other(path, monkeypatch):
    checkpoint.save(path, TENSORS, {"step": 1})

    def full_disk(tensors, file, metadata):
        file.write_bytes(b"half of it")
        raise checkpoint.SafetensorError("Error while serializing: no space left on device")

    monkeypatch.setattr(checkpoint, "save_file", full_disk)
    with pytest.raises(CheckpointError, match="no space left .* free some space"):
        checkpoint.save(path, TENSORS, {"step": 2})
    assert checkpoint.load(path)[1] == {"step": 1}
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_prefixes():
    grouped = checkpoint.with_prefix("model", {"a.b": TENSORS["d"]}) | checkpoint.with_prefix("model2", {"c": TENSORS["d"]})
    assert grouped.keys() == {"model.a.b", "model2.c"}
    assert checkpoint.under_prefix("model", grouped).keys() == {"a.b"}


def test_restored_random_states_draw_the_same_numbers():
    states = checkpoint.random_states()
    first = torch.rand(5)
    checkpoint.restore_random_states(states)
    assert torch.equal(torch.rand(5), first)


def test_weights_load_into_the_model_they_came_from(path):
    models = [build(LINEAR, VOCAB_SIZE) for _ in range(2)]
    checkpoint.save(path, models[0].state_dict(), {"key": "x"})
    checkpoint.load_weights(models[1], path)
    assert torch.equal(models[0].head.weight, models[1].head.weight)


def test_weights_hold_buffers_and_a_tied_matrix_once():
    class Scaled(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = torch.nn.Linear(3, 3), torch.nn.Linear(3, 3)
            self.second.weight = self.first.weight
            self.register_buffer("scale", torch.rand(2))

    model, twin = Scaled(), Scaled()
    held = checkpoint.weights_of(model)
    assert held.keys() == {"scale", "first.weight", "first.bias", "second.bias"}
    checkpoint.restore_weights(twin, held)
    for name, tensor in model.state_dict().items():
        assert torch.equal(twin.state_dict()[name], tensor)
    assert twin.second.weight is twin.first.weight
