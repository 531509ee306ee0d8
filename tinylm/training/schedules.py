"""Learning-rate schedules, by the names in TrainConfig, and that of the weight decay."""

import math
from collections.abc import Callable

from tinylm.config import TrainConfig


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
    """Learning rate of a 0-based step: linear warm-up to `peak` over `warmup` of the run, then the schedule down to its end, or floor."""
    n_warmup = round(train.warmup * num_steps)
    if step < n_warmup:
        return peak * (step + 1) / n_warmup
    n_left = max(1, num_steps - n_warmup)
    n_decay = max(1, round(train.decay * num_steps))
    share = SCHEDULES[train.schedule]((step - n_warmup) / n_left, n_decay / n_left)
    return peak * (share + train.lr_floor * (1 - share) if train.lr_floor else share)


def weight_decay(train: TrainConfig, step: int, num_steps: int, peak: float) -> float:
    """Weight decay of a 0-based step, before it is multiplied by the rate: always the peak, or falling in a line to zero at the end."""
    return peak if train.weight_decay_schedule == "constant" else peak * (1 - step / num_steps)
