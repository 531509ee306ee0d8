"""A model card: what a trained model is, how well it predicts, what it is for and what not (Mitchell et al. 2019, arXiv 1810.03993).

A run's record and what its weights file says beside the tensors -> Markdown.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tinylm import data, ledger, study
from tinylm.analysis import layout
from tinylm.config import RunSpec, changed
from tinylm.config.models import UNBOUNDED
from tinylm.evaluation import pretrained
from tinylm.evaluation.pretrained import export
from tinylm.ledger import RunRecord, Score
from tinylm.models import checkpoint


def write_card(name: str, records: Mapping[str, RunRecord]) -> Path:
    """Write the card of a model of the package from its record and its weights file; the card's path."""
    ledger.write_text(pretrained.card_file(name), card_text(name, records))
    return pretrained.card_file(name)


def card_text(name: str, records: Mapping[str, RunRecord]) -> str:
    """The card of a model of the package, made anew from its record and its weights file; CheckpointError where that is missing."""
    path = pretrained.weights_file(name)
    _, said = checkpoint.load(path)
    return card(name, export.recorded(name, records), said, path.stat().st_size)


def card(name: str, record: RunRecord, said: dict[str, Any], n_bytes: int) -> str:
    """The card of a model as Markdown; `said` are the facts of its weights file of `n_bytes`, with `nll` by split, in nats per token."""
    recorded = "recorded" if record.spec.is_counts else "recorded in 32 bits"
    losses = ["split", "tokens", recorded.removeprefix("recorded in "), "this file", "difference"]
    parts = [
        f"# {name}",
        _summary(record),
        layout.markdown(["", ""], _origin(name, record, n_bytes), ["left", "left"]),
        "## Losses",
        f"Mean NLL in nats per token on held-out text, with its block standard error: as {recorded}, and measured with this file.",
        layout.markdown(losses, [_losses(record, said, split) for split in ("valid", "test")], layout.beside(losses)),
        "## Use",
        _use(name),
        "## Limits",
        _bullets(_limits(record.spec, said)),
        "## Text and licence",
        _licence(record.spec, said),
        "## Settings",
        "What differs from the defaults of `tinylm.config`.",
        "```text\n" + "\n".join(f"{field} = {value}" for field, value in ledger.flatten(changed(record.spec)).items()) + "\n```",
    ]
    return "\n\n".join(parts) + "\n"


def _summary(record: RunRecord) -> str:
    spec, level = record.spec, data.info(record.spec.corpus).level
    run = study.by_key().get(spec.key)
    origin = f"the run {run.title} of the study" if run else "a run beside the study"
    if spec.is_counts:
        return f"{spec.model.title}: {record.n_params:,} n-grams of `{spec.corpus}`, which predict its next {level}; {origin}."
    kind = spec.model.kind.upper() if spec.model.kind in ("mlp", "lstm") else spec.model.kind.capitalize()
    return f"A {kind} of {record.n_params:,} parameters that predicts the next {level} of `{spec.corpus}`: {origin}."


def _origin(name: str, record: RunRecord, n_bytes: int) -> list[list[str]]:
    file, is_counts = f"[{name}.safetensors]({name}.safetensors)", record.spec.is_counts
    counted = f"{file}, {n_bytes / 1e6:.2f} MB: the text, which is counted when it is read, in about two seconds, and the cache's weights"
    weights = f"{file}, float16, {n_bytes / 1e6:.2f} MB; they are widened to float32 when read"
    rows = [
        ["file" if is_counts else "weights", counted if is_counts else weights],
        ["key", f"`{record.spec.key}`"],
        ["record", f"`{ledger.file_name(record.spec)}` in docs/ledger; `python -m tinylm ledger show {record.spec.key}` prints it"],
        ["n-grams" if is_counts else "parameters", f"{record.n_params:,}"],
        ["vocabulary", f"{record.vocab_size:,} {data.info(record.spec.corpus).level}s"],
        ["context", _context(record.spec)],
    ]
    if is_counts:
        return [*rows, ["counted", f"{record.tokens_seen:,} tokens; no FLOPs are spent"]]
    return [
        *rows,
        ["training", f"{record.steps:,} steps, {record.tokens_seen:,} predicted tokens; seed {record.spec.seed}"],
        ["training FLOPs", f"{record.flops:.3e} executed, {record.flops_textbook:.3e} by the textbook"],
    ]


def _context(spec: RunSpec) -> str:
    """What the model reads."""
    read = f"{spec.model.context_length} tokens"
    if not spec.is_counts:
        return read
    before = "all tokens before" if spec.model.cache >= UNBOUNDED else f"the {spec.model.cache:,} tokens before"
    return f"{read}, and what followed the same ones among {before}"


def _losses(record: RunRecord, said: dict[str, Any], split: str) -> list[str]:
    score: Score = getattr(record, split)
    here = said["nll"][split]
    return [split, f"{score.n_tokens:,}", f"{score.nll:.4f} ± {score.se:.4f}", f"{here:.4f}", f"{here - score.nll:+.1e}"]


def _use(name: str) -> str:
    lines = [f'generate --model {name} --prompt "..."', f"chat --model {name}", f"evaluate --model {name} --file my.txt"]
    commands = "\n".join(f"    python -m tinylm {line}" for line in lines)
    return f"To see what a model of this size and cost learns, to compare others with it, and to look into.\n\n{commands}"


def _limits(spec: RunSpec, said: dict[str, Any]) -> list[str]:
    n, level = len(said["vocab"]), said["level"]
    unknown = f"any other stands as `{data.UNK}`" if data.UNK in said["vocab"] else "any other is refused"
    limits = [
        "It continues text in the manner of its corpus. It knows no facts, follows no instructions, and what it writes is often nonsense.",
        f"It was trained on {spec.train.train_tokens or data.info(spec.corpus).n_tokens['train']:,} tokens of one corpus, whose language, "
        "time and biases it repeats.",
        f"It reads the last {spec.model.context_length} tokens and nothing before. It knows {n:,} {level}s; {unknown}.",
        "It is one run with one seed; the report's tables say how far seeds lie apart.",
    ]
    if spec.is_counts:
        return [*limits[:2], f"It knows {n:,} {level}s; {unknown}."]
    if spec.train.loss_at == "last":
        limits.append("It was trained on full windows only, so text of its corpus is put before a shorter prompt.")
    return limits


def _licence(spec: RunSpec, said: dict[str, Any]) -> str:
    source, licence = data.source(spec.corpus), data.licence(spec.corpus)
    made = "" if source == spec.corpus else f", from which `{spec.corpus}` is made (tinylm/data/plays.py)"
    holds = "the whole training text" if spec.is_counts else f"{_number(len(said['lead']), 'token')} of its validation split"
    what, are = ("file", "It is") if spec.is_counts else ("weights file", "The weights are")
    return (
        f"Text: `{source}`{made}; datasets/manifest.json has its address. Its licence: {licence}. The {what} holds the text's "
        f"vocabulary and {holds}. {are} under the repository's MIT licence, as far as the text's allows."
    )


def _number(n: int, noun: str) -> str:
    return f"{n} {noun}{'' if n == 1 else 's'}"


def _bullets(sentences: list[str]) -> str:
    return "\n".join(f"- {sentence}" for sentence in sentences)
