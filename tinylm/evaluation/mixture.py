"""Models that know the same tokens, mixed: a network that has learnt, and counts that remember. Needs torch only to write."""

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tinylm import data, files
from tinylm.config import RunSpec, shown
from tinylm.config.calls import public
from tinylm.config.interrupts import uninterrupted
from tinylm.config.scored import scored_from, scored_range
from tinylm.data import Corpus
from tinylm.evaluation import pretrained
from tinylm.evaluation.model import Model, ModelError, log_softmax
from tinylm.models import mixing

if TYPE_CHECKING:
    from tinylm.evaluation.attention import AttentionMaps
    from tinylm.evaluation.generate import Predictor

ENOUGH = 10_000  # tokens of valid to fit a few weights to: its last ones, before which a cache has filled
ROUNDS = 1_000  # of expectation maximisation


@dataclass(frozen=True, kw_only=True, repr=False)
class MixtureModel(Model):
    """Two or more models whose probabilities are added with `weights` (k,) that sum to one; it is scored as the first of them.

    Each model reads its own windows, and all predict the same tokens. `fitted_nll` is the mean NLL of those that the weights were fitted
    to; NaN for a mixture read from a file.
    """

    models: tuple[Model, ...]
    weights: np.ndarray
    fitted_nll: float = math.nan

    @property
    def key(self) -> str:
        """16 hex digits that say what is mixed, whatever the weights."""
        return key_of([model.key for model in self._flat().models])

    @property
    def n_params(self) -> int:
        """The parameters of all, those of counts being their n-grams."""
        return sum(model.n_params for model in self.models)

    @cached_property
    def size(self) -> str:
        return " + ".join(model.size for model in self.models)

    def predictions(self, ids: np.ndarray) -> Iterator[np.ndarray]:
        for rows in zip(*(_rows(model, ids) for model in self.models), strict=True):
            yield self._mixed(np.stack(rows))[None]

    def next_logits(self, ids: np.ndarray) -> np.ndarray:
        return self._mixed(np.stack([model.next_logits(ids) for model in self.models]))

    def next_probs(self, ids: np.ndarray) -> np.ndarray:
        return self.weights @ np.stack([model.next_probs(ids) for model in self.models])

    def token_nlls(self, ids: np.ndarray, spec: RunSpec) -> np.ndarray:
        return -np.log(_probabilities(self.models, ids, spec) @ self.weights)

    def predictor(self, ids: np.ndarray) -> "Predictor":
        with uninterrupted():
            import torch  # loaded only where text is written

        asked = [model.predictor(ids) for model in self.models]
        return lambda text: torch.from_numpy(self._mixed(np.stack([ask(text).numpy() for ask in asked])))

    @public()
    def save(self) -> Path:
        """Write which models are mixed, and their weights, beside the weights that training leaves; the path of the file.

        `load(mixture.key)` opens it then. ModelError where one of the models is not at hand by its key.
        """
        with uninterrupted():
            import torch  # loaded only where a file is written

            from tinylm.models import checkpoint

        flat, path = self._flat(), files.WEIGHTS / f"{self.key}.safetensors"
        keys = [model.key for model in flat.models]
        if missing := [key for key in keys if not pretrained.is_here(key)]:
            raise ModelError(f"{missing[0]} has no weights in {files.WEIGHTS}, by which the mixture would find it again; train it here")
        checkpoint.save(path, {"weights": torch.from_numpy(flat.weights)}, {"models": keys})
        return path

    def _flat(self) -> "MixtureModel":
        """The same mixture, of models that are none."""
        pairs: list[tuple[Model, float]] = []
        for model, share in zip(self.models, self.weights, strict=True):
            inner = model._flat() if isinstance(model, MixtureModel) else None
            pairs += [(model, share)] if inner is None else list(zip(inner.models, share * inner.weights, strict=True))
        return replace(self, models=tuple(model for model, _ in pairs), weights=np.array([share for _, share in pairs]))

    def _mixed(self, logits: np.ndarray) -> np.ndarray:
        """Log probabilities (V,) of the mixture, from each model's logits (k, V)."""
        return np.log(self.weights @ np.exp(log_softmax(logits)))

    @public()
    def attention(self, text: str) -> "AttentionMaps":
        raise ModelError("a mixture has no attention of its own; ask one of its models, as mixture.models[0].attention(text)")

    def __repr__(self) -> str:
        return f"Mixture({', '.join(f'{share:.2f} of {model!r}' for share, model in zip(self.weights, self.models, strict=True))})"

    def _repr_html_(self) -> str:
        parts = (f"<p>{share:.2f} of</p>{model._repr_html_()}" for share, model in zip(self.weights, self.models, strict=True))
        return f"<p><b>Mixture</b></p>{''.join(parts)}"


def key_of(keys: Sequence[str]) -> str:
    """The key of a mixture of models with these keys."""
    return hashlib.sha256("+".join(keys).encode()).hexdigest()[:16]


@public()
def mix(first: Model, *others: Model, held_out: str | Path | Corpus | None = None) -> MixtureModel:
    """Models whose probabilities are added, by weights that make the valid split of a corpus likeliest.

    That corpus is `held_out`, or the one that the first model was trained on; the last 10,000 tokens of its valid split are read. All
    models need its vocabulary. Counts cost no FLOPs. The NLL of valid is then a chosen one; score the mixture on test. ModelError for
    models of other tokens.

    >>> small, large = (train("grammar-char", Counts(order=order)).model for order in (2, 5))
    >>> mix(small, large).weights.round(2).tolist()
    [0.0, 1.0]
    """
    models = (first, *others)
    for model in models:
        if not isinstance(model, Model):
            raise ModelError(f"give models, as mix(run.model, counts.model), and not {shown.brief(model)}; tl.load(NAME) opens one")
    if not others:
        raise ModelError("give two models or more, as mix(run.model, counts.model)")
    known = data.load(first.spec.corpus) if held_out is None else data.corpus(held_out)
    for model in models:
        if model.vocabulary.tokens != known.vocab:
            raise ModelError(f"{model.key} knows other tokens than {data.called(known.info.name)}; mix models of one corpus")
    start = max(len(known.valid) - ENOUGH, *(scored_range(model.spec, len(known.valid)).start for model in models))
    return fitted(models, known.valid, scored_from(start, first.spec))


def fitted(models: Sequence[Model], ids: np.ndarray, spec: RunSpec) -> MixtureModel:
    """The mixture that makes those of the ids (N,) likeliest that a spec, with which the first model reads them, scores."""
    probs = _probabilities(models, ids, spec)
    weights = mixing.fit(probs, ROUNDS)
    reached = float(-np.log(probs @ weights).mean())
    return MixtureModel(spec=models[0].spec, vocabulary=models[0].vocabulary, models=tuple(models), weights=weights, fitted_nll=reached)


def _probabilities(models: Sequence[Model], ids: np.ndarray, spec: RunSpec) -> np.ndarray:
    """Each model's probability (N, k) of the tokens that a spec scores; the first reads windows as it says, the others as their own do."""
    scored = scored_range(spec, len(ids))
    specs = [spec, *(scored_from(scored.start, model.spec) for model in models[1:])]
    nlls = [model.token_nlls(ids[: scored.stop], each) for model, each in zip(models, specs, strict=True)]
    return np.exp(-np.stack(nlls, axis=1, dtype=np.float64))


def _rows(model: Model, ids: np.ndarray) -> Iterator[np.ndarray]:
    for chunk in model.predictions(ids):
        yield from chunk
