"""The models there are: frozen, keyword-only dataclasses that say everything about a shape. Needs no torch."""

import math
import re
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from tinylm.config.fields import Checked

MAX_ORDER = 8  # of n-grams
MAX_LAYERS = 1_000  # a list of layers is made before anything is counted
UNBOUNDED = 10**9  # tokens of a cache that reaches back to the beginning of every text


@dataclass(frozen=True, kw_only=True, repr=False)
class ModelConfig(Checked):
    """The shape of a model that reads `context_length` tokens; `kind` is its tag in records.

    `predicts_every_position` is False for a model that gives one prediction per window, `is_local` True for one whose code lives in
    this Python process only: no other process can build it. `reads_beyond` is True for one whose weights do not depend on the length of
    the window, so that it can be scored with longer ones than it was trained with.

    - `context_length`: tokens of a window; of counts, one less than their order
    """

    kind: ClassVar[str] = ""
    predicts_every_position: ClassVar[bool] = True
    is_local: ClassVar[bool] = False
    reads_beyond: ClassVar[bool] = False
    context_length: int = 128

    def check(self) -> None:
        self.require(self.context_length > 0, "context_length must be at least 1")

    def check_vocab_size(self, vocab_size: int) -> None:
        """Raise ConfigError where the model cannot have a vocabulary of this size."""

    def require_positive(self, *names: str) -> None:
        """Raise ConfigError unless each named size is at least 1."""
        for name in names:
            self.require(getattr(self, name) > 0, f"{name} must be at least 1")

    def require_layers(self, name: str) -> None:
        """Raise ConfigError unless a number of layers is at least 1 and at most MAX_LAYERS."""
        self.require(0 < getattr(self, name) <= MAX_LAYERS, f"{name} must be at least 1 and at most {MAX_LAYERS:,}")

    def require_probability(self, *names: str) -> None:
        """Raise ConfigError unless each named dropout is below 1 by more than the masks can resolve."""
        for name in names:
            self.require(getattr(self, name) <= 0.999, f"{name} must be at most 0.999, got {getattr(self, name)}")


@dataclass(frozen=True, kw_only=True, repr=False)
class InductionConfig(Checked):
    """What a model has whose embeddings may know which tokens followed the same tokens earlier in its window.

    - `induction`: for each order n, an embedding gets a share of that of the token after the last same n tokens
    - `induction_times`: how many of the last such places are taken
    """

    induction: tuple[int, ...] = ()
    induction_times: int = 1

    def check(self) -> None:
        super().check()
        rising = list(self.induction) == sorted({*self.induction} - {0})
        self.require(rising, f"induction needs orders from 1 on, each above the one before; got {self.induction}")
        self.require(self.induction_times > 0, "induction_times must be at least 1")
        self.require(bool(self.induction) or self.induction_times == 1, "induction_times needs orders in induction")  # one key a model

    @staticmethod
    def has_room(order: int, vocab_size: int) -> bool:
        """Whether each row of so many tokens has a number of its own."""
        return order * math.log2(vocab_size) < 63

    def check_vocab_size(self, vocab_size: int) -> None:
        """Raise ConfigError where a row of tokens of the longest order has no number of its own."""
        longest = max(self.induction, default=0)
        self.require(self.has_room(longest, vocab_size), f"induction of order {longest} is too high for {vocab_size:,} tokens; lower it")


@dataclass(frozen=True, kw_only=True, repr=False)
class LinearConfig(ModelConfig):
    """Concatenated token embeddings, each `d_model` wide, and one linear layer to the vocabulary.

    `embedding_init`: `normal` is nn.Embedding's N(0, 1), `identity` starts from one-hot codes and needs d_model = vocabulary size.
    """

    kind: ClassVar[str] = "linear"
    public: ClassVar[str] = "Linear"
    predicts_every_position: ClassVar[bool] = False
    d_model: int = 128
    embedding_init: Literal["normal", "identity"] = "normal"

    def check(self) -> None:
        super().check()
        self.require_positive("d_model")

    def check_vocab_size(self, vocab_size: int) -> None:
        fits = self.embedding_init != "identity" or self.d_model == vocab_size
        self.require(fits, f"embedding_init='identity' needs d_model={vocab_size}, the size of the vocabulary; got {self.d_model}")


