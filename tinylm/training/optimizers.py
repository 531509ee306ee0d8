"""Optimizers, by the names in TrainConfig."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.adam import adam
from torch.optim.adamw import adamw

from tinylm.config import TrainConfig
from tinylm.flops import NEWTON_SCHULZ_STEPS
from tinylm.models.networks import LanguageModel

EPS = 1e-8  # PyTorch's, in Adam's divisor


class Optimizer:
    """PyTorch's fused Adam or AdamW (Loshchilov and Hutter 2019) on groups of parameters, which have a rate and a decay each.

    It calls the function that `torch.optim.AdamW` calls. That class loads PyTorch's compiler when its first object is made, which takes
    a second. A group keeps the highest rate of its schedule under `peak_lr`, and the highest decay under `peak_weight_decay`.
    """

    update: Callable[..., None] = staticmethod(adamw)

    def __init__(self, groups: list[dict[str, Any]]) -> None:
        self.param_groups = groups
        self.state: dict[Tensor, dict[str, Tensor]] = defaultdict(dict)

    @property
    def parameters(self) -> list[nn.Parameter]:
        """All parameters, group by group."""
        return [parameter for group in self.param_groups for parameter in group["params"]]

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """One update of all groups from the gradients as they are; a parameter without one stays."""
        for group in self.param_groups:
            self._adam(group)

    def _adam(self, group: dict[str, Any]) -> None:
        moved = [parameter for parameter in group["params"] if parameter.grad is not None]
        states = [self._means(parameter) for parameter in moved]
        means, squares, steps = ([state[name] for state in states] for name in ("exp_avg", "exp_avg_sq", "step"))
        decay = group["weight_decay"]
        if isinstance(decay, Tensor):  # which the fused function does not take
            for parameter in moved:
                parameter.mul_(1 - group["lr"] * decay)
            decay = 0.0
        settings = {"lr": group["lr"], "beta1": group["betas"][0], "beta2": group["betas"][1], "weight_decay": decay}
        settings |= {"eps": EPS, "amsgrad": False, "maximize": False, "fused": True, "capturable": isinstance(group["lr"], Tensor)}
        self.update(moved, [parameter.grad for parameter in moved], means, squares, [], steps, **settings)

    def _means(self, parameter: nn.Parameter) -> dict[str, Tensor]:
        """Adam's running means of a parameter's gradient and of its square, and the updates so far, all zero at first."""
        if "step" not in self.state[parameter]:
            step = torch.zeros((), dtype=torch.float32, device=parameter.device)
            means = {name: torch.zeros_like(parameter) for name in ("exp_avg", "exp_avg_sq")}
            self.state[parameter] = {"step": step} | means
        return self.state[parameter]

    def tensors(self) -> dict[str, Tensor]:
        """The state under `parameter index.name`; settings come from the spec."""
        return {f"{i}.{name}": t for i, p in enumerate(self.parameters) for name, t in self.state.get(p, {}).items()}

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Put back what `tensors` took; KeyError or ValueError for what it did not."""
        parameters = dict(enumerate(self.parameters))
        self.state.clear()
        for name, tensor in tensors.items():
            index, field = name.split(".", 1)
            parameter = parameters[int(index)]
            self.state[parameter][field] = tensor.to(parameter.device)


class Adam(Optimizer):
    """Adam, which has no decay beside the gradient's."""

    update = staticmethod(adam)


def make_optimizer(model: LanguageModel, train: TrainConfig) -> Optimizer:
    """The optimizer of a config, with weight decay on matrices and embeddings, not on biases or norms.

    On a GPU the learning rate, a decay that changes and the step count live on the device, so that a CUDA graph can hold the update.
    """
    return OPTIMIZERS[train.optimizer](model, train)


def _adam(model: nn.Module, train: TrainConfig) -> Optimizer:
    return Adam([_group(model, train, list(model.parameters()), train.lr, 0.0)])


def _adamw(model: nn.Module, train: TrainConfig) -> Optimizer:
    return Optimizer(_decaying(model, train, list(model.parameters()), train.lr))


def _decaying(model: nn.Module, train: TrainConfig, parameters: list[nn.Parameter], lr: float) -> list[dict[str, Any]]:
    """A group of the parameters that decays and one that does not."""
    decayed = _group(model, train, [p for p in parameters if p.ndim >= 2], lr, train.weight_decay)
    kept = _group(model, train, [p for p in parameters if p.ndim < 2], lr, 0.0)
    return [group for group in (decayed, kept) if group["params"]]


def _group(model: nn.Module, train: TrainConfig, parameters: list[nn.Parameter], lr: float, decay: float) -> dict[str, Any]:
    device, betas = next(model.parameters()).device, (train.beta1, train.beta2)
    on_device = device.type == "cuda"
    group = {"params": parameters, "betas": betas, "peak_lr": lr, "peak_weight_decay": decay}
    changes = on_device and train.weight_decay_schedule != "constant"
    group["lr"] = torch.tensor(lr, device=device) if on_device else lr
    group["weight_decay"] = torch.tensor(decay, device=device) if changes else decay
    return group


MOMENTUM = 0.95
QUINTIC = (3.4445, -4.7750, 2.0315)  # a, b, c of a X + (b X X^T + c (X X^T)^2) X
EPSILON = 1e-7


class MuonAdamW(Optimizer):
    """Muon (Jordan et al. 2024) for the first group, AdamW for the others.

    The same updates as torch.optim.Muon's but for rounding to bf16: it takes its rate from the host and each matrix by itself, here the
    rate may lie on a GPU, and matrices of one shape are one batch. Updates are as large as AdamW's (Liu et al. 2025).
    """

    @torch.no_grad()
    def step(self) -> None:
        matrices, *others = self.param_groups
        for alike in _by_shape(matrices["params"]):
            moved_PMN = orthogonalised(torch.stack(self._with_momentum(alike))) * (0.2 * max(alike[0].shape) ** 0.5)
            torch._foreach_mul_(alike, 1 - matrices["lr"] * matrices["weight_decay"])
            torch._foreach_sub_(alike, (moved_PMN * matrices["lr"]).unbind())
        for group in others:
            self._adam(group)

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


def _muon(model: LanguageModel, train: TrainConfig) -> Optimizer:
    matrices = model.hidden_matrices()
    hidden = {id(p) for p in matrices}
    others = [p for p in model.parameters() if id(p) not in hidden]
    group = _group(model, train, matrices, train.lr, train.weight_decay)
    return MuonAdamW([group, *_decaying(model, train, others, train.adam_lr or train.lr)])


OPTIMIZERS: dict[str, Callable[[LanguageModel, TrainConfig], Optimizer]] = {"adam": _adam, "adamw": _adamw, "muon": _muon}
