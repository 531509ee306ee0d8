"""Optimizers, by the names in TrainConfig."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from tinylm.config import TrainConfig
from tinylm.flops import NEWTON_SCHULZ_STEPS
from tinylm.models.networks import LanguageModel


def make_optimizer(model: LanguageModel, train: TrainConfig) -> torch.optim.Optimizer:
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


MOMENTUM = 0.95
QUINTIC = (3.4445, -4.7750, 2.0315)  # a, b, c of a X + (b X X^T + c (X X^T)^2) X
EPSILON = 1e-7


class MuonAdamW(torch.optim.Optimizer):
    """Muon (Jordan et al. 2024) for the first group, AdamW for the others, with the groups and the state of one optimizer.

    The same updates as torch.optim.Muon's but for rounding to bf16: it takes its rate from the host and each matrix by itself, here the
    rate may lie on a GPU, and matrices of one shape are one batch. Updates are as large as AdamW's (Liu et al. 2025).
    """

    def __init__(self, matrices: dict[str, Any], adam: torch.optim.AdamW) -> None:
        self.adam = adam
        super().__init__([matrices, *adam.param_groups], {})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        """One update of all groups from the gradients as they are."""
        matrices, *others = self.param_groups
        for alike in _by_shape(matrices["params"]):
            moved_PMN = orthogonalised(torch.stack(self._with_momentum(alike))) * (0.2 * max(alike[0].shape) ** 0.5)
            torch._foreach_mul_(alike, 1 - matrices["lr"] * matrices["weight_decay"])
            torch._foreach_sub_(alike, (moved_PMN * matrices["lr"]).unbind())
        self.adam.param_groups, self.adam.state = others, self.state
        self.adam.step()

    def _with_momentum(self, parameters: list[nn.Parameter]) -> list[Tensor]:
        """The gradients as Nesterov's momentum turns them."""
        for parameter in parameters:
            if "momentum_buffer" not in self.state[parameter]:
                self.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
        gradients, buffers = [p.grad for p in parameters], [self.state[p]["momentum_buffer"] for p in parameters]
        torch._foreach_lerp_(buffers, gradients, 1 - MOMENTUM)
        return torch._foreach_lerp(gradients, buffers, MOMENTUM)


def _by_shape(parameters: list[nn.Parameter]) -> list[list[nn.Parameter]]:
    alike: dict[torch.Size, list[nn.Parameter]] = {}
    for parameter in parameters:
        alike.setdefault(parameter.shape, []).append(parameter)
    return list(alike.values())


def orthogonalised(x_PMN: Tensor) -> Tensor:
    """Matrices with the singular vectors of each given one and singular values near one: five Newton-Schulz iterations in bf16."""
    is_tall = x_PMN.shape[1] > x_PMN.shape[2]
    x = (x_PMN.mT if is_tall else x_PMN).bfloat16()
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp(min=EPSILON)
    a, b, c = QUINTIC
    for _ in range(NEWTON_SCHULZ_STEPS):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return (x.mT if is_tall else x).float()


def _muon(model: LanguageModel, train: TrainConfig) -> torch.optim.Optimizer:
    matrices = model.hidden_matrices()
    hidden = {id(p) for p in matrices}
    others = [p for p in model.parameters() if id(p) not in hidden]
    group = {"params": matrices, "lr": _rate(model, train.lr), "peak_lr": train.lr, "weight_decay": train.weight_decay}
    return MuonAdamW(group, _decaying(model, train, others, train.adam_lr or train.lr))


OPTIMIZERS: dict[str, Callable[[LanguageModel, TrainConfig], torch.optim.Optimizer]] = {"adam": _adam, "adamw": _adamw, "muon": _muon}
