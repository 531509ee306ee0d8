"""A trained model scored on a split of a corpus or on any text: mean NLL, its error, and which tokens were scored."""

import math
import os
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from tinylm import data
from tinylm.config import RunSpec, TinylmError, shown
from tinylm.config.errors import unknown
from tinylm.config.scored import check_scoring, eval_context, least_context, scored_range
from tinylm.data import Corpus, corpora, own_texts
from tinylm.data.vocabulary import Vocabulary
from tinylm.evaluation import arguments
from tinylm.ledger import scores
from tinylm.study.recipes import EVAL_START

CHECKED = 8  # places where the probabilities of the whole vocabulary are added up


class Scored(Protocol):
    """What a score needs of a model: its spec, its vocabulary, the NLLs of tokens in the range that a spec says, and whole predictions."""

    @property
    def spec(self) -> RunSpec: ...

    @property
    def vocabulary(self) -> Vocabulary: ...

    def token_nlls(self, ids: np.ndarray, spec: RunSpec) -> np.ndarray: ...

    def next_probs(self, ids: np.ndarray) -> np.ndarray: ...


class ScoringError(TinylmError):
    """A text that a model cannot be scored on."""


@dataclass(frozen=True, kw_only=True)
class TextScore:
    """Mean NLL of a text in nats per token, its block standard error `se`, and which tokens were scored how.

    `unknown` of the `tokens` were <unk>; `characters` are those that the tokens are written with. `start` is the first scored token;
    windows of `context` tokens score their last `stride`, so that each token sees `min_context` or more. `sum_error` is how far from one
    the probabilities of the whole vocabulary sum to, at the worst of CHECKED places of the text.
    """

    text: str
    nll: float
    se: float
    perplexity: float
    bits_per_character: float
    tokens: int
    characters: int
    unknown: int
    start: int
    stride: int
    context: int
    min_context: int
    sum_error: float

    def __repr__(self) -> str:
        error = "" if math.isnan(self.se) else f" +- {self.se:.4f} (block SE)"
        tokens = shown.amount(self.tokens, "token")
        lead = f" from token {self.start} on" if self.start else ""
        return (
            f"NLL {self.nll:.4f}{error} nats per token on {tokens} of {self.text}{lead}, perplexity {self.perplexity:.4g}, "
            f"{self.bits_per_character:.4f} bits per character"
        )


def score(
    model: Scored, text: str | Path | Corpus, split: str = "test", stride: int | None = None, context: int | None = None
) -> TextScore:
    """The model's score on a split of a corpus, on a file (a Path) or on a text; see `Model.score`."""
    if split not in data.SPLITS:
        raise ScoringError(unknown("split", split, data.SPLITS))
    if isinstance(text, Corpus):
        if text.vocab != model.vocabulary.tokens:
            name = data.called(text.info.name)
            raise ScoringError(f"{name} has another vocabulary than {model.vocabulary.corpus}, which the model was trained on")
        name, ids = f"{data.called(text.info.name)} {split}", text.split(split)
    else:
        name = str(text) if isinstance(text, Path) else "the text"
        ids = known_ids(model.vocabulary, own_texts.read(text) if isinstance(text, Path) else _in_memory(text), name)
    spec = scored_as(model.spec, stride, context, len(ids), "" if isinstance(text, Corpus) else name)
    return _score(model, spec, ids, name)


def _in_memory(text: str) -> str:
    """A text as it is; ScoringError where it is the name of what is meant to be scored."""
    if not isinstance(text, str):
        raise arguments.ModelError(f"give a text, a Path or a corpus, got {shown.brief(text)}")
    if "\n" in text or len(text) > corpora.LONGEST_PATH:
        return text
    if text in data.SPLITS:
        raise ScoringError(f"{text!r} is a split's name, of which only the letters would be scored; write score(corpus, split={text!r})")
    if text in data.names():
        raise ScoringError(f"{text!r} is a corpus's name, of which only the letters would be scored; write tl.corpus({text!r})")
    if os.path.isfile(text):
        raise ScoringError(f"{text!r} is a file's name, of which only the letters would be scored; write Path({text!r})")
    if own_texts.is_file_name(text):
        raise ScoringError(
            f"{text!r} looks like a file's name, of which only the letters would be scored; write Path({text!r}), or end the text with \\n"
        )
    return text


