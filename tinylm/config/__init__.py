"""What to run, as frozen dataclasses: models, training, runs. Needs no torch."""

from tinylm.config.errors import ConfigError, FieldError, TinylmError
from tinylm.config.fields import Checked
from tinylm.config.models import (
    GatedCountsConfig,
    InductionConfig,
    LinearConfig,
    LSTMConfig,
    MLPConfig,
    ModelConfig,
    ModuleConfig,
    NgramConfig,
    TransformerConfig,
)
from tinylm.config.runs import MAX_EVALS, RunSpec, TeacherConfig, TrainConfig, changed

__all__ = [
    "MAX_EVALS",
    "Checked",
    "ConfigError",
    "FieldError",
    "GatedCountsConfig",
    "InductionConfig",
    "LSTMConfig",
    "LinearConfig",
    "MLPConfig",
    "ModelConfig",
    "ModuleConfig",
    "NgramConfig",
    "RunSpec",
    "TeacherConfig",
    "TinylmError",
    "TrainConfig",
    "TransformerConfig",
    "changed",
]
