"""Exact training cost by arithmetic on configs: every matrix product, forward and backward, counted as 2 m n k FLOPs.

Counted too: short convolutions, and the matrix products of an optimizer, once a step. Ignored: lookups, sorting, norms, softmax,
activations, what gates scale and exclusive heads take off, residual sums, biases of scores, induction's scales, a pointer's mixing,
averaging of weights, and all evaluation.
Attention scores are full T x T, or blocks of it (the causal half is not taken off). PyTorch's FlopCounterMode agrees to the integer
under the MATH attention backend, and is the tests' cross-check, not the truth: it counts fused CPU attention and LSTMs as zero.
A module of one's own has no arithmetic here: `models.networks.flop_count` counts it with that counter, and adds what that cannot see.
"""

import itertools
import math
from dataclasses import dataclass, replace
from functools import singledispatch
from typing import Protocol

from tinylm.config import (
    ConfigError,
    GatedCountsConfig,
    InductionConfig,
    LinearConfig,
    LSTMConfig,
    MLPConfig,
    ModelConfig,
    ModuleConfig,
    NgramConfig,
    RunSpec,
    TrainConfig,
    TransformerConfig,
)
from tinylm.config.attention_spans import n_pairs
from tinylm.config.errors import too_long

Parts = dict[str, int]
# Both gradients of a matrix product cost as much as the product; the embedding below the first one is a lookup.
BACKWARD_PER_FORWARD = 2
NEWTON_SCHULZ_STEPS = 5  # of Muon
IN_TRAINING = "further_tokens"  # the part that scoring leaves out


class Sizes(Protocol):
    """What the cost of a run depends on of its corpus: the vocabulary, and the tokens of each split."""

    @property
    def vocab_size(self) -> int: ...

    @property
    def n_tokens(self) -> dict[str, int]: ...


@singledispatch
def forward_parts(config: ModelConfig, vocab_size: int, n_out: int, n_scored: int) -> Parts:
    """Forward FLOPs of one window by part: the last block computed at `n_out` positions, the head at `n_scored`."""
    raise ConfigError(f"{type(config).__name__} has no FLOP count; register one with tinylm.flops.forward_parts.register")


@forward_parts.register
def _(config: LinearConfig, vocab_size: int, n_out: int, n_scored: int) -> Parts:
    return {"embedding": 0, "head": 2 * config.context_length * config.d_model * vocab_size}


@forward_parts.register
def _(config: MLPConfig, vocab_size: int, n_out: int, n_scored: int) -> Parts:
    widths = [config.n_joined * config.d_model, *config.widths]
    n_computed = n_out if config.window else 1
    return {
        "embedding": 0,
        "induction": _induction_flops(config, config.d_model, min(config.context_length, config.n_joined - 1 + n_computed)),
        "ffn": n_computed * sum(2 * a * b for a, b in itertools.pairwise(widths)),
        "head": 2 * widths[-1] * vocab_size * n_scored,
    }


@forward_parts.register
def _(config: TransformerConfig, vocab_size: int, n_out: int, n_scored: int) -> Parts:
    width, length = config.d_model, config.context_length
    kv_width = 2 * config.kv_heads * config.d_head
    matrices = {"none": 0, "swiglu": 3}.get(config.ffn, 2)
    below, n_last = config.depth - 1, length if config.pointer else n_out  # the last block alone may leave positions out
    computed = below * length + n_last
    pairs = [n_pairs(length, n, config.attention_window) for n in (length, n_last)]
    return {
        "embedding": 0,
        "induction": _induction_flops(config, width, length),
        "convolutions": 2 * width * config.convolution * length * config.depth,
        "attention_projections": 2 * width * (2 * width * computed + kv_width * length * config.depth),
        "attention_gates": 2 * width * config.n_head * config.head_gates * computed,
        "attention_scores": 4 * width * (below * pairs[0] + pairs[1]),
        "ffn": 2 * matrices * width * config.d_ff * computed,
        **_prediction_flops(config, vocab_size, n_scored),
        IN_TRAINING: sum(_further_flops(config, vocab_size, n_out, n_scored, ahead) for ahead in range(1, config.n_future)),
    }


