"""Trained models: find the weights of a run by its key, its name or their file, and open them with their vocabulary."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tinylm import data, flops, ledger, study
from tinylm.config import ConfigError, GatedCountsConfig, ModelConfig, RunSpec, TinylmError, TransformerConfig
from tinylm.config.errors import ambiguous, instead, no_file, unknown
from tinylm.config.serialise import spec_from_dict, to_dict
from tinylm.data import Corpus, own_texts
from tinylm.data.base import LEVELS
from tinylm.data.vocabulary import Vocabulary
from tinylm.evaluation import counts, gated_counts, generate, pretrained
from tinylm.evaluation.gated_counts import GatedCountsModel
from tinylm.evaluation.mixture import MixtureModel
from tinylm.evaluation.model import Model
from tinylm.evaluation.network_model import NetworkModel
from tinylm.ledger import RunRecord
from tinylm.models import checkpoint, recency
from tinylm.models.networks import LanguageModel, build
from tinylm.models.ngram import NgramError
from tinylm.study import Planned, single

MOST_BEYOND = 5 * 10**7  # numbers of a model that its file does not hold: tables that it computes, tensors whose absence is then named

FULL_KEY = re.compile("[0-9a-f]{16}")
LEAST_OFF = 1e-6  # from one, by which the sum of a mixture's weights is wrong


class WeightsError(TinylmError):
    """A trained model that is not there, or a file that holds none."""


def facts(spec: RunSpec, corpus: Corpus) -> dict[str, Any]:
    """What a weights file says beside the tensors, so that it can be used without ledger and corpus; gated counts are counted anew, from
    their corpus."""
    said = {"key": spec.key, "spec": to_dict(spec), "level": corpus.info.level, "vocab": list(corpus.vocab)}
    if corpus.vocabulary.corpus != spec.corpus:
        said["text"] = corpus.vocabulary.corpus  # the name of a file that may be nowhere but here
    if spec.is_counts:
        return said
    return said | {"lead": [int(i) for i in generate.lead_ids(corpus, generate.lead_length(spec))]}


def open_file(path: Path, records: Mapping[str, RunRecord], data_dir: Path | None = None) -> Model:
    """The model in a weights file; a file from before vocabularies came with weights needs its record or plan, and its corpus.

    Counts of the package are made from the tokens that their file holds. The file may be anybody's: WeightsError for one whose facts
    and tensors do not fit each other, and nothing larger than it is built.
    """
    if not path.exists():
        raise WeightsError(no_file(path, "name a weights file, a run's key or a run's name"))
    if not path.is_file():
        raise WeightsError(f"{path} is not a file; name a weights file, a run's key or a run's name")
    tensors, said = checkpoint.load(path)
    if "models" in said:
        return _mixture(path, said["models"], tensors, records, data_dir)
    spec = _spec(path, said, records)
    if "vocab" not in said:
        corpus = data.load(spec.corpus, data_dir)
        return _network(path, spec, corpus.vocabulary, generate.lead_ids(corpus, generate.lead_length(spec)), tensors, data_dir)
    vocabulary = _vocabulary(path, spec, said)
    if spec.is_counts:
        return _counts(path, spec, vocabulary, tensors)
    return _network(path, spec, vocabulary, _lead(path, spec, said, len(vocabulary.tokens)), tensors, data_dir)


def _mixture(path: Path, keys: Any, tensors: Mapping[str, Tensor], records: Mapping[str, RunRecord], data_dir: Path | None) -> MixtureModel:
    """The mixture of a file; WeightsError where its models are not here, or its weights do not fit them."""
    if not isinstance(keys, list) or not all(isinstance(key, str) and FULL_KEY.fullmatch(key) for key in keys) or len(keys) < 2:
        raise _damaged(path, "models must be a list of two keys or more")
    weights = tensors["weights"].numpy() if "weights" in tensors else np.zeros(0)
    if weights.shape != (len(keys),) or not (weights >= 0).all() or abs(weights.sum() - 1) > LEAST_OFF:
        raise _damaged(path, f"weights must be {len(keys)} numbers from 0 to 1 that sum to 1")
    models = []
    for key in keys:
        if not pretrained.is_here(key):
            raise WeightsError(f"{path} mixes the model {key}, which is not here; train it with: python -m tinylm train --run {key}")
        file = pretrained.at_hand().get(key)
        models.append(open_file(file, records, data_dir) if file else _counted_anew(key, data_dir))
    if len({model.vocabulary.tokens for model in models}) > 1:
        raise _damaged(path, "its models know different tokens")
    return MixtureModel(spec=models[0].spec, vocabulary=models[0].vocabulary, models=tuple(models), weights=weights)


def _counted_anew(key: str, data_dir: Path | None) -> Model:
    """The counts of a record."""
    spec = ledger.known().records[key].spec
    return counts.fit(spec, data.load(spec.corpus, data_dir), data_dir)


def _spec(path: Path, said: Mapping[str, Any], records: Mapping[str, RunRecord]) -> RunSpec:
    """The spec of a file, which may be anybody's; WeightsError where it is none."""
    if "spec" not in said:
        return _spec_of(path, said.get("key"), records)
    try:
        return spec_from_dict(said["spec"])
    except ConfigError as error:
        raise _damaged(path, f"its spec cannot be read: {error}") from error


