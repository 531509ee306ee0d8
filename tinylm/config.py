"""What to run: frozen, keyword-only dataclasses that say everything that changes a result and nothing else.

Imports no torch, so a study can be planned, keyed and looked up in milliseconds.
"""

import dataclasses
import hashlib
import json
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from tinylm.checked import Checked
from tinylm.checked import ConfigError as ConfigError
from tinylm.checked import FieldError as FieldError
from tinylm.checked import TinylmError as TinylmError

MAX_EVALS = 100_000


@dataclass(frozen=True, kw_only=True)
class ModelConfig(Checked):
    """The shape of a model that reads `context_length` tokens; `kind` is its tag in records.

    `predicts_every_position` is False for a model that gives one prediction per window.
    """

    kind: ClassVar[str] = ""
    predicts_every_position: ClassVar[bool] = True
    context_length: int = 128

    def check(self) -> None:
        self.require(self.context_length > 0, "context_length must be at least 1")

    def check_vocab_size(self, vocab_size: int) -> None:
        """Raise ConfigError where the model cannot have a vocabulary of this size."""

    def require_positive(self, *names: str) -> None:
        """Raise ConfigError unless each named size is at least 1."""
        for name in names:
            self.require(getattr(self, name) > 0, f"{name} must be at least 1")

    def require_probability(self, *names: str) -> None:
        """Raise ConfigError unless each named dropout is below 1 by more than the masks can resolve."""
        for name in names:
            self.require(getattr(self, name) <= 0.999, f"{name} must be at most 0.999, got {getattr(self, name)}")


@dataclass(frozen=True, kw_only=True)
class LinearConfig(ModelConfig):
    """Concatenated token embeddings, one linear layer to the vocabulary.

    `embedding_init`: `normal` is nn.Embedding's N(0, 1), `identity` starts from one-hot codes and needs d_model = vocabulary size.
    """

    kind: ClassVar[str] = "linear"
    predicts_every_position: ClassVar[bool] = False
    d_model: int = 128
    embedding_init: Literal["normal", "identity"] = "normal"

    def check(self) -> None:
        super().check()
        self.require_positive("d_model")

    def check_vocab_size(self, vocab_size: int) -> None:
        fits = self.embedding_init != "identity" or self.d_model == vocab_size
        self.require(fits, f"embedding_init='identity' needs d_model={vocab_size}, the size of the vocabulary; got {self.d_model}")


@dataclass(frozen=True, kw_only=True)
class MLPConfig(ModelConfig):
    """Concatenated token embeddings, hidden layers with activation and dropout, a linear layer to the vocabulary.

    The `n_hidden` layers are `d_hidden` wide, unless `hidden_widths` says the width of each instead.
    """

    kind: ClassVar[str] = "mlp"
    predicts_every_position: ClassVar[bool] = False
    d_model: int = 128
    d_hidden: int = 256
    n_hidden: int = 2
    dropout: float = 0.1
    activation: Literal["relu", "gelu"] = "relu"
    hidden_widths: tuple[int, ...] = ()

    @property
    def widths(self) -> tuple[int, ...]:
        """Width of each hidden layer."""
        return self.hidden_widths or (self.d_hidden,) * self.n_hidden

    def check(self) -> None:
        super().check()
        self.require_positive("d_model", "d_hidden", "n_hidden")
        self.require_probability("dropout")
        if self.hidden_widths:  # one model has one spelling, and so one key
            self.require(min(self.hidden_widths) > 0, "hidden_widths must be at least 1")
            plain = (self.d_hidden, self.n_hidden) == (MLPConfig.d_hidden, MLPConfig.n_hidden)
            uneven = len(set(self.hidden_widths)) > 1
            self.require(plain and uneven, "hidden_widths is for widths that differ, in place of d_hidden and n_hidden")