def _further_flops(config: TransformerConfig, vocab_size: int, n_out: int, n_scored: int, ahead: int) -> int:
    """A block and the head for the token so many further on, at the positions where the window still has it."""
    if n_scored <= ahead:
        return 0
    alone: dict[str, bool | int] = {"skips": False, "value_residual": False, "residual_scalars": False, "pointer": 0, "n_future": 1}
    block = replace(config, **alone, n_layer=1, loops=1, induction=(), induction_times=1, context_length=config.context_length - ahead)
    return sum(forward_parts(block, vocab_size, n_out - ahead, n_scored - ahead).values())


def forward_flops(config: ModelConfig, vocab_size: int, n_out: int, n_scored: int) -> int:
    """Forward FLOPs of one window that is scored and not trained on."""
    return sum(flops for part, flops in forward_parts(config, vocab_size, n_out, n_scored).items() if part != IN_TRAINING)


def _induction_flops(config: InductionConfig, width: int, length: int) -> int:
    """The projection of what followed, at every position."""
    return 2 * width * width * length * bool(config.induction)


def _prediction_flops(config: LSTMConfig | TransformerConfig, vocab_size: int, n_scored: int) -> Parts:
    """A pointer, the projections and shares of several softmaxes, and the head, once for each of them."""
    width, n_softmax = config.d_model, config.n_softmax
    return {
        "pointer": _pointer_flops(config, n_scored) if config.pointer else 0,
        "softmaxes": 2 * width * (width + 1) * n_softmax * n_scored * (n_softmax > 1),
        "head": 2 * width * vocab_size * n_softmax * n_scored,
    }


def _pointer_flops(config: LSTMConfig | TransformerConfig, n_scored: int) -> int:
    """Keys at all positions, queries and the sentinel's score at the scored ones, which meet the keys of all but the last."""
    length, width = config.context_length, config.d_model
    projections = 2 * width * (config.pointer * length + (config.pointer + 1) * n_scored)
    return projections + 2 * config.pointer * n_scored * (length - 1)


@forward_parts.register
def _(config: LSTMConfig, vocab_size: int, n_out: int, n_scored: int) -> Parts:
    """Four gates, each with an input and a recurrent matrix, and a matrix for each round of a mogrifier, at every position.

    The recurrence spares no position, so `n_out` does not matter.

    The initial states are zero; their products, and the gradient into them, count as the others' because PyTorch's kernels compute them.
    """
    per_position = sum(2 * a * b for a, b in _layer_shapes(config))
    return {
        "embedding": 0,
        "induction": _induction_flops(config, config.widths[0], config.context_length),
        "recurrence": config.context_length * per_position,
        **_prediction_flops(config, vocab_size, n_scored),
    }


def _layer_shapes(config: LSTMConfig) -> list[tuple[int, int]]:
    """Shapes of the matrices of the LSTM's layers, those of a mogrifier's rounds after the gates'."""
    width, shapes = config.d_model, []
    for n_in in config.widths[:-1]:
        rounds = [(width, n_in) if number % 2 else (n_in, width) for number in range(config.mogrifier_rounds)]
        shapes += [(4 * width, n_in), (4 * width, width), *rounds]
    return shapes


@forward_parts.register
def _(config: GatedCountsConfig, vocab_size: int, n_out: int, n_scored: int) -> Parts:
    """The two layers of the network that sets the shares; counting and adding up are look-ups and sums."""
    return {"gate": n_scored * sum(2 * a * b for a, b in itertools.pairwise(_gate_widths(config)))}


def _gate_widths(config: GatedCountsConfig) -> list[int]:
    """What is seen of contexts, the hidden layer, and the predictions: as many as there are in `models.evidence`."""
    return [config.n_seen, config.d_hidden, config.n_predictions]


