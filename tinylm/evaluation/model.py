"""A trained model in a user's hands: networks and n-gram counts alike write, score and explain text. Needs torch only to write."""

import itertools
import sys
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tinylm.config import RunSpec, calls, shown
from tinylm.config.calls import public
from tinylm.config.errors import Spelt
from tinylm.config.interrupts import Stopped, uninterrupted
from tinylm.data import Corpus
from tinylm.data.vocabulary import Vocabulary
from tinylm.evaluation import arguments, scoring
from tinylm.evaluation.arguments import ModelError
from tinylm.evaluation.scoring import TextScore
from tinylm.evaluation.texts import Surprise, Text
from tinylm.study import titles

if TYPE_CHECKING:
    from tinylm.evaluation.attention import AttentionMaps
    from tinylm.evaluation.generate import Predictor, Sampling


HELPERS = {
    "continued",
    "next_logits",
    "next_probs",
    "parts",
    "predictions",
    "predictor",
    "surprises",
    "token_nlls",
}  # of the library, not its users


class UnknownTokens(UserWarning):
    """Words that a vocabulary lacks, which <unk> stands for."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Model(ABC, Spelt):
    """A model ready to predict: the spec it was trained by, and its vocabulary."""

    spec: RunSpec
    vocabulary: Vocabulary

    @property
    def key(self) -> str:
        """The key of the run that trained it."""
        return self.spec.key

    @property
    @abstractmethod
    def n_params(self) -> int:
        """Number of trained parameters; of counts, of stored n-grams."""

    @abstractmethod
    def predictions(self, ids: np.ndarray) -> Iterator[np.ndarray]:
        """Chunks (n, V) that hold, for each of the ids (N,) in order, the logits of the token after it and those before it.

        Of a text longer than its context, a network reads windows that move by half a context.
        """

    @abstractmethod
    def next_logits(self, ids: np.ndarray) -> np.ndarray:
        """Logits (V,) of the token after ids (n,), from as many of them as the model can read."""

    def next_probs(self, ids: np.ndarray) -> np.ndarray:
        """Probability (V,) of each token after ids (n,), as the model itself gives it: that they sum to one is to be checked."""
        return np.exp(log_softmax(self.next_logits(ids)[None]))[0]

    @abstractmethod
    def token_nlls(self, ids: np.ndarray, spec: RunSpec) -> np.ndarray:
        """NLL in nats of each of the ids (N,) in the range that the spec scores, by windows that move as it says."""

    @abstractmethod
    def predictor(self, ids: np.ndarray) -> "Predictor":
        """What gives the logits (V,) of the token after a text that begins with ids (n,) and grows from call to call."""

    def continued(self, ids: np.ndarray, sampling: "Sampling") -> Iterator[int]:
        """Tokens that continue ids (n,), without end; the same seed gives the same tokens."""
        with uninterrupted():
            from tinylm.evaluation import generate  # torch is loaded only where text is written

        return generate.stream(self.predictor(ids), ids, sampling)

    @public()
    def stream(
        self,
        prompt: str = "",
        temperature: float = 0.8,
        top_k: int = 0,
        seed: int = 0,
        top_p: float = 1.0,
        stop: str | Sequence[str] = (),
        length: int | None = None,
    ) -> Iterator[str]:
        """The texts of the tokens that continue a prompt, each drawn when it is asked for: `length` of them, without end unless given.

        Each is drawn from softmax(logits / temperature) of the `top_k` likeliest tokens (0: of all), and of these from the likeliest whose
        probabilities add up to `top_p`; temperature 0 takes the likeliest. The text ends before the first of the texts `stop` that it
        comes to. TinylmError for settings out of range, and for characters that the vocabulary lacks.
        """
        stops = arguments.texts("stop", stop)
        with uninterrupted():
            from tinylm.evaluation.generate import Sampling  # torch is loaded only where a model computes

        sampling = Sampling(temperature=temperature, top_k=top_k, seed=seed, top_p=top_p)
        pieces = itertools.islice(map(self.vocabulary.next_text, self.continued(self.encode(prompt), sampling)), length)
        return _stoppable(arguments.until(pieces, stops) if stops else pieces)

    @public()
    def generate(
        self,
        prompt: str = "",
        length: int = 200,
        temperature: float = 0.8,
        top_k: int = 0,
        seed: int = 0,
        top_p: float = 1.0,
        stop: str | Sequence[str] = (),
    ) -> Text:
        """The prompt and the `length` tokens that continue it, drawn as `stream` says; ModelError for a length that is not whole.

        The same call gives the same text; another `seed` gives another.
        """
        length = arguments.whole("length", length, 0)
        written: list[str] = []
        try:
            written.extend(self.stream(prompt, temperature, top_k, seed, top_p, stop, length))
        except KeyboardInterrupt:
            raise Stopped(f"stopped after {len(written)} of {length} tokens; so far: {prompt}{''.join(written)}") from None
        return Text(prompt + "".join(written))

    @public()
    def logits(self, text: str) -> np.ndarray:
        """Logits (n, V) of the token after each of the n tokens of a text; of counts, log probabilities.

        Of a text longer than a network's context, each is given half a context or more.
        """
        return np.concatenate(list(self.predictions(self._some(text))))

    @public()
    def top(self, text: str, k: int = 5) -> pd.DataFrame:
        """The `k` likeliest next tokens of a text, with their probabilities; all tokens where the vocabulary has fewer."""
        k = arguments.whole("k", k, 1)
        p = self.next_probs(self._some(text))
        best = np.argsort(-p, kind="stable")[:k]
        return pd.DataFrame({"token": [self.vocabulary.tokens[i] for i in best], "probability": p[best]})

    @public()
    def distribution(self, text: str) -> pd.Series:
        """The probability of every token as the next one of a text, by token; they sum to one."""
        return pd.Series(self.next_probs(self._some(text)), pd.Index(self.vocabulary.tokens, name="token"), name="probability")

    @public()
    def surprise(self, text: str) -> Surprise:
        """The negative log probability in nats of each token of a text, given those before it; NaN for the first, which has none.

        Of a text longer than a network's context, each token is given half a context or more.
        """
        ids = self._some(text)
        pieces = [self.vocabulary.decode(ids[:1]), *(self.vocabulary.next_text(int(token)) for token in ids[1:])]
        return Surprise(self.surprises(ids), pd.Index(pieces, name="token"), name="nats")

    def surprises(self, ids: np.ndarray) -> np.ndarray:
        """Nats (n,) of each of the ids (n,) given those before it, NaN for the first."""
        found, targets = [np.array([np.nan])], ids[1:].astype(np.int64)
        for chunk in self.predictions(ids[:-1]) if len(targets) else ():
            now, targets = targets[: len(chunk)], targets[len(chunk) :]
            found.append(-log_softmax(chunk)[np.arange(len(now)), now])
        return np.concatenate(found)[: len(ids)]

    @public()
    def score(self, text: str | Path | Corpus, split: str = "test", stride: int | None = None, context: int | None = None) -> TextScore:
        """The mean NLL of a text, of a file or of a split of a corpus, in nats per token, with its block standard error.

        A split is scored on the tokens of the model's record. The beginning of a text is context only, at most half of it and 256 tokens;
        `surprise` has every token. `stride` is how many tokens each window scores, `context` how many it reads; both are the run's unless
        given. A larger stride is faster, and gives tokens less context. TinylmError for a text of another vocabulary or one that is too
        short.
        """
        return scoring.score(self, text, split, stride, context)

    @public()
    def attention(self, text: str) -> "AttentionMaps":
        """The attention weights of each head of a Transformer that reads a text; ModelError for other models."""
        raise ModelError(f"only a Transformer has attention; the architecture of this model is {titles.architecture(self.spec.model)}")

    @public()
    def encode(self, text: str) -> np.ndarray:
        """The ids (n,) of a text; warns of words that <unk> stands for, DataError for characters that the vocabulary lacks."""
        ids = self.vocabulary.encode(arguments.text(text))
        if unknown := self.vocabulary.unknown(text):
            words = ", ".join(f"{word!r}" for word in list(unknown)[:5])
            message = f"{self.vocabulary.corpus} has no {words}; <unk> stands for {unknown.total():,}"
            warnings.warn(message, UnknownTokens, stacklevel=_outside())
        return ids

    @public()
    def decode(self, ids: np.ndarray) -> str:
        """The text of ids (n,), as `encode` gives them; DataError for what are no ids."""
        return self.vocabulary.decode(ids)

    def _some(self, text: str) -> np.ndarray:
        """The ids of a text that has some; ModelError for one that has none."""
        ids = self.encode(text)
        if not len(ids):
            raise ModelError("the text is empty; write one token or more")
        return ids

    @cached_property
    def size(self) -> str:
        """How large the model is, in words."""
        return shown.size(self.n_params, self.spec.is_counts)

    def __dir__(self) -> list[str]:
        return [name for name in super().__dir__() if name not in HELPERS]

    def __repr__(self) -> str:
        return f"Model({self.spec.model!r}: {self.vocabulary.corpus}, {self.size}, run {self.key})"

    def _repr_html_(self) -> str:
        facts = {"model": repr(self.spec.model), "size": self.size, "run": self.key}
        return shown.card(f"{titles.architecture(self.spec.model)} trained on {self.vocabulary.corpus}", facts, *self.parts())

    def parts(self) -> list[str]:
        """HTML of what the model consists of; nothing unless a kind of model says so."""
        return []


def _stoppable(pieces: Iterator[str]) -> Iterator[str]:
    """The pieces of a text; Ctrl-C between two of them is said in one line."""
    try:
        yield from pieces
    except KeyboardInterrupt:
        raise Stopped("stopped; the text so far is what was taken") from None


def _outside() -> int:
    """The stack level of the line that asks a model, for a warning that is given where this is called."""
    here, frame, level = (str(Path(__file__).parent), calls.__file__), sys._getframe(1), 1
    while frame.f_back and frame.f_code.co_filename.startswith(here):
        frame, level = frame.f_back, level + 1
    return level


def log_softmax(rows: np.ndarray) -> np.ndarray:
    """Logits (n, V) as log probabilities, in double precision."""
    shifted = rows.astype(np.float64) - rows.max(1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