def known_ids(vocabulary: Vocabulary, text: str, name: str) -> np.ndarray:
    """The ids of a text; ScoringError for characters that the vocabulary lacks and has no <unk> for."""
    unknown = vocabulary.unknown(text)
    if unknown and data.UNK not in vocabulary.index:
        raise ScoringError(
            f"{name} has {_described(unknown, vocabulary.level)} outside {vocabulary.corpus}'s vocabulary; "
            f"remove them, or train a model that has them: python -m tinylm train --quick --corpus FILE"
        )
    return vocabulary.encode(text)


def _described(unknown: Counter[str], level: str) -> str:
    commonest = ", ".join(f"{token!r} {'once' if count == 1 else f'{count:,} times'}" for token, count in unknown.most_common(5))
    noun = "character" if level == "character" else "word"
    return f"{unknown.total():,} {noun}{'s' if unknown.total() > 1 else ''} ({commonest}{', ...' if len(unknown) > 5 else ''})"


def scored_as(spec: RunSpec, stride: int | None, context: int | None, n_tokens: int, text: str = "") -> RunSpec:
    """The spec with the windows that are asked for and the tokens of its record, or of a whole text of one's own, which `text` names.

    TinylmError where they do not fit.
    """
    most = None if spec.is_counts else spec.model.context_length
    windows = {} if context is None else {"eval_context": arguments.whole("context", context, 1, most)}
    if stride is not None:
        windows["eval_stride"] = arguments.whole("stride", stride, 1, most and windows.get("eval_context", eval_context(spec)))
    if text and n_tokens < 2:
        raise ScoringError(f"{text} has {'1 token' if n_tokens else 'no tokens'}; a score needs two or more")
    length = windows.get("eval_context") or eval_context(spec)
    start = min(length, n_tokens // 2, EVAL_START) if spec.train.loss_at == "all" else 0  # 0: after a full window
    tokens = {"eval_start": start, "eval_tokens": 0} if text else {}
    if windows and not text and not spec.train.eval_start:  # score the record's tokens, whatever the windows
        tokens = {"eval_start": max(eval_context(spec), windows.get("eval_context", 0))}
    shortened = {"eval_stride": min(spec.train.eval_stride, length or 1)}  # of a shorter window no more than all of it
    scored = replace(spec, train=replace(spec.train, **(shortened | windows | tokens)))
    needed = scored.train.eval_start or length
    if text and n_tokens <= needed:
        raise ScoringError(f"{text} has {n_tokens:,} tokens, and the first {needed} are context only; take a longer text")
    if not spec.is_counts:
        check_scoring(scored, {split: n_tokens for split in ("valid", "test")})
    return scored


def _score(model: Scored, spec: RunSpec, ids: np.ndarray, name: str) -> TextScore:
    """<unk> counts as the characters it is written with."""
    context, stride = eval_context(spec), spec.train.eval_stride
    found = scores.summarise(spec, "", model.token_nlls(ids, spec), least_context(spec), stride)
    span = scored_range(spec, len(ids))
    scored = ids[span.start : span.stop]
    characters = model.vocabulary.n_characters(scored)
    unknown = model.vocabulary.index.get(data.UNK)
    return TextScore(
        text=name,
        nll=found.nll,
        se=found.se if found.n_tokens > scores.BLOCK_SIZE else math.nan,  # one block says nothing of its spread
        perplexity=shown.perplexity(found.nll),
        bits_per_character=found.nll * len(scored) / math.log(2) / characters,
        tokens=len(scored),
        characters=characters,
        unknown=0 if unknown is None else int((scored == unknown).sum()),
        start=found.start,
        stride=stride,
        context=context,
        min_context=found.min_context,
        sum_error=_sum_error(model, ids, span),
    )


def _sum_error(model: Scored, ids: np.ndarray, span: range) -> float:
    places = np.linspace(max(span.start, 1), span.stop - 1, CHECKED, dtype=int)
    return max(abs(float(model.next_probs(ids[:place]).sum()) - 1) for place in places)
