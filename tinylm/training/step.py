"""One update of the weights: the same code on CPU and GPU, in fp32 or bf16, in one batch or in parts of it."""

import copy
from collections.abc import Sequence
from contextlib import nullcontext

import torch
from torch import Tensor

from tinylm.config import RunSpec
from tinylm.models.networks import LanguageModel
from tinylm.models.networks.base import target_nlls
from tinylm.training import cpu
from tinylm.training.optimizers import Optimizer, make_optimizer
from tinylm.training.schedules import learning_rate, weight_decay
from tinylm.training.teaching import Teacher

WARM_UP = 3  # updates before a CUDA graph is recorded: libraries choose kernels and the optimizer makes its state


class Fp32:
    """The model computes by itself."""

    def __init__(self, model: LanguageModel) -> None:
        self.model = model

    def fetch_weights(self) -> None:
        """Nothing to do: they are the model's own."""

    def return_gradients(self) -> None:
        """Nothing to do: they are the model's own."""


class Bf16:
    """A bf16 copy computes, its rotary tables rounded too; the fp32 model keeps the weights and takes the gradients
    (Micikevicius et al. 2018).
    """

    def __init__(self, model: LanguageModel) -> None:
        self.model = copy.deepcopy(model).to(torch.bfloat16).train()
        self.computing, self.kept = list(self.model.parameters()), list(model.parameters())

    @torch.no_grad()
    def fetch_weights(self) -> None:
        """Round the kept weights into the copy."""
        torch._foreach_copy_(self.computing, self.kept)  # one kernel on a GPU

    def return_gradients(self) -> None:
        """Add the copy's gradients, in fp32, to those of the kept weights, and clear them."""
        for computing, kept in zip(self.computing, self.kept, strict=True):
            if computing.grad is None:  # a parameter that the loss does not depend on
                continue
            gradient = computing.grad.float()
            kept.grad = gradient if kept.grad is None else kept.grad.add_(gradient)
            computing.grad = None


PRECISIONS = {"fp32": Fp32, "bf16": Bf16}


class Update:
    """A spec's training step: windows cut by index from `tokens_N` on its device, their mean loss, gradients, optimizer.

    `evidence_NE`, cut alike, is what counts say of the tokens, for a network that reads it. With a `teacher` the gradients are those of its
    loss.

    With `micro_batch` set, gradients of that many windows at a time add up in fp32 to the batch's: less memory, the same result
    but for rounding and for which elements drop out.
    """

    def __init__(
        self,
        spec: RunSpec,
        model: LanguageModel,
        tokens_N: Tensor,
        num_steps: int,
        evidence_NE: Tensor | None = None,
        teacher: Teacher | None = None,
    ) -> None:
        self.train, self.tokens_N, self.num_steps, self.evidence_NE, self.teacher = spec.train, tokens_N, num_steps, evidence_NE, teacher
        self.parameters = list(model.parameters())
        self.computing = PRECISIONS[spec.train.precision](model)
        self.optimizer = make_optimizer(model, spec.train)
        self.n_out = spec.n_targets
        widens = not (tokens_N.is_cuda or cpu.has_bf16())  # a CPU without vectors for bf16 takes products of bf16 matrices in fp32
        self.model_products = cpu.WideProducts if widens and spec.train.precision == "bf16" else nullcontext
        self.optimizer_products = cpu.WideProducts if widens and spec.train.optimizer == "muon" else nullcontext
        self.offsets = torch.arange(spec.model.context_length + 1, device=tokens_N.device)

    def __call__(self, starts_B: Tensor, step: int) -> Tensor:
        """Update on the windows at `starts_B` as 0-based step `step`; the mean NLL before it, on the device."""
        self.set_rate(step)
        return self.apply(starts_B)

    def set_rate(self, step: int) -> None:
        """Set the learning rates and decays of a step; where the optimizer holds one on the device, without waiting for the device."""
        for group in self.optimizer.param_groups:
            for name, schedule in (("lr", learning_rate), ("weight_decay", weight_decay)):
                value = schedule(self.train, step, self.num_steps, group[f"peak_{name}"])
                if isinstance(group[name], Tensor):
                    group[name].fill_(value)
                else:
                    group[name] = value

    def apply(self, starts_B: Tensor) -> Tensor:
        """The step at the learning rate as it is set."""
        self.computing.fetch_weights()
        self.optimizer.zero_grad()
        with self.model_products():
            parts = [self._backward(part, len(part) / len(starts_B)) for part in self._parts(starts_B)]
        if self.train.clip:
            torch.nn.utils.clip_grad_norm_(self.parameters, self.train.clip)
        with self.optimizer_products():
            self.optimizer.step()
        return torch.stack(parts).sum()

    def _parts(self, starts_B: Tensor) -> Sequence[Tensor]:
        return starts_B.split(self.train.micro_batch) if self.train.micro_batch else [starts_B]

    def _backward(self, starts_B: Tensor, share: float) -> Tensor:
        """Add the gradients of some of the batch's windows; their share of its mean NLL."""
        rows = starts_B[:, None] + self.offsets
        window, places_BN = self.tokens_N[rows].long(), rows[:, -self.n_out :]
        x_BT, y_BN = window[:, :-1], window[:, -self.n_out :]
        read_BT = self._noised(x_BT) if self.train.token_noise else x_BT
        if self.teacher:
            logits_BNV = self.computing.model(read_BT, self.n_out)
            nll = target_nlls(logits_BNV, y_BN).mean()
            loss = self.teacher.loss(nll, logits_BNV, x_BT, places_BN)
        else:
            said = () if self.evidence_NE is None else (self.evidence_NE[places_BN],)
            nll, loss = self.computing.model.losses(read_BT, y_BN, *said)
        (loss * share).backward()
        self.computing.return_gradients()
        return nll.detach() * share

    def _noised(self, x_BT: Tensor) -> Tensor:
        """The tokens with a share of them replaced by draws from the training text: frequent tokens replace more often."""
        n_train = min(self.train.train_tokens or len(self.tokens_N), len(self.tokens_N))
        drawn = torch.randint(n_train, x_BT.shape, device=x_BT.device)
        is_replaced = torch.rand(x_BT.shape, device=x_BT.device) < self.train.token_noise
        return torch.where(is_replaced, self.tokens_N[drawn].long(), x_BT)


