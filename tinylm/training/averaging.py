"""Which weights a run scores and keeps: the trained ones, or a mean of them."""

import copy

from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn

from tinylm.config import TrainConfig
from tinylm.models import checkpoint
from tinylm.models.networks import LanguageModel


class NoAverage:
    """The weights as they are trained; `model` holds what is scored and kept."""

    def __init__(self, model: LanguageModel, train: TrainConfig, num_steps: int) -> None:
        self.model = model

    def update(self, step: int) -> None:
        """Take in the weights after `step` updates."""

    def tensors(self) -> dict[str, Tensor]:
        """What a checkpoint needs beside the trained weights."""
        return {}

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Put back what `tensors` took."""


class Ema(NoAverage):
    """An exponential moving average of the weights after every step, in a model of its own; costs no matrix product.

    The decay is min(ema_decay, (1 + step) / (10 + step)), so that the initial weights do not weigh on a short run (Abadi et al. 2016,
    TensorFlow's ExponentialMovingAverage).
    """

    def __init__(self, model: LanguageModel, train: TrainConfig, num_steps: int) -> None:
        self.trained, self.model, self.train, self.num_steps = model, copy.deepcopy(model), train, num_steps

    def kept(self, step: int) -> float:
        """The share of the mean that stays when the weights after `step` updates are added."""
        return min(self.train.ema_decay, (1 + step) / (10 + step))

    def update(self, step: int) -> None:
        average = get_ema_multi_avg_fn(self.kept(step))
        average(list(self.model.parameters()), list(self.trained.parameters()), step)

    def tensors(self) -> dict[str, Tensor]:
        return checkpoint.weights_of(self.model)

    def restore(self, tensors: dict[str, Tensor]) -> None:
        checkpoint.restore_weights(self.model, tensors)


class Swa(Ema):
    """The equal mean of the weights after each step of the run's last part; before it, the weights as trained (Izmailov et al. 2018)."""

    def kept(self, step: int) -> float:
        first = self.num_steps - round(self.train.swa_share * self.num_steps)
        return 1 - 1 / max(1, step - first)


AVERAGES = {"none": NoAverage, "ema": Ema, "swa": Swa}
