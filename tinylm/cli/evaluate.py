"""`evaluate`: score a trained model on a split of its corpus, or on a text file."""

import json
import math
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tinylm import data
from tinylm.cli import trained_models
from tinylm.cli.common import UsageError, command, read_ledger, whole
from tinylm.config import RunSpec
from tinylm.data import SPLITS, DataError, own_texts
from tinylm.ledger import scores
from tinylm.study.recipes import EVAL_START

if TYPE_CHECKING:
    from tinylm.evaluation.weights import Trained

EXAMPLES = """
  python -m tinylm evaluate --file my.txt                           on your own text; needs no corpus
  python -m tinylm evaluate --model transformer                     on the tokens of its record: the same NLL
  python -m tinylm evaluate --model RoPE@1 --split valid --context 64
  python -m tinylm evaluate --model 91e131682342ec8a --file my.txt --json"""

MANY_UNKNOWN = 0.2  # of the tokens
TOO_MANY_UNKNOWN = "many tokens are <unk>, which is easy to predict, so the score says little; choose a text closer to the corpus"


@dataclass(frozen=True, kw_only=True)
class EvaluateRequest(trained_models.ModelRequest):
    """A trained model, the text that it is scored on, and the windows; None means as in the run."""

    split: str
    file: Path | None
    stride: int | None
    context: int | None
    json: bool


def add(commands: Any) -> None:
    """Add the subcommand."""
    parser = command(
        commands, "evaluate", EvaluateRequest, run, "score a trained model on a split of its corpus, or on a text file", EXAMPLES
    )
    trained_models.add_model_flags(parser, "--split, and weights without vocabulary")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--split", choices=SPLITS, default="test", help="split of its corpus, the same tokens as in its record (test)")
    what.add_argument("--file", type=Path, metavar="FILE", help="a UTF-8 text file of your own, scored to its end")
    parser.add_argument("--stride", type=whole(1), metavar="N", help="tokens scored in each window (as in the run)")
    parser.add_argument("--context", type=whole(1), metavar="N", help="tokens in each window (as in the run)")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(request: EvaluateRequest) -> int:
    """Print the score."""
    trained = request.open()
    ids = _text_ids(trained, request.file) if request.file else _split_ids(trained, request.split, request.data_dir)
    spec = _scored_as(trained.spec, request, len(ids))
    text = str(request.file or f"{spec.corpus} {request.split}")
    found = {"model": trained.spec.key, "text": text} | _score(trained, spec, ids)
    record = read_ledger().find(trained.spec)
    recorded = getattr(record, request.split, None) if spec == trained.spec and not request.file else None
    found["record_nll"] = recorded.nll if recorded else None
    print(json.dumps(found, indent=1, ensure_ascii=False) if request.json else _text(found))
    return 0


def _split_ids(trained: "Trained", split: str, data_dir: Path | None) -> np.ndarray:
    try:
        corpus = data.load(trained.spec.corpus, data_dir)
    except DataError as error:
        raise UsageError(f"{error}\nA text of your own needs no corpus: --file FILE") from error
    if corpus.vocab != trained.vocabulary.tokens:
        raise UsageError(f"{trained.path} was trained on another {trained.spec.corpus}: its vocabulary differs; train the run again")
    return corpus.split(split)


def _text_ids(trained: "Trained", file: Path) -> np.ndarray:
    """The ids of a text file; DataError for one that cannot be read, UsageError for characters that the vocabulary lacks."""
    text = own_texts.read(file)
    vocabulary = trained.vocabulary
    unknown = vocabulary.unknown(text)
    if unknown and data.UNK not in vocabulary.index:
        raise UsageError(
            f"{file} has {_described(unknown, vocabulary.level)} outside {vocabulary.corpus}'s vocabulary; "
            f"remove them, or train a model that has them: python -m tinylm train --quick --corpus FILE"
        )
    return vocabulary.encode(text)


def _described(unknown: Counter[str], level: str) -> str:
    commonest = ", ".join(f"{token!r} {count:,} times" for token, count in unknown.most_common(5))
    noun = "characters" if level == "character" else "words"
    return f"{unknown.total():,} {noun} ({commonest}{', ...' if len(unknown) > 5 else ''})"


def _scored_as(spec: RunSpec, request: EvaluateRequest, n_tokens: int) -> RunSpec:
    """The spec with the windows and tokens that the request asks for; ConfigError or UsageError where they do not fit."""
    windows = {name: value for name, value in (("eval_stride", request.stride), ("eval_context", request.context)) if value is not None}
    context = request.context or scores.eval_context(spec)
    start = min(context, n_tokens // 2, EVAL_START) if spec.train.loss_at == "all" else 0  # 0: after a full window
    whole_text = {"eval_start": start, "eval_tokens": 0} if request.file else {}
    if windows and not request.file and not spec.train.eval_start:  # score the record's tokens, whatever the windows
        whole_text = {"eval_start": max(scores.eval_context(spec), request.context or 0)}
    stride = {"eval_stride": min(spec.train.eval_stride, context)}  # of a shorter window no more than all of it
    scored = replace(spec, train=replace(spec.train, **(stride | windows | whole_text)))
    needed = scored.train.eval_start or context
    if request.file and n_tokens <= needed:
        raise UsageError(f"{request.file} has {n_tokens:,} tokens, and the first {needed} are context only; take a longer text")
    scores.check_scoring(scored, {split: n_tokens for split in ("valid", "test")})
    return scored


def _score(trained: "Trained", spec: RunSpec, ids: np.ndarray) -> dict[str, Any]:
    """NLL (nats), perplexity, bits per character, and which tokens were scored; <unk> counts as the characters it is written with."""
    import torch  # loaded only by the commands that compute

    from tinylm.evaluation.nlls import token_nlls
    from tinylm.training import cpu

    cpu.prepare()
    context, stride = scores.eval_context(spec), spec.train.eval_stride
    nll_N = token_nlls(trained.model, torch.from_numpy(ids.astype(np.int32)), spec)
    score = scores.summarise(spec, "", nll_N, scores.least_context(spec), stride)
    span = scores.scored_range(spec, len(ids))
    scored = ids[span.start : span.stop]
    characters = trained.vocabulary.n_characters(scored)
    unknown = trained.vocabulary.index.get(data.UNK)
    return {
        "nll": score.nll,
        "se": score.se,
        "perplexity": math.exp(score.nll),
        "bits_per_character": score.nll * len(scored) / math.log(2) / characters,
        "tokens": len(scored),
        "characters": characters,
        "unknown": 0 if unknown is None else int((scored == unknown).sum()),
        "start": score.start,
        "stride": stride,
        "context": context,
        "min_context": score.min_context,
    }


def _text(found: dict[str, Any]) -> str:
    """The score as text."""
    unknown = f", {found['unknown']:,} of them <unk>" if found["unknown"] else ""
    warning = "" if found["unknown"] <= MANY_UNKNOWN * found["tokens"] else f"\n{TOO_MANY_UNKNOWN}"
    recorded = f"\nits record says {found['record_nll']:.4f}" if found["record_nll"] is not None else ""
    return (
        f"{found['model']} on {found['text']}: NLL {found['nll']:.4f} +- {found['se']:.4f} nats per token (block SE), perplexity "
        f"{found['perplexity']:.4g}, {found['bits_per_character']:.4f} bits per character\n{found['tokens']:,} tokens from token "
        f"{found['start']:,} on{unknown}; windows of {found['context']} tokens score their last {found['stride']}, so each token sees "
        f"{found['min_context']} or more{warning}{recorded}"
    )