@dataclass(frozen=True, kw_only=True, repr=False)
class MLPConfig(InductionConfig, ModelConfig):
    """Concatenated token embeddings, hidden layers with activation and dropout, a linear layer to the vocabulary.

    With a `window` the MLP moves over the context and predicts at every position.

    - `window`: embeddings that are concatenated for one prediction; 0: those of the whole context, for one prediction in all
    - `d_model`: width of the embeddings
    - `d_hidden`: width of each of the `n_hidden` layers
    - `dropout`: the share that is dropped after each hidden layer's activation
    - `hidden_widths`: the width of each layer where they differ, in place of d_hidden and n_hidden
    """

    kind: ClassVar[str] = "mlp"
    public: ClassVar[str] = "MLP"
    window: int = 0
    d_model: int = 128
    d_hidden: int = 256
    n_hidden: int = 2
    dropout: float = 0.1
    activation: Literal["relu", "gelu"] = "relu"
    hidden_widths: tuple[int, ...] = ()

    @property
    def predicts_every_position(self) -> bool:  # type: ignore[override]
        """Whether it moves over the context."""
        return self.window > 0

    @property
    def n_joined(self) -> int:
        """Embeddings that are concatenated."""
        return self.window or self.context_length

    @property
    def widths(self) -> tuple[int, ...]:
        """Width of each hidden layer."""
        return self.hidden_widths or (self.d_hidden,) * self.n_hidden

    def check(self) -> None:
        super().check()
        self.require_positive("d_model", "d_hidden")
        self.require_layers("n_hidden")
        self.require_probability("dropout")
        self.require(self.window <= self.context_length, f"window={self.window} is longer than the context; lower it")
        if self.hidden_widths:  # one model has one spelling, and so one key
            self.require(min(self.hidden_widths) > 0, "hidden_widths must be at least 1")
            plain = (self.d_hidden, self.n_hidden) == (MLPConfig.d_hidden, MLPConfig.n_hidden)
            uneven = len(set(self.hidden_widths)) > 1
            self.require(plain and uneven, "hidden_widths is for widths that differ, in place of d_hidden and n_hidden")


