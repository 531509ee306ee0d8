"""Laws of loss against parameters and tokens, fitted to isoFLOP curves; the best size and the loss that they foresee. Needs no torch.

The law is L = E + (X^p + Y^p)^(1/p) with X = A / N^alpha and Y = B / D^beta, of N parameters and D training tokens. p is 1 in the
additive form (Hoffmann et al. 2022) and fitted in the joint one (Kaplan et al. 2020 have 1 / beta). Tokens beyond the first pass over U
unique ones count less: D = U + U R (1 - exp(-(passes - 1) / R)) (Muennighoff et al. 2023).
"""

import contextlib
import itertools
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from functools import lru_cache

import numpy as np
import pandas as pd
from scipy import optimize

from tinylm import data
from tinylm.analysis.summaries import Result
from tinylm.config import ConfigError
from tinylm.flops import n_params, run_cost
from tinylm.study import StudyError, scaling

HUBER = 3e-3  # residuals of log loss beyond it count in proportion, not squared
FORMS = {"additive": False, "joint": True}  # whether p is fitted
STARTS = [(end, slope) for end in (0.3, 0.6, 0.9) for slope in (0.2, 0.4, 0.8)]  # E over the lowest loss; alpha and beta
LOW, HIGH = (-6.0, -20.0, 0.01, -20.0, 0.01, -3.0, -2.0), (3.0, 40.0, 3.0, 40.0, 3.0, 3.0, 6.0)  # bounds of the values of a law
WIDTHS = range(8, 641, 8)  # among which the best one is looked for
RESAMPLES, SEED = 200, 0
LEAST_BUDGETS = 3  # that a law is fitted to
INTERVAL = (0.05, 0.95)


@dataclass(frozen=True)
class Points:
    """Runs of one text, depth and context as arrays (n,): budget in FLOPs, parameters, training tokens and valid NLL."""

    corpus: str
    n_layer: int
    context_length: int
    budget: np.ndarray
    n_params: np.ndarray
    tokens: np.ndarray
    nll: np.ndarray

    def __len__(self) -> int:
        return len(self.nll)

    @property
    def unique(self) -> int:
        """Tokens of the training text."""
        return data.info(self.corpus).n_tokens["train"]

    @property
    def is_repeated(self) -> bool:
        """Whether some run reads its text more than once."""
        return bool((self.tokens > self.unique).any())

    def at(self, chosen: np.ndarray) -> "Points":
        """Those of a mask (n,)."""
        arrays = {name: getattr(self, name)[chosen] for name in ("budget", "n_params", "tokens", "nll")}
        return replace(self, **arrays)


@dataclass(frozen=True)
class Law:
    """Its values: logarithms of E, A, alpha itself, log B, beta, log p and log R."""

    form: str
    values: tuple[float, ...]

    def __call__(self, n_params: np.ndarray, tokens: np.ndarray, unique: float) -> np.ndarray:
        """The NLL (n,) of sizes (n,) trained on tokens (n,)."""
        return _loss(np.array(self.values), np.log(n_params), np.log(reused(tokens, unique, math.exp(self.values[-1]))))


def points(results: Iterable[Result]) -> Points:
    """The finished runs of one text, depth and context; StudyError for those of several."""
    kept = [result for result in results if result.record.valid is not None]
    shapes = {(one.run.spec.corpus, one.run.spec.model.n_layer, one.run.spec.model.context_length) for one in kept}
    if len(shapes) != 1:
        raise StudyError(f"a law is fitted to runs of one text, depth and context, got {len(shapes)} of these")
    rows = [(one.run.budget, one.record.n_params, one.record.tokens_seen, one.record.valid.nll) for one in kept]
    return Points(*shapes.pop(), *np.array(rows, float).T)


def reused(tokens: np.ndarray, unique: float, worth: float) -> np.ndarray:
    """What training tokens (n,) are worth in new ones; `worth` is R, the most passes beyond the first that count."""
    passes = np.asarray(tokens) / unique
    return np.where(passes <= 1, tokens, unique * (1 + worth * -np.expm1(-np.maximum(passes - 1, 0) / worth)))


