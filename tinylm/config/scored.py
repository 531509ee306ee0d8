"""Which tokens of a split a run scores, and through which windows. Needs no torch."""

from dataclasses import replace

from tinylm.config import shown
from tinylm.config.errors import ArgumentError, ConfigError, too_long
from tinylm.config.runs import RunSpec


def eval_context(spec: RunSpec) -> int:
    """Tokens in each scoring window."""
    return spec.train.eval_context or spec.model.context_length


def scored_range(spec: RunSpec, n_split: int) -> range:
    """Indices of the scored tokens of a split of `n_split` tokens; ConfigError when there are none or the first lacks its context."""
    scored = spec.scored(n_split)
    if not scored:
        raise _nothing_to_score(spec, n_split)
    if scored.start < eval_context(spec) and spec.train.loss_at == "last":  # trained on full windows only
        raise ConfigError(f"eval_start={scored.start} leaves the first window short of its {eval_context(spec)} tokens; raise it")
    return scored


def _nothing_to_score(spec: RunSpec, n_split: int) -> ArgumentError:
    """What to say of a split that ends before its first scored token: the largest number that leaves one."""
    start = spec.scored(n_split).start
    after_window = spec.train.eval_start in (0, eval_context(spec))
    name = "eval_start" if not after_window else "eval_context" if spec.train.eval_context else "context_length"
    return too_long(name, start, f"leaves nothing to score: valid or test of {spec.corpus} has {shown.amount(n_split, 'token')}", n_split)


def scored_from(start: int, spec: RunSpec) -> RunSpec:
    """A spec that scores all tokens from `start` on, by windows as before."""
    return replace(spec, train=replace(spec.train, eval_start=start, eval_tokens=0))


def short_window(scored: range, context: int) -> range:
    """The first of the scored tokens, those with less than a context before them: one window that begins with the text scores them."""
    return range(scored.start, min(scored.stop, context + 1) if scored.start < context else scored.start)


def least_context(spec: RunSpec) -> int:
    """How many tokens each scored one sees at least: a window's, less its stride, or all there are before the first one."""
    context = eval_context(spec)
    return min(spec.train.eval_start or context, context - spec.train.eval_stride + 1)


def check_scoring(spec: RunSpec, n_tokens: dict[str, int]) -> None:
    """Raise ConfigError for a model's spec whose scoring would fail only after training; `n_tokens` per split."""
    for n_split in sorted(n_tokens[split] for split in ("valid", "test")):
        scored_range(spec, n_split)
    context, stride, length = eval_context(spec), spec.train.eval_stride, spec.model.context_length
    if stride > context or (context > length and not spec.model.reads_beyond):
        raise ConfigError(
            f"scoring needs eval_stride <= eval_context <= context_length, got {stride}, {context}, {length}; lower the first two"
        )
    if not spec.model.predicts_every_position and context < length:
        raise ConfigError(f"{spec.model.kind} reads exactly {length} tokens; set eval_context=0")
