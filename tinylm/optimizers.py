"""Optimizers and learning-rate schedules, by the names in TrainConfig."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from tinylm.config import TrainConfig


def make_optimizer(model: nn.Module, train: TrainConfig) -> torch.optim.Optimizer:
    """The fused optimizer of a config; AdamW decays matrices and embeddings, not biases or norms (Loshchilov and Hutter 2019).

    On a GPU the learning rate and the step count live on the device, so that a CUDA graph can hold the update.
    """
    device = next(model.parameters()).device
    settings: dict[str, Any] = {"lr": train.lr, "betas": (train.beta1, train.beta2), "fused": True}
    if device.type == "cuda":
        settings |= {"lr": torch.tensor(train.lr, device=device), "capturable": True}
    if train.optimizer == "adam":
        return torch.optim.Adam(model.parameters(), **settings)
    decayed = [p for p in model.parameters() if p.ndim >= 2]
    kept = [p for p in model.parameters() if p.ndim < 2]
    groups = [{"params": decayed, "weight_decay": train.weight_decay}, {"params": kept, "weight_decay": 0.0}]
    return torch.optim.AdamW([group for group in groups if group["params"]], **settings)


def _constant(progress: float) -> float:
    return 1.0


def _cosine(progress: float) -> float:
    return 0.5 * (1 + math.cos(math.pi * progress))


def _linear(progress: float) -> float:
    return 1.0 - progress


SCHEDULES: dict[str, Callable[[float], float]] = {"constant": _constant, "cosine": _cosine, "linear": _linear}


def learning_rate(train: TrainConfig, step: int, num_steps: int) -> float:
    """Learning rate of a 0-based step: linear warm-up over `warmup` of the run, then the schedule down to its end."""
    n_warmup = round(train.warmup * num_steps)
    if step < n_warmup:
        return train.lr * (step + 1) / n_warmup
    return train.lr * SCHEDULES[train.schedule]((step - n_warmup) / max(1, num_steps - n_warmup))