@dataclass(frozen=True, kw_only=True)
class TransformerConfig(ModelConfig):
    """A causal Transformer; the defaults are the paper's (post-norm, learned positions, ReLU, dropout 0.1).

    `n_kv_head` 0 means as many as `n_head`. `attention_dropout` acts on the attention weights, `projection_dropout` after
    the output projection, `ffn_dropout` after the FFN; `dropout_kind` variational shares a mask among the positions of a window,
    but for the attention weights. `init`: `multihead` draws the attention input projection as nn.MultiheadAttention does, `linear`
    as nn.Linear does, `scaled` draws every matrix from N(0, 0.02) and divides the projections that write to the residual stream by
    sqrt(2 n_layer) (Radford et al. 2019), `zero_out` sets those to zero. `softcap` bounds the logits (0: not).
    """

    kind: ClassVar[str] = "transformer"
    n_layer: int = 3
    n_head: int = 4
    n_kv_head: int = 0
    d_model: int = 128
    d_ff: int = 256
    norm: Literal["layer", "rms"] = "layer"
    norm_place: Literal["post", "pre"] = "post"
    position: Literal["learned", "rope", "none"] = "learned"
    rope_base: float = 10_000.0
    ffn: Literal["relu", "gelu", "swiglu", "relu2", "none"] = "relu"
    qk_norm: bool = False
    tied: bool = False
    bias: bool = True
    init: Literal["multihead", "linear", "scaled", "zero_out"] = "multihead"
    softcap: float = 0.0
    embedding_dropout: float = 0.0
    attention_dropout: float = 0.1
    projection_dropout: float = 0.0
    ffn_dropout: float = 0.1
    dropout_kind: Literal["element", "variational"] = "element"

    @property
    def d_head(self) -> int:
        """Width of one attention head."""
        return self.d_model // self.n_head

    @property
    def kv_heads(self) -> int:
        """Number of key and value heads."""
        return self.n_kv_head or self.n_head

    def check(self) -> None:
        super().check()
        self.require_positive("n_layer", "n_head", "d_model", "rope_base")
        if self.ffn != "none":
            self.require_positive("d_ff")
        self.require(self.d_model % self.n_head == 0, f"n_head={self.n_head} does not divide d_model={self.d_model}; choose a divisor")
        self.require(self.n_head % self.kv_heads == 0, f"n_kv_head={self.n_kv_head} does not divide n_head={self.n_head}; choose a divisor")
        odd_rope = self.position == "rope" and self.d_head % 2 == 1
        self.require(not odd_rope, f"RoPE rotates pairs, but the head width d_model/n_head={self.d_head} is odd; change n_head or d_model")
        self.require_probability("embedding_dropout", "attention_dropout", "projection_dropout", "ffn_dropout")


@dataclass(frozen=True, kw_only=True)
class LSTMConfig(ModelConfig):
    """Layers of LSTM that start each window from zero states; `d_embedding` 0 means as wide as the layers, `d_model`.

    Dropout acts on the embedding, between layers (`layer_dropout`) and before the vocabulary head (`output_dropout`).
    """

    kind: ClassVar[str] = "lstm"
    n_layer: int = 2
    d_model: int = 128
    d_embedding: int = 0
    tied: bool = False
    embedding_dropout: float = 0.0
    layer_dropout: float = 0.0
    output_dropout: float = 0.0
    dropout_kind: Literal["element", "variational"] = "element"

    @property
    def widths(self) -> tuple[int, ...]:
        """Width of the embedding, then of each layer."""
        return (self.d_embedding or self.d_model, *(self.d_model,) * self.n_layer)

    def check(self) -> None:
        super().check()
        self.require_positive("n_layer", "d_model")
        self.require(self.d_embedding != self.d_model, "d_embedding=0 is the width of the layers; leave it out")  # one key a model
        self.require(not (self.tied and self.d_embedding), "a tied head has the embedding's width; leave d_embedding out")
        self.require_probability("embedding_dropout", "layer_dropout", "output_dropout")


@dataclass(frozen=True, kw_only=True)
class NgramConfig(ModelConfig):
    """Interpolated modified Kneser-Ney counts of the given order (context order - 1); order 1 is the unigram, 0 the uniform line."""

    kind: ClassVar[str] = "ngram"
    context_length: int = field(default=0, init=False)
    order: int = 5

    def check(self) -> None:
        object.__setattr__(self, "context_length", max(self.order - 1, 0))
        self.require(self.order <= 8, f"order must be 0 to 8, got {self.order}")