@forward_parts.register
def _(config: ModuleConfig, vocab_size: int, n_out: int, n_scored: int) -> Parts:
    """A module of one's own computes every position, however many are scored."""
    return {"module": config.forward_flops}


@forward_parts.register
def _(config: NgramConfig, vocab_size: int, n_out: int, n_scored: int) -> Parts:
    return {"counts": 0}


@singledispatch
def n_params(config: ModelConfig, vocab_size: int) -> int:
    """Number of trained parameters of the model that the config describes."""
    raise ConfigError(f"{type(config).__name__} has no parameter count; register one with tinylm.flops.n_params.register")


@n_params.register
def _(config: LinearConfig, vocab_size: int) -> int:
    return vocab_size * config.d_model + (config.context_length * config.d_model + 1) * vocab_size


@n_params.register
def _(config: MLPConfig, vocab_size: int) -> int:
    widths = [config.n_joined * config.d_model, *config.widths, vocab_size]
    embedding = vocab_size * config.d_model + _induction_params(config, config.d_model)
    return embedding + sum((a + 1) * b for a, b in itertools.pairwise(widths))


def _induction_params(config: InductionConfig, width: int) -> int:
    """A square matrix, and a scale for each order, place and channel."""
    return (width + len(config.induction) * config.induction_times) * width if config.induction else 0


@n_params.register
def _(config: TransformerConfig, vocab_size: int) -> int:
    width, bias = config.d_model, int(config.bias)
    kv_width = 2 * config.kv_heads * config.d_head
    norm = width * (2 if config.norm == "layer" else 1)
    attention = 2 * (width + bias) * width + (width + bias) * kv_width + 2 * config.d_head * config.qk_norm + norm
    attention += (width + bias) * config.n_head * config.head_gates
    up = config.d_ff * (2 if config.ffn == "swiglu" else 1)
    convolution = config.convolution * width
    ffn = 0 if config.ffn == "none" else (width + bias) * up + (config.d_ff + bias) * width + norm * (not config.parallel)
    positions = config.context_length * width if config.position == "learned" else 0
    head = bias * vocab_size + (0 if config.tied else width * vocab_size)
    embedding = (vocab_size + config.bigrams) * width + _induction_params(config, width) + positions
    shares = config.depth // 2 * width * config.skips + (config.depth - 1) * config.value_residual
    shares += 2 * config.depth * config.residual_scalars
    n_blocks = config.n_layer + config.n_future - 1
    return embedding + n_blocks * (convolution + attention + ffn) + shares + norm + head + _prediction_params(config)


def _prediction_params(config: LSTMConfig | TransformerConfig) -> int:
    """What predictions need beside the head: the matrices of a pointer and of several softmaxes, and the bias of the pointer's sentinel."""
    return sum(a * b for a, b in _prediction_shapes(config)) + bool(config.pointer)


@n_params.register
def _(config: LSTMConfig, vocab_size: int) -> int:
    n_biases = 1 if config.mogrifier_rounds else 2  # as PyTorch has them
    layers = sum(a * b for a, b in _layer_shapes(config)) + 4 * config.d_model * n_biases * config.n_layer
    embedding = vocab_size * config.widths[0] + _induction_params(config, config.widths[0])
    head = vocab_size + (0 if config.tied else vocab_size * config.d_model)
    return embedding + layers + head + _prediction_params(config)


@n_params.register
def _(config: GatedCountsConfig, vocab_size: int) -> int:
    """Two layers with biases, and a scale and a shift for each number that is seen."""
    widths = _gate_widths(config)
    return 2 * widths[0] + sum((a + 1) * b for a, b in itertools.pairwise(widths))


@n_params.register
def _(config: ModuleConfig, vocab_size: int) -> int:
    return config.n_params


@n_params.register
def _(config: NgramConfig, vocab_size: int) -> int:
    return 0


@singledispatch
def hidden_shapes(config: ModelConfig) -> list[tuple[int, int]]:
    """Shapes of the weight matrices between hidden states, which Muon updates: neither embeddings nor the vocabulary head."""
    return []


