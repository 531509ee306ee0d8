"""What this machine offers, and how runs use it: device, processes, threads, folders."""

import os
from dataclasses import dataclass
from pathlib import Path

import torch

from tinylm import data, files
from tinylm.config import ConfigError, RunSpec, memory
from tinylm.config.errors import unknown
from tinylm.flops import n_params

BYTES = 16  # of a parameter in training: the weight, its gradient and two averages of it
DEVICES = ("auto", "cpu", "cuda", "mps")


def n_cores() -> int:
    """The cores that training may use: this process's, or fewer where OMP_NUM_THREADS says so."""
    mine = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    said = os.environ.get("OMP_NUM_THREADS", "")
    return min(mine, int(said)) if said.isdigit() and int(said) else mine


@dataclass(frozen=True)
class Settings:
    """How to run, none of which changes a result beyond rounding: device, processes, corpora, where records and states go."""

    device: str = "cpu"
    workers: int = 0  # 0: one per core on a CPU, each with one thread; one on a GPU
    data_dir: Path | None = None
    folder: Path = files.LOCAL_LEDGER
    minutes: float = 0.0  # 0: no limit
    checkpoints: Path = files.CHECKPOINTS
    weights: Path = files.WEIGHTS

    def checkpoint(self, spec: RunSpec) -> Path:
        """Where the state of a run is saved while it trains."""
        return self.checkpoints / f"{spec.key}.safetensors"

    def weights_file(self, spec: RunSpec) -> Path:
        """Where the weights of a run are kept once it is trained."""
        return self.weights / f"{spec.key}.safetensors"

    @property
    def n_workers(self) -> int:
        """Number of processes."""
        return self.workers or (n_cores() if self.device == "cpu" else 1)

    @property
    def n_threads(self) -> int:
        """Threads of the CPU for each run, however many are left: on a busy machine, two of them wait for each other at every product.

        They decide the last bits of a result, so nothing but what is asked for may change them.
        """
        return max(1, n_cores() // self.n_workers)


def require_memory(spec: RunSpec) -> None:
    """ConfigError for a network that this machine's memory does not hold in training: its weights, their gradients and an optimizer's."""
    if lacking := memory.lacking(BYTES * n_params(spec.model, data.vocab_size(spec.corpus))):
        raise ConfigError(f"{spec.model.kind} {lacking}; make the model smaller")


def device(name: str) -> str:
    """The device that a name means here; ConfigError where there is no such one. `auto` is CUDA where there is one, else the CPU.

    An Apple GPU, `mps`, is taken only where it is named: the study's models are small, and nothing was timed or compared on one.
    """
    if name not in DEVICES:
        raise ConfigError(unknown("device", name, DEVICES))
    if name == "cuda" and not torch.cuda.is_available():
        raise ConfigError("device cuda: torch finds no CUDA device here; use cpu")
    if name == "mps":
        if not torch.backends.mps.is_available():
            raise ConfigError("device mps: torch finds no Apple GPU here; use cpu")
        return name
    return "cuda" if name != "cpu" and torch.cuda.is_available() else "cpu"