def _vocabulary(path: Path, spec: RunSpec, said: Mapping[str, Any]) -> Vocabulary:
    """The vocabulary of a file; WeightsError unless it is a list of different texts, of a level that there is."""
    tokens, level = said["vocab"], said.get("level")
    are_texts = isinstance(tokens, list) and all(isinstance(token, str) and token for token in tokens)
    if not are_texts or not 0 < len(tokens) <= own_texts.MOST_TOKENS or len(set(tokens)) < len(tokens):
        raise _damaged(path, f"vocab must be a list of 1 to {own_texts.MOST_TOKENS:,} different tokens")
    if level not in LEVELS:
        raise _damaged(path, unknown("level", level, LEVELS))
    called = said.get("text", data.called(spec.corpus))
    return Vocabulary(corpus=called if isinstance(called, str) else spec.corpus, level=level, tokens=tuple(tokens))


def _lead(path: Path, spec: RunSpec, said: Mapping[str, Any], vocab_size: int) -> np.ndarray:
    """The tokens that fill a window before a short prompt; WeightsError where they are missing, too few or foreign."""
    ids, least = said.get("lead"), generate.lead_length(spec)
    are_ids = isinstance(ids, list) and all(type(i) is int and 0 <= i < vocab_size for i in ids)
    if not are_ids or len(ids) < least:
        raise _damaged(path, f"lead must be a list of {least:,} or more of the ids from 0 to {vocab_size - 1:,}")
    return np.array(ids, dtype=np.uint16)


def _damaged(path: Path, what: str) -> WeightsError:
    return WeightsError(f"{path} is damaged, {what}; {checkpoint.REMEDY}")


def _counts(path: Path, spec: RunSpec, vocabulary: Vocabulary, tensors: Mapping[str, Tensor]) -> Model:
    """The counts of a file's tokens, with the weights of its cache; WeightsError where they do not fit."""
    try:
        tokens, weights = (tensors[name].numpy() for name in ("tokens", "weights"))
        shape = recency.weights_shape(spec.model.order)
        if weights.shape != shape or not np.isfinite(weights).all():
            raise _damaged(path, f"weights of counts of order {spec.model.order} are finite numbers of the shape {shape}")
        return counts.of_tokens(spec, vocabulary, tokens, weights)
    except (KeyError, TypeError, NgramError) as error:
        raise _damaged(path, f"it does not hold the counts {spec.model.title}: {error}") from error


def _network(
    path: Path, spec: RunSpec, vocabulary: Vocabulary, lead: np.ndarray, tensors: Mapping[str, Tensor], data_dir: Path | None
) -> Model:
    """The network of a file; WeightsError where the tensors are not those of its spec, before a larger one is built."""
    held = sum(tensor.numel() for tensor in tensors.values())
    try:
        spec.model.check_vocab_size(len(vocabulary.tokens))
        needed = flops.n_params(spec.model, len(vocabulary.tokens)) + _table_size(spec.model)
    except ConfigError as error:
        raise _damaged(path, f"its model cannot be built: {error}") from error
    if needed > held + MOST_BEYOND:
        raise _damaged(path, f"{spec.model.kind} {spec.key} needs {needed:.3g} numbers, and the file holds {held:.3g}")
    with torch.random.fork_rng(devices=[]):  # the first weights are drawn and thrown away; the caller's random numbers stay
        network = build(spec.model, len(vocabulary.tokens))
    try:
        checkpoint.restore_weights(network, tensors)
    except RuntimeError as error:
        raise WeightsError(f"{path} does not hold the weights of {spec.model.kind} {spec.key}: {error}") from error
    if not all(parameter.isfinite().all() for parameter in network.parameters()):
        raise _damaged(path, "it holds weights that are not finite")
    if isinstance(spec.model, GatedCountsConfig):
        return _with_counts(path, spec, vocabulary, network.eval(), data_dir)
    return NetworkModel(path=path, spec=spec, vocabulary=vocabulary, lead_ids=lead, network=network.eval())


def _with_counts(path: Path, spec: RunSpec, vocabulary: Vocabulary, network: LanguageModel, data_dir: Path | None) -> GatedCountsModel:
    """The network of a file with the counts that it mixes, which are counted anew; WeightsError where the corpus has other tokens."""
    corpus = data.load(spec.corpus, data_dir)
    if corpus.vocab != vocabulary.tokens:
        raise _damaged(path, f"it knows other tokens than {data.called(spec.corpus)}, whose counts it mixes")
    counted = gated_counts.counted(spec, corpus.train, len(corpus.vocab))
    return GatedCountsModel(path=path, spec=spec, vocabulary=vocabulary, network=network, counts=counted)