@hidden_shapes.register
def _(config: MLPConfig) -> list[tuple[int, int]]:
    widths = [config.n_joined * config.d_model, *config.widths]
    return _induction_shapes(config, config.d_model) + [(b, a) for a, b in itertools.pairwise(widths)]


def _induction_shapes(config: InductionConfig, width: int) -> list[tuple[int, int]]:
    return [(width, width)] * bool(config.induction)


@hidden_shapes.register
def _(config: TransformerConfig) -> list[tuple[int, int]]:
    width = config.d_model
    attention = [(width, width), (2 * config.kv_heads * config.d_head, width), (width, width)]
    attention += [(config.n_head, width)] * config.head_gates
    up = config.d_ff * (2 if config.ffn == "swiglu" else 1)
    ffn = [] if config.ffn == "none" else [(up, width), (width, config.d_ff)]
    return _induction_shapes(config, width) + (attention + ffn) * (config.n_layer + config.n_future - 1) + _prediction_shapes(config)


def _prediction_shapes(config: LSTMConfig | TransformerConfig) -> list[tuple[int, int]]:
    width, n_softmax = config.d_model, config.n_softmax
    softmaxes = [(n_softmax * width, width), (n_softmax, width)] if n_softmax > 1 else []
    return softmaxes + ([(config.pointer, width), (config.pointer, width), (1, width)] if config.pointer else [])


@hidden_shapes.register
def _(config: LSTMConfig) -> list[tuple[int, int]]:
    return _induction_shapes(config, config.widths[0]) + _layer_shapes(config) + _prediction_shapes(config)


@hidden_shapes.register
def _(config: ModuleConfig) -> list[tuple[int, int]]:
    return list(config.matrices)


def optimizer_flops(spec: RunSpec) -> int:
    """FLOPs of the optimizer's matrix products in one step, however large the batch; ConfigError where Muon has no matrix.

    Muon's Newton-Schulz iteration on an m x n matrix X, m <= n: A = X X^T, A A, then (b A + c A A) X (Jordan et al. 2024).
    """
    if spec.train.optimizer != "muon":
        return 0
    sides = [(min(shape), max(shape)) for shape in hidden_shapes(spec.model)]
    if not sides:
        raise ConfigError(f"{spec.model.kind} has no hidden matrices for muon; set optimizer='adamw'")
    return NEWTON_SCHULZ_STEPS * sum(4 * m * m * n + 2 * m**3 for m, n in sides)


@dataclass(frozen=True)
class RunCost:
    """What a run will do: updates, windows, target tokens, and its FLOPs under four conventions.

    `flops` is executed; `flops_textbook` computes every position in every block, as the paper's code does; `flops_2nd` and
    `flops_6nd` are 2 and 6 times parameters times input positions, the paper's and the usual shorthand. Its teachers' training is among
    all of them, and their forward passes on its windows, in both shorthands 2 times parameters times positions.
    """

    steps: int
    windows: int
    tokens_seen: int
    flops: int
    flops_textbook: int
    flops_2nd: int
    flops_6nd: int


def window_flops(spec: RunSpec, vocab_size: int) -> tuple[int, int]:
    """Training FLOPs of one window, forward, backward and its teachers' forward, without the optimizer's: (executed, textbook)."""
    length = spec.model.context_length
    n_scored = spec.n_targets
    counts = [
        (1 + BACKWARD_PER_FORWARD) * sum(forward_parts(spec.model, vocab_size, n_out, n_scored).values())
        + teaching_flops(spec, vocab_size, n_out)
        for n_out in (n_scored, length)
    ]
    return counts[0], counts[1]


def teaching_flops(spec: RunSpec, vocab_size: int, n_out: int) -> int:
    """Forward FLOPs of a run's teachers on one window, the last block computed at `n_out` positions."""
    return sum(forward_flops(teacher.model, vocab_size, n_out, spec.n_targets) for teacher in spec.teachers)