@dataclass(frozen=True, kw_only=True)
class TrainConfig(Checked):
    """How to train and score; exactly one of `steps`, `epochs`, `flops` bounds the run. Zero means "not set" or "all".

    `windows_per_epoch` counts training windows (0: every window); `sampling` draws their starts uniformly with replacement
    (`random`) or visits each start once an epoch (`shuffled`). `train_tokens` keeps the first tokens of the training text.
    `optimizer` muon orthogonalises the updates of hidden matrices, at the rate `lr`; AdamW has the rest, at `adam_lr` (0: `lr`).
    `warmup` and `decay` are fractions of the run; the schedule wsd is warm-up, a constant rate, and a linear decay. `average` ema
    scores and keeps a running mean of the weights, to which a step adds 1 - `ema_decay`. `n_evals` validations are spread evenly
    over the run; `keep` says whose weights are tested. `precision` bf16 computes the steps in bf16 and keeps weights and scores
    in fp32; `micro_batch` windows at a time go through the model (0: the whole batch) and their gradients add up. Scoring: windows
    of `eval_context` tokens (0: context_length) move by `eval_stride`, each scores its last `eval_stride` positions, from token
    `eval_start` (0: eval_context) for `eval_tokens` tokens (0: to the end).
    """

    steps: int = 0
    epochs: int = 0
    flops: int = 0
    loss_at: Literal["last", "all"] = "last"
    batch_size: int = 64
    windows_per_epoch: int = 50_000
    sampling: Literal["random", "shuffled"] = "random"
    train_tokens: int = 0
    optimizer: Literal["adam", "adamw", "muon"] = "adam"
    lr: float = 3e-4
    adam_lr: float = 0.0
    beta1: float = 0.9
    beta2: float = 0.999
    weight_decay: float = 0.0
    schedule: Literal["constant", "cosine", "linear", "wsd"] = "constant"
    warmup: float = 0.0
    decay: float = 0.2
    clip: float = 0.0
    average: Literal["none", "ema"] = "none"
    ema_decay: float = 0.999
    n_evals: int = 1
    keep: Literal["best", "last"] = "best"
    precision: Literal["fp32", "bf16"] = "fp32"
    micro_batch: int = 0
    eval_context: int = 0
    eval_stride: int = 1
    eval_start: int = 0
    eval_tokens: int = 0

    def check(self) -> None:
        bounds = [name for name in ("steps", "epochs", "flops") if getattr(self, name)]
        self.require(len(bounds) == 1, f"set exactly one of steps, epochs and flops above zero, got {bounds or 'none'}")
        self.require(self.batch_size > 0, "batch_size must be at least 1")
        self.require(self.micro_batch <= self.batch_size, f"micro_batch={self.micro_batch} is larger than the batch; lower it")
        self.require(self.lr > 0, "lr must be above zero")
        self.require(self.optimizer != "adam" or self.weight_decay == 0, "adam has no weight_decay; set optimizer='adamw'")
        self.require(0 < self.n_evals <= MAX_EVALS, f"n_evals must be at least 1 and at most {MAX_EVALS:,}")
        self.require(self.eval_stride > 0, "eval_stride must be at least 1")
        self.require(self.warmup <= 1, f"warmup is a fraction of the run, got {self.warmup}")
        for name in ("beta1", "beta2", "ema_decay"):
            self.require(getattr(self, name) < 1, f"{name} must be below 1")
        # A setting without effect would give one run two keys.
        for name, owner, value in (("adam_lr", "optimizer", "muon"), ("decay", "schedule", "wsd"), ("ema_decay", "average", "ema")):
            has_effect = getattr(self, owner) == value or getattr(self, name) == getattr(TrainConfig, name)
            self.require(has_effect, f"{name} needs {owner}={value!r}")
        fits = self.schedule != "wsd" or 0 < self.decay <= 1 - self.warmup
        self.require(fits, f"decay={self.decay} must be above zero and fit beside warmup={self.warmup} in the run; change one")


@dataclass(frozen=True, kw_only=True)
class RunSpec(Checked):
    """One planned run: a corpus's name, a model, how to train and score it, and a seed."""

    corpus: str
    model: ModelConfig
    train: TrainConfig
    seed: int = 0

    def check(self) -> None:
        one_position = self.train.loss_at == "last" and self.train.eval_stride == 1
        message = f"{self.model.kind} predicts one token per window; set loss_at='last' and eval_stride=1"
        self.require(self.model.predicts_every_position or one_position, message)
        self.require(self.seed < 2**63, f"seed must be below 2**63, got {self.seed}")

    @property
    def n_targets(self) -> int:
        """Positions of each training window that the loss is taken at: its last ones."""
        return self.model.context_length if self.train.loss_at == "all" else 1

    @property
    def key(self) -> str:
        """16 hex digits that identify the run: a hash of the fields that differ from their defaults."""
        text = json.dumps(_changed(self), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def _changed(config: Any) -> dict[str, Any]:
    """The fields that differ from their defaults, nested configs likewise, each model with its kind."""
    out: dict[str, Any] = {"kind": config.kind} if isinstance(config, ModelConfig) else {}
    for f in dataclasses.fields(config):
        value = getattr(config, f.name)
        if dataclasses.is_dataclass(value):
            out[f.name] = _changed(value)
        elif f.init and value != f.default:
            out[f.name] = value
    return out