def _table_size(config: ModelConfig) -> int:
    """Numbers of the tables that a model computes when it is built, which no file holds: those of rotary positions."""
    is_rotary = isinstance(config, TransformerConfig) and config.position == "rope"
    return 2 * config.n_layer * config.context_length * config.d_head if is_rotary else 0


def _spec_of(path: Path, key: Any, records: Mapping[str, RunRecord]) -> RunSpec:
    """The spec of a file that says its key only."""
    if not isinstance(key, str):
        raise _damaged(path, "it says neither its spec nor its key")
    if key in records:
        return records[key].spec
    for run in _networks():
        if run.spec.key == key:
            return run.spec
    raise WeightsError(f"{path} does not say its spec, and its key {key} has no record in the ledger; import its record, or train it again")


def find(text: str, files: Mapping[str, Path], records: Mapping[str, RunRecord]) -> Path:
    """The weights file of a path, a key or the beginning of one, or a planned run's name as [SECTION/]NAME[@SEED]; `files` are by key.

    WeightsError where it is not trained, with the command that trains it, and where several runs are meant.
    """
    if text in files:
        return files[text]
    path = Path(text)
    if path.is_file() and path.suffix != ".safetensors":
        raise WeightsError(f"{path} is not a weights file; those end in .safetensors")
    if path.suffix == ".safetensors":
        return path
    keys = candidates(text, files, records)
    trained = [key for key in keys if key in files]
    if not trained:
        raise WeightsError(f"the weights of {text} are not here; train it with: python -m tinylm train --run {keys[0]}")
    if len(trained) > 1 and pretrained.KEY.fullmatch(text):
        raise WeightsError(ambiguous(text, trained))
    return files[trained[0]]


def candidates(text: str, files: Mapping[str, Path], records: Mapping[str, RunRecord]) -> list[str]:
    """The keys of networks that a key's beginning or a name may mean, the likeliest first; WeightsError where there is none."""
    planned = _networks()
    if pretrained.KEY.fullmatch(text):
        known = {run.spec.key for run in planned} | set(files)
        known |= {key for key, record in records.items() if not record.spec.is_counts}
        found = sorted(key for key in known if key.startswith(text))
    else:
        found = [run.spec.key for run in study.named(text, planned)]
    if not found and _is_counts(text, records):
        raise WeightsError(f"{text} counts n-grams, which leaves no weights; use it: python -m tinylm generate --model '{text}'")
    if not found and own_texts.is_file_name(text):
        raise WeightsError(no_file(Path(text), "weights files end in .safetensors, and tl.list_models() has the models that are here"))
    if not found:
        names = [*pretrained.MODELS, *(run.name for run in study.select(planned, role=["baseline", "ablation"]))]
        known = instead(text.partition("@")[0], names, "there are:")
        key = "" if pretrained.KEY.fullmatch(text) else "; of a key, four digits or more are needed"
        here = "`python -m tinylm models` and tl.list_models() have those that are here"
        raise WeightsError(f"no run is called {text!r}; {known}{key}; {here}")
    return found


def _is_counts(text: str, records: Mapping[str, RunRecord]) -> bool:
    """Whether a key's beginning or a name means counts."""
    counts = [run for run in study.plan("full") if run.spec.is_counts]
    keys = [*(run.spec.key for run in counts), *(key for key, record in records.items() if record.spec.is_counts)]
    return bool(study.named(text, counts)) or (pretrained.KEY.fullmatch(text) is not None and any(key.startswith(text) for key in keys))


def trainable(text: str, files: Mapping[str, Path], records: Mapping[str, RunRecord]) -> Planned:
    """The run that a key or a name means, to be trained; WeightsError where nothing says its spec."""
    keys = candidates(text, files, records)
    if len(keys) > 1 and pretrained.KEY.fullmatch(text):
        raise WeightsError(ambiguous(text, keys))
    key = keys[0]
    for run in _networks():
        if run.spec.key == key:
            return run
    if key not in records:
        raise WeightsError(f"{key} is in no plan and has no record; import its record with `python -m tinylm ledger import`")
    return single.unplanned(records[key].spec)


def _networks() -> list[Planned]:
    return [run for run in study.plan("full") if not run.spec.is_counts]


def listing(keys: Iterable[str], records: Mapping[str, RunRecord]) -> list[tuple[str, str, RunRecord | None]]:
    """Key, name and record of every model, given by its key, those of planned runs first; a mixture has neither."""
    planned = study.by_key()
    ordered = sorted(keys, key=lambda key: key not in planned)
    return [(key, planned[key].title if key in planned else "", records.get(key)) for key in ordered]