@dataclass(frozen=True, kw_only=True, repr=False)
class TransformerConfig(InductionConfig, ModelConfig):
    """A causal Transformer; the defaults are the paper's: post-norm, learned positions, ReLU, dropout 0.1.

    `n_layer` blocks of `n_head` heads, on states `d_model` wide, with an FFN `d_ff` wide.

    - `n_kv_head`: heads of keys and values, which query heads share (Ainslie et al. 2023); 0: as many as n_head
    - `d_ff`: width of the FFN, and `ffn`: its activation, or `none` for no FFN
    - `norm`: LayerNorm or RMSNorm
    - `norm_place`: `post`, after each residual sum, or `pre`, before each branch
    - `position`: `learned` vectors added to the embeddings, rotations of queries and keys (`rope`, to the base `rope_base`), biases of the
      scores that fall with the distance (`alibi`), or `none`
    - `qk_norm`: queries and keys are normalised
    - `tied`: the vocabulary head is the embedding matrix
    - `bias`: linear layers have biases
    - `init`: the attention's projections as nn.MultiheadAttention or nn.Linear draw them; `scaled`: N(0, 0.02), divided by
      sqrt(2 n_layer) in projections that write to the residual stream (Radford et al. 2019); `zero_out`: the same with those at zero
    - `softcap`: bound of the logits; 0: none
    - `convolution`: positions of a depthwise causal convolution that each attention's input gets added; 0: none
    - `attention_window`: positions of a block, each of which attends to itself and the block before; 0: one block
    - `attention_dropout`: the share of the attention weights that is dropped
    - `projection_dropout`: after the attention's output projection
    - `ffn_dropout`: after the FFN
    - `output_dropout`: before the vocabulary head
    - `weight_dropout`: the share of the blocks' matrices that is dropped, by one mask for all windows computed at once
    - `dropout_kind`: `variational`, where positions share a mask, but for the attention weights
    - `pointer`: width of the keys by which a share of each prediction goes to the window's tokens; 0: none
    - `n_softmax`: softmaxes that are mixed, each of a projected state (Yang et al. 2018)
    - `loops`: how often the blocks run, one after another with the same weights (Dehghani et al. 2019)
    - `skips`: a block of the upper half gets the input of its mirror image in the lower half added, by learned shares
    - `head_gates`: what each head gives is scaled by a gate between 0 and 2 that its position's input opens
    - `exclusive`: each head gives what it takes from other positions, without its part along the value of its own
    - `parallel`: attention and FFN of a block read the same normalised states (Wang and Komatsuzaki 2021)
    - `value_residual`: a block's values are mixed with those of the first block, by a learned share (Zhou et al. 2024)
    - `residual_scalars`: a block reads the states and the first block's input, each times a learned number (Jordan et al. 2024)
    - `bigrams`: rows of a table of embeddings of the last two tokens, which are hashed to a row; 0: none
    - `n_future`: tokens that a position predicts in training, those after the first each by a block more (Gloeckle et al. 2024)
    """

    kind: ClassVar[str] = "transformer"
    public: ClassVar[str] = "Transformer"
    n_layer: int = 3
    n_head: int = 4
    n_kv_head: int = 0
    d_model: int = 128
    d_ff: int = 256
    norm: Literal["layer", "rms"] = "layer"
    norm_place: Literal["post", "pre"] = "post"
    position: Literal["learned", "rope", "alibi", "none"] = "learned"
    rope_base: float = 10_000.0
    ffn: Literal["relu", "gelu", "swiglu", "relu2", "none"] = "relu"
    qk_norm: bool = False
    tied: bool = False
    bias: bool = True
    init: Literal["multihead", "linear", "scaled", "zero_out"] = "multihead"
    softcap: float = 0.0
    convolution: int = 0
    embedding_dropout: float = 0.0
    attention_window: int = 0
    attention_dropout: float = 0.1
    projection_dropout: float = 0.0
    ffn_dropout: float = 0.1
    output_dropout: float = 0.0
    weight_dropout: float = 0.0
    dropout_kind: Literal["element", "variational"] = "element"
    pointer: int = 0
    n_softmax: int = 1
    loops: int = 1
    skips: bool = False
    head_gates: bool = False
    exclusive: bool = False
    parallel: bool = False
    value_residual: bool = False
    residual_scalars: bool = False
    bigrams: int = 0
    n_future: int = 1

    @property
    def reads_beyond(self) -> bool:  # type: ignore[override]
        """Learned positions have no vector for a place beyond the window."""
        return self.position != "learned"

    @property
    def d_head(self) -> int:
        """Width of one attention head."""
        return self.d_model // self.n_head

    @property
    def depth(self) -> int:
        """Blocks that a token goes through, one of them as often as it runs."""
        return self.n_layer * self.loops

    @property
    def kv_heads(self) -> int:
        """Number of key and value heads."""
        return self.n_kv_head or self.n_head

    def check(self) -> None:
        super().check()
        self.require_layers("n_layer")
        self.require_positive("loops", "n_softmax")
        self.require(self.depth <= MAX_LAYERS, f"n_layer x loops must be at most {MAX_LAYERS:,}, got {self.depth:,}")
        self.require_positive("n_head", "d_model", "rope_base")
        if self.ffn != "none":
            self.require_positive("d_ff")
        self.require(self.d_model % self.n_head == 0, f"n_head={self.n_head} does not divide d_model={self.d_model}; choose a divisor")
        self.require(self.n_head % self.kv_heads == 0, f"n_kv_head={self.n_kv_head} does not divide n_head={self.n_head}; choose a divisor")
        odd_rope = self.position == "rope" and self.d_head % 2 == 1
        self.require(not odd_rope, f"RoPE rotates pairs, but a head is {self.d_head} wide, which is odd; change n_head or d_model")
        self.require_probability("embedding_dropout", "attention_dropout", "projection_dropout", "ffn_dropout", "output_dropout")
        self.require_probability("weight_dropout")
        for name in ("skips", "value_residual", "residual_scalars"):
            self.require(self.depth > 1 or not getattr(self, name), f"{name} needs two blocks or more; raise n_layer")
        side_by_side = self.norm_place == "pre" and self.ffn != "none"
        self.require(side_by_side or not self.parallel, "parallel needs norm_place='pre' and an FFN")
        self.require(0 < self.n_future <= self.context_length, "n_future must be at least 1 and at most context_length")
        self.require(self.pointer <= self.d_model, f"pointer={self.pointer} is wider than the states, d_model={self.d_model}; lower it")


