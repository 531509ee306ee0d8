"""A training state in one safetensors file: weights, optimizer, best weights, random states and the curve so far."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from tinylm import files
from tinylm.config import TinylmError

REMEDY = "restore it with git checkout if it came with the package, else delete it and train again"


class CheckpointError(TinylmError):
    """A checkpoint or weights file that cannot be read or written."""


def save(path: Path, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
    """Write tensors, JSON-able facts and the sha256 of both to a file, which is never half there.

    CheckpointError when it cannot be written.
    """
    held, said = {name: t.detach().cpu().contiguous().clone() for name, t in tensors.items()}, json.dumps(facts)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with files.written(path) as new:
            save_file(held, new, {"facts": said, "sha256": _digest(held, said)})
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"cannot write {path}: {error}; make the folder writable or free some space") from error


def load(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors and facts of a file; CheckpointError when it is not one, or its content is not what was written.

    Files that were written before they had a sha256 are taken as they are.
    """
    with _opened(path) as file:
        tensors, said = {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
        if "sha256" in said and said["sha256"] != _digest(tensors, said["facts"]):
            raise ValueError("its content is not what was written")
        return tensors, _facts(file)


def facts(path: Path) -> dict[str, Any]:
    """The facts of a file, without its tensors; CheckpointError when it is not one."""
    with _opened(path) as file:
        return _facts(file)


def _digest(tensors: Mapping[str, Tensor], said: str) -> str:
    """The sha256, in hexadecimal, of a text and of tensors on the CPU: their names, types, shapes and bytes."""
    found = hashlib.sha256(said.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        found.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        found.update(tensor.reshape(-1).view(torch.uint8).numpy())
    return found.hexdigest()


def _facts(file: Any) -> dict[str, Any]:
    found = json.loads((file.metadata() or {})["facts"])
    if not isinstance(found, dict):
        raise TypeError("its facts are not names and values")
    return found


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with safe_open(path, framework="pt") as file:
            yield file
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} is not a readable checkpoint ({type(error).__name__}: {error}); {REMEDY}") from error


def with_prefix(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors under `prefix.name`."""
    return {f"{prefix}.{name}": tensor for name, tensor in tensors.items()}


def under_prefix(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose names start with `prefix.`, without it."""
    return {name.removeprefix(f"{prefix}."): tensor for name, tensor in tensors.items() if name.startswith(f"{prefix}.")}


def random_states() -> dict[str, Tensor]:
    """States of torch's global generators, which draw the dropout masks."""
    return {"cpu": torch.get_rng_state()} | {name: gpu.get_rng_state() for name, gpu in _gpus().items()}


def restore_random_states(states: dict[str, Tensor]) -> None:
    """Put back what `random_states` took."""
    torch.set_rng_state(states["cpu"])
    for name, gpu in _gpus().items():
        if name in states:
            gpu.set_rng_state(states[name])


def _gpus() -> dict[str, Any]:
    """The modules of the kinds of GPU that are here."""
    kinds = {"cuda": torch.cuda, "mps": torch.mps}
    return {name: kinds[name] for name, is_here in (("cuda", torch.cuda), ("mps", torch.backends.mps)) if is_here.is_available()}


def weights_of(model: nn.Module) -> dict[str, Tensor]:
    """Copies of a model's parameters and buffers by name, a tied matrix once."""
    first = {value.data_ptr(): name for name, value in reversed(model.state_dict().items())}
    return {name: value.clone() for name, value in model.state_dict().items() if first[value.data_ptr()] == name}


def restore_weights(model: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Put back what `weights_of` took, into the model's own types; RuntimeError that names a tensor which is missing or does not fit."""
    state = model.state_dict()
    held = {value.data_ptr(): tensors[name] for name, value in state.items() if name in tensors}
    tied = {name: held[value.data_ptr()] for name, value in state.items() if value.data_ptr() in held}
    model.load_state_dict(tied | dict(tensors))


def load_weights(model: nn.Module, path: Path) -> None:
    """Load a weights file into the model it was saved from."""
    tensors, _ = load(path)
    restore_weights(model, tensors)
