"""The study's models. `build(config, vocab_size)` dispatches on the config's type, so a new architecture is one file.

Shapes: B batch, T positions, N scored positions (the last N of T), D width, H heads, K head width, V vocabulary.
Every model maps tokens x_BT to logits_BNV of the last N positions and computes no more than those need.
"""

from tinylm.models.networks.base import LanguageModel, build, n_params
from tinylm.models.networks.feedforward import MLP, Linear
from tinylm.models.networks.gated_counts import GatedCounts
from tinylm.models.networks.lstm import LSTM
from tinylm.models.networks.own_modules import own_module
from tinylm.models.networks.transformer import Transformer

__all__ = ["LSTM", "MLP", "GatedCounts", "LanguageModel", "Linear", "Transformer", "build", "n_params", "own_module"]
