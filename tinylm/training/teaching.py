"""What a network learns from beside its text: the predictions of networks that were trained before it, or of counts."""

import time
from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from tinylm.config import ConfigError, NgramConfig, RunSpec, TeacherConfig, memory
from tinylm.data import Corpus
from tinylm.evaluation import counts, generate
from tinylm.models import checkpoint
from tinylm.models.networks import LanguageModel
from tinylm.training.machine import Settings

BYTES = 2  # of a log probability, float16


class Teacher(ABC):
    """Predicts each window that a network trains on; `seconds` are what it took to train or count. Subclasses say how."""

    def __init__(self, config: TeacherConfig, seconds: float) -> None:
        self.config, self.seconds = config, seconds

    @abstractmethod
    def log_probs(self, x_BT: Tensor, places_BN: Tensor) -> Tensor:
        """Log probabilities (B, N, V), up to a constant each, of the tokens that stand at places of the training text."""

    def loss(self, nll: Tensor, logits_BNV: Tensor, x_BT: Tensor, places_BN: Tensor) -> Tensor:
        """The mean NLL of the text and the mean cross-entropy to what the teacher predicts, weighted (Hinton et al. 2015)."""
        heat, weight = self.config.temperature, self.config.weight
        with torch.no_grad():
            taught_BNV = (self.log_probs(x_BT, places_BN).float() / heat).softmax(-1)
        entropies_BN = -(taught_BNV * (logits_BNV.float() / heat).log_softmax(-1)).sum(-1)
        return (1 - weight) * nll + weight * heat**2 * entropies_BN.mean()


class Networks(Teacher):
    """Networks with the weights that are kept of them, which predict by the mean of their probabilities."""

    def __init__(self, config: TeacherConfig, seconds: float, networks: Sequence[LanguageModel]) -> None:
        super().__init__(config, seconds)
        self.networks = networks

    def log_probs(self, x_BT: Tensor, places_BN: Tensor) -> Tensor:
        logits = [network(x_BT, places_BN.shape[1]).float() for network in self.networks]
        return torch.stack([each.log_softmax(-1) for each in logits]).logsumexp(0)


class Table(Teacher):
    """What counts say of each token of the training text, made beforehand, float16 (N, V)."""

    def __init__(self, config: TeacherConfig, seconds: float, table_NV: Tensor) -> None:
        super().__init__(config, seconds)
        self.table_NV = table_NV

    def log_probs(self, x_BT: Tensor, places_BN: Tensor) -> Tensor:
        return self.table_NV[places_BN]


def teacher(spec: RunSpec, corpus: Corpus, settings: Settings) -> Teacher | None:
    """The teacher of a run, whose networks have been trained; None where it has none. ConfigError for counts that memory does not hold."""
    if spec.teacher is None:
        return None
    if isinstance(spec.teacher.model, NgramConfig):
        return _counted(spec, corpus, settings)
    dtype = torch.bfloat16 if spec.train.precision == "bf16" else torch.float32
    files = {one: settings.weights_file(one) for one in spec.teachers}
    networks = [generate.load_model(one, corpus, path).to(settings.device, dtype) for one, path in files.items()]
    return Networks(spec.teacher, sum(checkpoint.facts(path)["seconds"] for path in files.values()), networks)


def _counted(spec: RunSpec, corpus: Corpus, settings: Settings) -> Table:
    if lacking := memory.lacking(BYTES * len(corpus.train) * corpus.info.vocab_size):
        raise ConfigError(f"what counts predict of {spec.corpus} {lacking}; counts teach where the vocabulary is small")
    started = time.perf_counter()
    said = np.concatenate(list(counts.of_parts(spec.teachers[0], corpus, settings.data_dir)))
    return Table(spec.teacher, time.perf_counter() - started, torch.from_numpy(said).to(settings.device))
