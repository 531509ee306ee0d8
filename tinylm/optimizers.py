"""Optimizers and learning-rate schedules, by the names in TrainConfig."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from tinylm.config import TrainConfig


def make_optimizer(model: nn.Module, train: TrainConfig) -> torch.optim.Optimizer:
    """The optimizer of a config, with weight decay on matrices and embeddings, not on biases or norms (Loshchilov and Hutter 2019).

    Each group keeps the highest rate of its schedule under `peak_lr`. On a GPU the learning rate and the step count live on the
    device, so that a CUDA graph can hold the update.
    """
    return OPTIMIZERS[train.optimizer](model, train)


def _adam(model: nn.Module, train: TrainConfig) -> torch.optim.Optimizer:
    return torch.optim.Adam([{"params": list(model.parameters()), "peak_lr": train.lr}], **_adam_settings(model, train, train.lr))


def _adamw(model: nn.Module, train: TrainConfig) -> torch.optim.AdamW:
    return _decaying(model, train, list(model.parameters()), train.lr)


def _decaying(model: nn.Module, train: TrainConfig, parameters: list[nn.Parameter], lr: float) -> torch.optim.AdamW:
    """AdamW for some of a model's parameters, in a group that decays and one that does not."""
    decayed = {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": train.weight_decay, "peak_lr": lr}
    kept = {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0, "peak_lr": lr}
    return torch.optim.AdamW([group for group in (decayed, kept) if group["params"]], **_adam_settings(model, train, lr))


def _adam_settings(model: nn.Module, train: TrainConfig, lr: float) -> dict[str, Any]:
    rate = _rate(model, lr)
    return {"lr": rate, "betas": (train.beta1, train.beta2), "fused": True} | ({"capturable": True} if isinstance(rate, Tensor) else {})


def _rate(model: nn.Module, lr: float) -> float | Tensor:
    device = next(model.parameters()).device
    return torch.tensor(lr, device=device) if device.type == "cuda" else lr


def hidden_matrices(model: nn.Module) -> list[nn.Parameter]:
    """The weights between hidden states: every matrix but embeddings and the vocabulary head."""
    outer = [module for module in model.modules() if isinstance(module, nn.Embedding)] + [model.head]
    excluded = {id(parameter) for module in outer for parameter in module.parameters()}
    return [p for p in model.parameters() if p.ndim == 2 and id(p) not in excluded]


class MuonAdamW(torch.optim.Optimizer):
    """Muon (Jordan et al. 2024) for the first group, AdamW for the others, with the groups and the state of one optimizer.

    PyTorch's Muon takes its rate from the host, which would make a GPU wait and break a CUDA graph. So it steps from zeros at
    rate 1, and what they become is added to the weights at the group's rate. Updates are as large as AdamW's (Liu et al. 2025).
    """

    def __init__(self, matrices: dict[str, Any], adam: torch.optim.AdamW) -> None:
        self.adam, self.updates = adam, [torch.zeros_like(p) for p in matrices["params"]]
        self.muon = torch.optim.Muon(self.updates, lr=1.0, weight_decay=0.0, adjust_lr_fn="match_rms_adamw")
        super().__init__([matrices, *adam.param_groups], {})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        """One update of all groups from the gradients as they are."""
        matrices, *others = self.param_groups
        pairs = list(zip(matrices["params"], self.updates, strict=True))
        for parameter, update in pairs:
            update.zero_()
            update.grad, self.muon.state[update] = parameter.grad, self.state[parameter]
        self.muon.step()
        for parameter, update in pairs:
            parameter.mul_(1 - matrices["lr"] * matrices["weight_decay"]).add_(update * matrices["lr"])
            update.grad = None
        self.adam.param_groups, self.adam.state = others, self.state
        self.adam.step()


def _muon(model: nn.Module, train: TrainConfig) -> torch.optim.Optimizer:
    matrices = hidden_matrices(model)
    hidden = {id(p) for p in matrices}
    others = [p for p in model.parameters() if id(p) not in hidden]
    group = {"params": matrices, "lr": _rate(model, train.lr), "peak_lr": train.lr, "weight_decay": train.weight_decay}
    return MuonAdamW(group, _decaying(model, train, others, train.adam_lr or train.lr))


OPTIMIZERS: dict[str, Callable[[nn.Module, TrainConfig], torch.optim.Optimizer]] = {"adam": _adam, "adamw": _adamw, "muon": _muon}


def _constant(progress: float, decay: float) -> float:
    return 1.0


def _cosine(progress: float, decay: float) -> float:
    return 0.5 * (1 + math.cos(math.pi * progress))


def _linear(progress: float, decay: float) -> float:
    return 1.0 - progress


def _wsd(progress: float, decay: float) -> float:
    """Constant, then linear over the last `decay` (Hu et al. 2024; Haegele et al. 2024)."""
    return min(1.0, (1.0 - progress) / decay)


# Each from the share of the steps after warm-up that is done, and the share of them that is the decay.
SCHEDULES: dict[str, Callable[[float, float], float]] = {"constant": _constant, "cosine": _cosine, "linear": _linear, "wsd": _wsd}


def learning_rate(train: TrainConfig, step: int, num_steps: int, peak: float) -> float:
    """Learning rate of a 0-based step: linear warm-up to `peak` over `warmup` of the run, then the schedule down to its end."""
    n_warmup = round(train.warmup * num_steps)
    if step < n_warmup:
        return peak * (step + 1) / n_warmup
    n_left = max(1, num_steps - n_warmup)
    n_decay = max(1, round(train.decay * num_steps))
    return peak * SCHEDULES[train.schedule]((step - n_warmup) / n_left, n_decay / n_left)