def windows_per_epoch(spec: RunSpec, n_train: int) -> int:
    """Training windows in an epoch of a text of `n_train` tokens; ConfigError when the text holds no window."""
    n_starts = min(n_train, spec.train.train_tokens or n_train) - spec.model.context_length
    if n_starts < 1:
        length, n_used = spec.model.context_length, min(n_train, spec.train.train_tokens or n_train)
        raise too_long("context_length", length, f"is too long: {spec.corpus} has {n_used:,} training tokens", n_used)
    if spec.train.sampling == "tiled":
        return max(1, n_starts // spec.model.context_length)
    if spec.train.sampling == "shuffled":
        return min(spec.train.windows_per_epoch or n_starts, n_starts)
    return spec.train.windows_per_epoch or n_starts


def windows_at(steps: int, per_epoch: int, batch_size: int) -> int:
    """Windows trained on after `steps` updates: epochs of `per_epoch` windows, each ending with a smaller batch if need be."""
    epochs, rest = divmod(steps, math.ceil(per_epoch / batch_size))
    return epochs * per_epoch + rest * batch_size


def num_steps(train: TrainConfig, per_epoch: int, step_flops: int, spent: int = 0) -> int:
    """Planned updates; with a FLOP budget floor(what is not spent of it / FLOPs per full step), ConfigError when that is none."""
    if train.flops:
        steps = (train.flops - spent) // step_flops
        if steps == 0:
            raise ConfigError(
                f"a budget of {train.flops:.3g} FLOPs is too small for one step of {step_flops:.3g}; raise it or lower batch_size"
            )
        return steps
    return train.steps or train.epochs * math.ceil(per_epoch / train.batch_size)


def run_cost(spec: RunSpec, corpus: Sizes) -> RunCost:
    """The exact cost of a spec on a corpus, before it is run; ConfigError for a spec that its corpus cannot run."""
    spec.model.check_vocab_size(corpus.vocab_size)
    if spec.is_counts:
        n_train = corpus.n_tokens["train"]
        return RunCost(0, 0, min(spec.train.train_tokens or n_train, n_train), 0, 0, 0, 0)
    step_flops = spec.train.batch_size * window_flops(spec, corpus.vocab_size)[0] + optimizer_flops(spec)
    spent = sum(run_cost(teacher, corpus).flops for teacher in spec.teachers)
    return cost_after(spec, corpus, num_steps(spec.train, windows_per_epoch(spec, corpus.n_tokens["train"]), step_flops, spent))


def scoring_flops(spec: RunSpec, corpus: Sizes) -> int:
    """FLOPs of a run's validations and of its last score, forward only: no part of its budget. Each window counts as a whole one."""
    stride = spec.train.eval_stride
    window = forward_flops(spec.model, corpus.vocab_size, stride, stride)
    valid, test = (math.ceil(len(spec.scored(corpus.n_tokens[split])) / stride) for split in ("valid", "test"))
    return window * (spec.train.n_evals * valid + test)


def cost_after(spec: RunSpec, corpus: Sizes, steps: int) -> RunCost:
    """The exact cost of the first `steps` updates of a run that trains a model by gradients, and of all its teachers before it."""
    windows = windows_at(steps, windows_per_epoch(spec, corpus.n_tokens["train"]), spec.train.batch_size)
    executed, textbook = (windows * flops + steps * optimizer_flops(spec) for flops in window_flops(spec, corpus.vocab_size))
    read = windows * spec.model.context_length
    n_d, taught = n_params(spec.model, corpus.vocab_size) * read, sum(n_params(t.model, corpus.vocab_size) for t in spec.teachers) * read
    own = (executed, textbook, 2 * (n_d + taught), 6 * n_d + 2 * taught)
    spent = [(cost.flops, cost.flops_textbook, cost.flops_2nd, cost.flops_6nd) for cost in (run_cost(t, corpus) for t in spec.teachers)]
    return RunCost(steps, windows, windows * spec.n_targets, *map(sum, zip(own, *spent, strict=True)))