@dataclass(frozen=True, kw_only=True, repr=False)
class LSTMConfig(InductionConfig, ModelConfig):
    """`n_layer` layers of LSTM, `d_model` wide, that start each window from zero states.

    - `d_model`: width of each layer
    - `d_embedding`: width of the embedding; 0: d_model
    - `tied`: the vocabulary head is the embedding matrix
    - `layer_dropout`: between layers
    - `output_dropout`: before the vocabulary head
    - `dropout_kind`: `variational`, where positions share a mask
    - `weight_dropout`: the share of the matrices from state to gates that is dropped, by one mask for all windows computed at once
    - `mogrifier_rounds`: how often, in turns, the input is gated by the state and the state by the input (Melis et al. 2020)
    - `pointer`: width of the keys by which a share of each prediction goes to the window's tokens; 0: none
    - `n_softmax`: softmaxes that are mixed, each of a projected state (Yang et al. 2018)
    """

    kind: ClassVar[str] = "lstm"
    public: ClassVar[str] = "LSTM"
    n_layer: int = 2
    d_model: int = 128
    d_embedding: int = 0
    tied: bool = False
    embedding_dropout: float = 0.0
    layer_dropout: float = 0.0
    output_dropout: float = 0.0
    dropout_kind: Literal["element", "variational"] = "element"
    weight_dropout: float = 0.0
    mogrifier_rounds: int = 0
    pointer: int = 0
    n_softmax: int = 1

    @property
    def widths(self) -> tuple[int, ...]:
        """Width of the embedding, then of each layer."""
        return (self.d_embedding or self.d_model, *(self.d_model,) * self.n_layer)

    def check(self) -> None:
        super().check()
        self.require_positive("d_model", "n_softmax")
        self.require_layers("n_layer")
        self.require(self.d_embedding != self.d_model, "d_embedding=0 is the width of the layers; leave it out")  # one key a model
        self.require(not (self.tied and self.d_embedding), "a tied head has the embedding's width; leave d_embedding out")
        self.require_probability("embedding_dropout", "layer_dropout", "output_dropout", "weight_dropout")
        self.require(self.pointer <= self.d_model, f"pointer={self.pointer} is wider than the states, d_model={self.d_model}; lower it")


