"""Models that know the same tokens, mixed: a network that has learnt, and counts that remember. Needs torch only to write."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from tinylm import data
from tinylm.config import RunSpec
from tinylm.config.calls import public
from tinylm.config.interrupts import uninterrupted
from tinylm.data import Corpus
from tinylm.evaluation.model import Model, ModelError, log_softmax
from tinylm.models import mixing

if TYPE_CHECKING:
    from tinylm.evaluation.generate import Predictor

ENOUGH = 10_000  # tokens of valid to fit a few weights to


@dataclass(frozen=True, kw_only=True, repr=False)
class MixtureModel(Model):
    """Two or more models whose probabilities are added with `weights` (k,) that sum to one; it is scored as the first of them."""

    models: tuple[Model, ...]
    weights: np.ndarray

    @property
    def key(self) -> str:
        return " + ".join(model.key for model in self.models)

    @property
    def n_params(self) -> int:
        """The parameters of all, those of counts being their n-grams."""
        return sum(model.n_params for model in self.models)

    def predictions(self, ids: np.ndarray) -> Iterator[np.ndarray]:
        for rows in zip(*(_rows(model, ids) for model in self.models), strict=True):
            yield self._mixed(np.stack(rows))[None]

    def next_logits(self, ids: np.ndarray) -> np.ndarray:
        return self._mixed(np.stack([model.next_logits(ids) for model in self.models]))

    def token_nlls(self, ids: np.ndarray, spec: RunSpec) -> np.ndarray:
        return -np.log(_probabilities(self.models, ids, spec) @ self.weights)

    def predictor(self, ids: np.ndarray) -> "Predictor":
        with uninterrupted():
            import torch  # loaded only where text is written

        asked = [model.predictor(ids) for model in self.models]
        return lambda text: torch.from_numpy(self._mixed(np.stack([ask(text).numpy() for ask in asked])))

    def _mixed(self, logits: np.ndarray) -> np.ndarray:
        """Log probabilities (V,) of the mixture, from each model's logits (k, V)."""
        return np.log(self.weights @ np.exp(log_softmax(logits)))

    def __repr__(self) -> str:
        return f"Mixture({', '.join(f'{share:.2f} of {model!r}' for share, model in zip(self.weights, self.models, strict=True))})"

    def _repr_html_(self) -> str:
        return "".join(f"<p>{share:.2f} of</p>{model._repr_html_()}" for share, model in zip(self.weights, self.models, strict=True))


@public()
def mix(first: Model, *others: Model, held_out: Corpus | None = None) -> MixtureModel:
    """Models whose probabilities are added, by weights that make the valid split of a corpus likeliest.

    That corpus is `held_out`, or the one that the first model was trained on; up to 10,000 of its tokens are read. All models need its
    vocabulary. Counts cost no FLOPs. The NLL of valid is then a chosen one; score the mixture on test. ModelError for models of other
    tokens.

    >>> small, large = (train("grammar-char", Counts(order=order)).model for order in (2, 5))
    >>> mix(small, large).weights.round(2).tolist()
    [0.0, 1.0]
    """
    models = (first, *others)
    if not others or not all(isinstance(model, Model) for model in models):
        raise ModelError("give two models or more, as mix(run.model, counts.model); tl.load(NAME) opens one")
    corpus = data.load(first.spec.corpus) if held_out is None else held_out
    for model in models:
        if model.vocabulary.tokens != corpus.vocab:
            raise ModelError(f"{model!r} knows other tokens than {data.called(corpus.info.name)}; mix models of one corpus")
    few = replace(first.spec.train, eval_tokens=min(first.spec.train.eval_tokens or ENOUGH, ENOUGH))
    weights = mixing.fit(_probabilities(models, corpus.valid, replace(first.spec, train=few)))
    return MixtureModel(spec=first.spec, vocabulary=first.vocabulary, models=models, weights=weights)


def _probabilities(models: tuple[Model, ...], ids: np.ndarray, spec: RunSpec) -> np.ndarray:
    """Each model's probability (N, k) of the tokens that the spec scores."""
    return np.exp(-np.stack([model.token_nlls(ids, spec) for model in models], axis=1, dtype=np.float64))


def _rows(model: Model, ids: np.ndarray) -> Iterator[np.ndarray]:
    for chunk in model.predictions(ids):
        yield from chunk