def fit(found: Points, form: str = "additive") -> Law:
    """The law that is nearest to the runs by Huber's loss on the logarithm of the NLL, the best of many starts."""
    return min((_fitted(found, form, _start(found, *start)) for start in STARTS), key=lambda one: one[0])[1]


def _fitted(found: Points, form: str, start: np.ndarray) -> tuple[float, Law]:
    """What remains of the loss, and the law, from one start."""
    free = _free(found, form)
    log_n, log_nll = np.log(found.n_params), np.log(found.nll)

    def law(chosen: np.ndarray) -> np.ndarray:
        values = start.copy()
        values[free] = chosen
        return values

    def residuals(chosen: np.ndarray) -> np.ndarray:
        values = law(chosen)
        return np.log(_loss(values, log_n, np.log(reused(found.tokens, found.unique, math.exp(values[-1]))))) - log_nll

    low, high = np.array(LOW)[free], np.array(HIGH)[free]
    outcome = optimize.least_squares(residuals, np.clip(start[free], low, high), bounds=(low, high), loss="huber", f_scale=HUBER)
    return outcome.cost, Law(form, tuple(law(outcome.x)))


def _free(found: Points, form: str) -> np.ndarray:
    """Which values of a law (7,) are fitted: p where the form has it, R where text is repeated."""
    return np.array([True] * 5 + [FORMS[form], found.is_repeated])


def _start(found: Points, end: float, slope: float) -> np.ndarray:
    """Values (7,) whose E is so much of the lowest loss, and whose two terms share what is left in the middle of the runs."""
    least = found.nll.min() * end
    left = math.log((np.median(found.nll) - least) / 2)
    scales = [left + slope * np.log(values).mean() for values in (found.n_params, found.tokens)]
    return np.array([math.log(least), scales[0], slope, scales[1], slope, 0.0, 2.0])


def _loss(values: np.ndarray, log_n: np.ndarray, log_d: np.ndarray) -> np.ndarray:
    """E plus the two terms, joined with the power p."""
    p = math.exp(values[5])
    terms = np.logaddexp(p * (values[1] - values[2] * log_n), p * (values[3] - values[4] * log_d)) / p
    return np.exp(values[0]) + np.exp(terms)


def resampled(found: Points, law: Law, n: int = RESAMPLES) -> tuple[list[Law], np.ndarray]:
    """Laws fitted to the law's own losses with residuals drawn anew, and those residuals (m,) of log NLL, widened for what was fitted."""
    rng = np.random.default_rng(SEED)
    expected = law(found.n_params, found.tokens, found.unique)
    spread = math.sqrt(len(found) / max(1, len(found) - _free(found, law.form).sum()))
    residuals = np.log(found.nll / expected) * spread
    drawn = [replace(found, nll=expected * np.exp(rng.choice(residuals, len(found)))) for _ in range(n)]
    return [_fitted(points, law.form, np.array(law.values))[1] for points in drawn], residuals


@dataclass(frozen=True)
class Best:
    """The best width at a budget by a law, with its parameters, tokens and NLL."""

    width: int
    n_params: int
    tokens: int
    nll: float


def foreseen(law: Law, found: Points, flops: int) -> Best:
    """What a law of the runs says of a budget."""
    grid = sizes(found.corpus, flops, found.n_layer, found.context_length)
    width, n_params, tokens = grid[:, np.argmin(law(grid[1], grid[2], found.unique))]
    return Best(int(width), int(n_params), int(tokens), float(law(n_params, tokens, found.unique)))


def growth(law: Law, found: Points) -> float:
    """The power of the budget that the law's best number of parameters grows with, over the budgets of the runs, between widths too."""
    budgets = np.unique(found.budget)
    return _slope([(budget, _lowest_between(law, found, int(budget))) for budget in budgets])


def _slope(sizes_at: list[tuple[float, float]]) -> float:
    """The slope of log size over log budget; NaN below two of them."""
    if len(sizes_at) < 2:
        return math.nan
    budgets, sizes_there = np.log(sizes_at).T
    return float(np.polyfit(budgets, sizes_there, 1)[0])