@dataclass(frozen=True, kw_only=True, repr=False)
class NgramConfig(ModelConfig):
    """Interpolated modified Kneser-Ney counts of n-grams of up to `order` tokens, and of the last `cache` tokens of the text being read.

    - `order`: tokens of the longest n-gram, one of which is predicted; 1: unigram, 0: uniform
    - `cache`: most recent tokens of the scored text that are counted too; 0: none, UNBOUNDED: all
    - `discount_scale`: the estimated discounts are multiplied by it
    - `weights_corpus`: name of the corpus whose valid and test the cache's weights are fitted to, by counts of its train; "": the
      valid text of the run's own
    """

    kind: ClassVar[str] = "ngram"
    public: ClassVar[str] = "Counts"
    context_length: int = field(default=0, init=False)
    order: int = 5
    cache: int = 0
    discount_scale: float = 1.0
    weights_corpus: str = ""

    @property
    def title(self) -> str:
        """What such counts are called, e.g. KN-5, KN-5 + cache 512 or KN-8 x 1.15 + unbounded cache."""
        name = {0: "Uniform", 1: "Unigram"}.get(self.order, f"KN-{self.order}")
        name += f" x {self.discount_scale:g}" if self.discount_scale != 1 else ""
        cache = "unbounded cache" if self.cache >= UNBOUNDED else f"cache {self.cache:,}"
        return f"{name} + {cache}" if self.cache else name

    def check(self) -> None:
        object.__setattr__(self, "context_length", max(self.order - 1, 0))
        self.require(self.order <= MAX_ORDER, f"order must be 0 to {MAX_ORDER}, got {self.order}")
        self.require(self.order > 0 or not self.cache, "a cache needs an order of at least 1")
        self.require(self.discount_scale > 0, "discount_scale must be above zero")
        self.require(bool(self.cache) or not self.weights_corpus, "weights_corpus is for the weights of a cache; set cache")


@dataclass(frozen=True, kw_only=True, repr=False)
class GatedCountsConfig(ModelConfig):
    """A small network that mixes what counts of the training text and of the text so far predict, after Neubig and Dyer (2016).

    It reads no tokens, but how often each context was seen; its `context_length` says how many tokens a training window has.

    - `order`: tokens of the longest n-gram, one of which is predicted
    - `discount_scale`: the estimated discounts are multiplied by it
    - `caches`: numbers of most recent tokens that are counted too, each by itself; none: all the text so far
    - `d_hidden`: width of the hidden layer
    """

    kind: ClassVar[str] = "gated-counts"
    public: ClassVar[str] = "GatedCounts"
    order: int = 8
    discount_scale: float = 1.0
    caches: tuple[int, ...] = ()
    d_hidden: int = 32

    @property
    def n_predictions(self) -> int:
        """How many predictions of a token are mixed, as `models.evidence` has them."""
        return 1 + self.order * len(self.caches) if self.caches else 2 * self.order

    @property
    def n_seen(self) -> int:
        """How many numbers say how well each context is known, as `models.evidence` has them."""
        return 2 * (self.order - 1) + self.order * len(self.caches) if self.caches else 2 * self.order

    def check(self) -> None:
        super().check()
        self.require(0 < self.order <= MAX_ORDER, f"order must be 1 to {MAX_ORDER}, got {self.order}")
        self.require(self.discount_scale > 0, "discount_scale must be above zero")
        self.require(all(size > 0 for size in self.caches), "caches must have at least 1 token each")
        self.require_positive("d_hidden")
        self.require(self.context_length > 1, "context_length must be at least 2: inputs are normalised over the tokens of a batch")


@dataclass(frozen=True, kw_only=True)
class ModuleConfig(ModelConfig):
    """A user's own module, which `models.networks.own_module` has tried, counted and keeps: all fields are what it found.

    Its code is in no record; `code` says which it was.
    """

    kind: ClassVar[str] = "module"
    is_local: ClassVar[bool] = True
    name: str  # of the class or function, for people
    code: str  # a hash of the code and of the values it uses, 16 hex digits
    vocab_size: int  # the vocabulary that it was built and counted for
    forward_flops: int  # of one window of context_length tokens, every position computed
    n_params: int
    matrices: tuple[tuple[int, int], ...]  # shapes of the weights between hidden states, which Muon updates

    def __repr__(self) -> str:
        return f"{self.name}(context_length={self.context_length})"

    def check(self) -> None:
        super().check()
        self.require(re.fullmatch("[0-9a-f]{16}", self.code) is not None, f"code must be 16 hex digits, got {self.code!r}")
        self.require_positive("vocab_size", "forward_flops", "n_params")

    def check_vocab_size(self, vocab_size: int) -> None:
        message = f"{self.name} was counted for {self.vocab_size} tokens, the corpus has {vocab_size}; pass own_module {vocab_size}"
        self.require(vocab_size == self.vocab_size, message)