class CapturedUpdate(Update):
    """On a GPU, the step recorded once as a CUDA graph and replayed, so that the device never waits for Python.

    An epoch's last, smaller batch runs unrecorded, on the same weights and optimizer state.
    """

    graph: torch.cuda.CUDAGraph | None = None

    def __call__(self, starts_B: Tensor, step: int) -> Tensor:
        if len(starts_B) != self.train.batch_size:
            return super().__call__(starts_B, step)
        self.set_rate(step)
        if self.graph is None:
            self._record(starts_B)
        self.starts_B.copy_(starts_B)
        self.graph.replay()
        return self.loss.clone()  # the next replay overwrites it

    def _record(self, starts_B: Tensor) -> None:
        self.starts_B = starts_B.clone()
        before = [t.detach().clone() for t in self._tensors()], _optimizer_copy(self.optimizer), torch.cuda.get_rng_state()
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(WARM_UP):
                self.apply(self.starts_B)
        torch.cuda.current_stream().wait_stream(stream)
        self._undo(*before)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self.loss = self.apply(self.starts_B)

    def _tensors(self) -> list[Tensor]:
        """What an update changes of a model: its weights, and the running means of a normalisation."""
        return [*self.parameters, *self.computing.model.buffers()]

    @torch.no_grad()
    def _undo(self, weights: list[Tensor], state: dict[int, dict[str, Tensor]], random: Tensor) -> None:
        """Take back the warm-up in place: the graph is going to use these very tensors."""
        for tensor, old in zip(self._tensors(), weights, strict=True):
            tensor.copy_(old)
        for parameter in self.parameters:
            for name, tensor in self.optimizer.state[parameter].items():
                tensor.copy_(state.get(id(parameter), {}).get(name, torch.zeros_like(tensor)))
        torch.cuda.set_rng_state(random)


def _optimizer_copy(optimizer: Optimizer) -> dict[int, dict[str, Tensor]]:
    return {id(parameter): {name: t.clone() for name, t in state.items()} for parameter, state in optimizer.state.items()}


def make_update(
    spec: RunSpec,
    model: LanguageModel,
    tokens_N: Tensor,
    num_steps: int,
    evidence_NE: Tensor | None = None,
    teacher: Teacher | None = None,
) -> Update:
    """The update of a spec on the device of its model and tokens."""
    return (CapturedUpdate if tokens_N.is_cuda else Update)(spec, model, tokens_N, num_steps, evidence_NE, teacher)