def _lowest_between(law: Law, found: Points, flops: int) -> float:
    """The parameters where the parabola through the law's best width and its neighbours is lowest."""
    _, n_params, tokens = sizes(found.corpus, flops, found.n_layer, found.context_length)
    nlls = law(n_params, tokens, found.unique)
    at = int(np.clip(np.argmin(nlls), 1, len(nlls) - 2))
    square, slope, _ = np.polyfit(np.log(n_params[at - 1 : at + 2]), nlls[at - 1 : at + 2], 2)
    return math.exp(-slope / (2 * square)) if square > 0 else float(n_params[np.argmin(nlls)])


@dataclass(frozen=True)
class Forecast(Best):
    """With the 90 % intervals of NLL and width."""

    low: float
    high: float
    low_width: int
    high_width: int


def forecast(found: Points, flops: int, form: str = "additive") -> Forecast:
    """What the law of the runs foresees at a budget; its interval holds the law's uncertainty and one run's noise, not that of the form."""
    law = fit(found, form)
    laws, residuals = resampled(found, law)
    at = foreseen(law, found, flops)
    noise = np.random.default_rng(SEED).choice(residuals, len(laws))
    nlls = np.array([float(one(at.n_params, at.tokens, found.unique)) for one in laws]) * np.exp(noise)
    widths = [foreseen(one, found, flops).width for one in laws]
    low, high = np.quantile(nlls, INTERVAL)
    low_width, high_width = np.quantile(widths, INTERVAL)
    return Forecast(**asdict(at), low=float(low), high=float(high), low_width=int(low_width), high_width=int(high_width))


@lru_cache
def sizes(corpus: str, flops: int, n_layer: int, context_length: int) -> np.ndarray:
    """WIDTHS that a budget pays some steps of, with their parameters and tokens: (3, n)."""
    about = data.info(corpus)
    rows = []
    for width in WIDTHS:
        spec = scaling.spec(corpus, flops, width, n_layer, context_length)
        with contextlib.suppress(ConfigError):  # not one step
            rows.append((width, n_params(spec.model, about.vocab_size), run_cost(spec, about).tokens_seen))
    return np.array(rows, float).T


@dataclass(frozen=True)
class Curve:
    """The parabola of an isoFLOP curve over log parameters: the parameters and the NLL of its lowest point; NaN where it has none."""

    budget: int
    n_params: float
    nll: float


def parabolas(found: Points) -> list[Curve]:
    """The lowest point of each budget's parabola (Hoffmann et al. 2022, approach 2)."""
    curves = []
    for budget in np.unique(found.budget):
        at = found.at(found.budget == budget)
        if len(np.unique(at.n_params)) < 3:
            continue
        square, slope, level = np.polyfit(np.log(at.n_params), at.nll, 2)
        lowest = -slope / (2 * square) if square > 0 else math.nan
        curves.append(Curve(int(budget), math.exp(lowest), level + slope * lowest + square * lowest**2))
    return curves


def growth_of_parabolas(found: Points) -> float:
    """The power of the budget that the lowest points of the parabolas grow with, those among the sizes tried; NaN below two of them."""
    kept = []
    for curve in parabolas(found):
        tried = found.n_params[found.budget == curve.budget]
        if tried.min() <= curve.n_params <= tried.max():
            kept.append((curve.budget, curve.n_params))
    return _slope(kept)


def held_out(found: Points, forms: Iterable[str] = FORMS) -> pd.DataFrame:
    """How well each form foresees each budget from the smaller ones:  `miss` and `bias` in per cent of the NLL."""
    rows = []
    budgets = np.unique(found.budget)
    for form, budget in itertools.product(forms, budgets[LEAST_BUDGETS:]):
        law, ahead = fit(found.at(found.budget < budget), form), found.at(found.budget == budget)
        gaps = np.log(law(ahead.n_params, ahead.tokens, found.unique) / ahead.nll)
        rows.append((form, int(budget), len(ahead), 100 * np.abs(gaps).mean(), 100 * gaps.mean()))
    return pd.DataFrame(rows, columns=["form", "budget", "n", "miss", "bias"])
