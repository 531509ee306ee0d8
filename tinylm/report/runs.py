"""Runs in a user's hands: each with its model, its curve and its cost; compared with each other and with recorded ones."""

import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias, overload

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from tinylm import data, ledger, study
from tinylm.analysis import frames, significance, summaries
from tinylm.analysis.summaries import Result
from tinylm.config import TinylmError, serialise, shown
from tinylm.config.calls import public
from tinylm.config.errors import MissingName, Spelt, nearest
from tinylm.config.interrupts import uninterrupted
from tinylm.evaluation import counts, pretrained
from tinylm.ledger import RunRecord
from tinylm.report import display, plots
from tinylm.study import Planned, costs
from tinylm.study.costs import Cost

if TYPE_CHECKING:
    from tinylm.evaluation.model import Model

DERIVED = ("train.eval_", "train.n_evals")  # settings that a protocol takes from the others
MOST_DRAWN = 40  # runs in one figure, seeds apart: more are neither told apart nor drawn in seconds
FEW_SCORED = 2_000  # tokens of test, of which an interval is wide
GIVE = "give what tl.train returned, a recorded run's name or key, or rows of tl.runs"


class RunError(TinylmError):
    """A run that is not recorded, or that has no weights here."""


class MissingRun(RunError, IndexError):
    """A place that no run has."""


@dataclass(frozen=True, repr=False)
class Run(Result, Spelt):
    """A finished run: its plan (`run`), its record, its model, curve and cost. NLLs are in nats per token, NaN where it diverged."""

    @cached_property
    def history(self) -> pd.DataFrame:
        """A row for each validation: step, tokens_seen, flops, seconds, train and valid NLL; the seconds of older records are not known."""
        curve = pd.DataFrame(self.record.curve, columns=["step", "tokens_seen", "flops", "train_nll", "valid_nll"])
        seconds = self.record.curve_seconds or [float("nan")] * len(curve)
        curve.insert(3, "seconds", pd.Series(seconds, dtype=float))
        return curve

    @property
    def key(self) -> str:
        """The 16 hex digits that the run is recorded under."""
        return self.record.spec.key

    @property
    def test_nll(self) -> float:
        """Mean NLL of the scored tokens of test, by the weights that were best on valid."""
        return self.record.test.nll if self.record.test else float("nan")

    @property
    def valid_nll(self) -> float:
        """Mean NLL of the scored tokens of valid, the best of the validations."""
        return self.record.valid.nll if self.record.valid else float("nan")

    @property
    def diverged(self) -> str:
        """Where the run diverged and what to do, as words; empty where it did not."""
        return self.record.diverged

    @cached_property
    def cost(self) -> Cost:
        """What the run cost, part by part and under four conventions."""
        return costs.cost(self.run)

    @cached_property
    def model(self) -> "Model":
        """The trained model; RunError where its weights are not here."""
        spec = self.record.spec
        if self.record.status == "diverged":
            raise RunError(f"{self.run.title} has no model: {self.diverged}")
        path = pretrained.at_hand().get(spec.key)
        if path is None and spec.is_counts:
            return counts.fit(spec, data.load(spec.corpus))
        if path is None:
            again = f"the same tl.train trains it again, and so does: python -m tinylm train --run {spec.key}"
            raise RunError(f"the weights of {self.run.title} are not here; {again}")
        with uninterrupted():
            from tinylm.evaluation import weights  # torch is loaded only where a model computes

        return weights.open_file(path, {spec.key: self.record})

    @public()
    def plot(self, against: str = "flops") -> Figure:
        """The valid NLL of each validation against `flops`, `step` or `tokens_seen`."""
        return plot(self, against=against)

    def __repr__(self) -> str:
        record = self.record
        scores = f"test NLL {record.test}" if record.test else record.status
        name, spent = f"{self.run.name} on {data.called(record.spec.corpus)}, seed {record.spec.seed}", shown.duration(record.seconds)
        return f"Run({name}: {scores}, {', '.join(_effort(record).values())}, {spent}, {record.spec.key})"

    def _repr_html_(self) -> str:
        record = self.record
        facts = {} if record.test else {"status": record.status}
        for score in filter(None, (record.test, record.valid)):
            error = f"{score.nll:.4f} ± {score.se:.4f} nats per token"
            facts[f"{score.split} NLL"] = f"{error} (block standard error), on {score.n_tokens:,} tokens"
        facts |= _effort(record) | {"time": shown.duration(record.seconds)} | _settings(record)
        facts |= {"seed": f"{record.spec.seed}", "key": record.spec.key}
        return shown.card(f"{self.run.name} on {data.called(record.spec.corpus)}", facts, *_small_curve([self]))


def _settings(record: RunRecord) -> dict[str, str]:
    """What was trained and how; counts are not trained."""
    model, train = record.spec.model, record.spec.train.settings()
    return {"model": repr(model)} | ({} if record.spec.is_counts else {"training": train})


def _effort(record: RunRecord) -> dict[str, str]:
    """How large the model is and what its training took; counts take no FLOPs."""
    size = {"size": shown.size(record.n_params, record.spec.is_counts)}
    return size if record.spec.is_counts else size | {"cost": f"{shown.short(record.flops)} FLOPs, {shown.amount(record.steps, 'step')}"}


class Seeds(Sequence[Run], Spelt):
    """Runs that differ in their seed alone; in means over them, those that diverged are left out."""

    def __init__(self, runs: Iterable[Run] = ()) -> None:
        self._runs = tuple(runs)

    def __len__(self) -> int:
        return len(self._runs)

    @overload
    def __getitem__(self, index: int) -> Run: ...

    @overload
    def __getitem__(self, index: slice) -> "Seeds": ...

    def __getitem__(self, index: int | slice) -> "Run | Seeds":
        if isinstance(index, slice):
            return Seeds(self._runs[index])
        try:
            return self._runs[index]
        except IndexError:
            raise MissingRun(f"there is no run {index}: these are {shown.amount(len(self), 'run')}, counted from 0") from None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Seeds) and self._runs == other._runs

    def __dir__(self) -> list[str]:
        return [name for name in super().__dir__() if name not in ("count", "index")]

    @property
    def frame(self) -> pd.DataFrame:
        """One row for each run, as in `tl.runs`."""
        return frames.frame(self)

    @property
    def test_nll(self) -> float:
        """Mean test NLL over the seeds."""
        return float(self.frame["test_nll"].mean())

    @property
    def valid_nll(self) -> float:
        """Mean valid NLL over the seeds."""
        return float(self.frame["valid_nll"].mean())

    @property
    def seed_sd(self) -> float:
        """Standard deviation of the test NLL over the seeds, NaN below two."""
        return float(self.frame["test_nll"].std())

    @public()
    def plot(self, against: str = "flops") -> Figure:
        """The valid NLL of each validation, one line for each seed."""
        return plot(self, against=against)

    def __repr__(self) -> str:
        return f"Seeds({f'{self._called()}: {self._scores()}' if self else 'no runs'})"

    def _repr_html_(self) -> str:
        if not self:
            return html.escape(repr(self))
        facts = {"mean": f"{self._scores()}, in nats per token"} | _effort(self[0].record) | _settings(self[0].record)
        rows = [
            [f"{spec.seed}", f"{run.valid_nll:.4f}", f"{run.test_nll:.4f}", shown.duration(run.record.seconds), spec.key]
            for run in self
            for spec in [run.record.spec]
        ]
        by_seed = shown.table(["seed", "valid NLL", "test NLL", "time", "key"], rows)
        return shown.card(self._called(), facts, by_seed, *_small_curve(self))

    def __getattr__(self, name: str) -> Any:
        """What a run has and several have not is asked of one of them."""
        if hasattr(Run, name):
            raise MissingName(f"these are {shown.amount(len(self), 'run')}; ask one of them: runs[0].{name}")
        super().__getattr__(name)

    def _called(self) -> str:
        return f"{shown.amount(len(self), 'run')} of {self[0].run.name} on {data.called(self[0].record.spec.corpus)}"

    def _scores(self) -> str:
        """The mean over seeds and, of two or more, their spread."""
        nlls = self.frame["test_nll"].dropna()
        if nlls.empty:
            return "all diverged"
        spread = len(nlls) > 1 and not self[0].record.spec.is_counts  # counting has no randomness
        scores = f"test NLL {nlls.mean():.4f}" + (f", seed SD {nlls.std():.4f}" if spread else "")
        return scores + (f", without {lost} of {len(self)} runs, which diverged" if (lost := _n_diverged(self)) else "")


def _n_diverged(found: Iterable[Run]) -> int:
    return sum(run.record.status == "diverged" for run in found)


Runs: TypeAlias = Run | Seeds | str | pd.DataFrame


def recorded(name: str) -> Seeds:
    """The recorded runs of a key or its beginning, or of [SECTION/]NAME[@SEED]: those of the first row that the name may mean.

    RunError where there is none.
    """
    known = frames.recorded()
    name = name if study.named(name, [result.run for result in known]) else pretrained.key(name)
    by_key = [result for result in known if result.record.spec.key.startswith(name)] if len(name) >= 4 else []
    named = study.named(name, [result.run for result in known])
    rows = {result.run.row for result in by_key} or {run.row for run in named[:1]}
    keys = {result.record.spec.key for result in by_key} or {run.spec.key for run in named if run.row in rows}
    if not keys:
        raise RunError(f"no recorded run is called {name!r}; {_what_there_is(name, [result.run for result in known])}")
    return Seeds(Run(result.run, result.record) for result in known if result.record.spec.key in keys)


def _what_there_is(name: str, known: Sequence[Planned]) -> str:
    """The seeds of the row that a name means, or the nearest name, or where the names are."""
    row, _, seed = name.partition("@")
    if seed and (seeds := sorted({run.spec.seed for run in study.named(row, known)})):
        return f"{row} has the seeds {', '.join(map(str, seeds))}"
    near = nearest(row, {called for run in known for called in (run.name, f"{run.section}/{run.name}")})
    return (f"did you mean {near!r}? " if near else "") + "tl.runs() has the names, in its columns section and name, and the keys"


def several(*found: Runs) -> list[Run]:
    """The runs that are meant: of runs, of lists of them, of names and keys of recorded ones, and of the rows of `tl.runs`."""
    return [run for one in found for run in _each(one)]


def _each(found: Any) -> Iterable[Run]:
    if isinstance(found, Result):
        return [found if isinstance(found, Run) else Run(found.run, found.record)]
    if isinstance(found, str):
        return recorded(found)
    if isinstance(found, pd.DataFrame | pd.Series):
        return _of_rows(found.index if isinstance(found, pd.DataFrame) else [found.name])
    if isinstance(found, Iterable):
        return several(*found)
    raise RunError(f"an object of type {type(found).__name__} is no run; {GIVE}")


def _of_rows(keys: Iterable[Any]) -> list[Run]:
    """The runs of rows of `tl.runs`, which their keys name."""
    by_key = {result.record.spec.key: result for result in frames.recorded(with_searches=True)}
    found = list(keys)
    for key in found:
        if key not in by_key:
            raise RunError(f"{key!r} is no key of a recorded run; give rows of tl.runs, whose index has the keys")
    return [Run(by_key[key].run, by_key[key].record) for key in found]


def _some(*found: Runs) -> list[Run]:
    """`several`, of which there is at least one."""
    runs = several(*found)
    if not runs:
        raise RunError(f"no run is given; {GIVE}")
    return runs


@public()
def plot(*found: Runs, against: str = "flops", loss: str = "valid_nll") -> Figure:
    """The curves of runs in one figure: the `loss`, valid_nll or train_nll, against flops, step or tokens_seen. Counts are dashed lines.

    Give what `train` returned, names ([SECTION/]NAME[@SEED]) or keys of recorded runs, or rows of `runs`.

    >>> plot("control/MLP", "control/KN-4").axes[0].get_ylabel()
    'valid NLL (nats per token)'
    """
    several = _some(*found)
    if (n_rows := len({run.run.row for run in several})) > MOST_DRAWN:
        raise RunError(f"{n_rows:,} runs are too many for one figure; draw at most {MOST_DRAWN}, such as tl.plot(tl.runs(...).head(10))")
    fig, points = plots.run_curves([summaries.called(name, run) for run, name in zip(several, _names(several), strict=True)], against, loss)
    plt.close(fig)  # the notebook shows what a cell returns; pyplot would show it a second time
    lost = _n_diverged(several)
    if not points:
        why = "every run diverged before its first validation; lower lr" if lost else "counts are not trained, and have no train NLL"
        raise RunError(f"there is nothing to draw: {why}")
    if lost:
        fig.axes[0].set_title(f"{lost} of {len(several)} runs diverged", loc="right", fontsize="small")
    return fig


def _names(found: Sequence[Run]) -> list[str]:
    """What to call each run beside the others: where two rows have one name by section or by what differs, and by corpus."""
    rows: dict[tuple[str, str], list[Planned]] = {}
    for row in dict.fromkeys(run.run.row for run in found):
        rows.setdefault((row.name, row.spec.corpus), []).append(row)
    apart = {row: name for alike in rows.values() for row, name in zip(alike, _told_apart(alike), strict=True)}
    has_several = len({row.spec.corpus for row in apart}) > 1
    return [apart[run.run.row] + (f" on {run.record.spec.corpus}" if has_several else "") for run in found]


def _told_apart(rows: Sequence[Planned]) -> list[str]:
    """Names of rows that have one name: as it is of one row, with the sections where these differ, else with the settings that do."""
    name = rows[0].name
    if len(rows) == 1:
        return [name]
    if len({row.section for row in rows}) == len(rows):
        return [f"{row.section}/{name}" for row in rows]
    settings = [ledger.flatten(serialise.to_dict(row.spec)) for row in rows]
    differ = [field for field in dict.fromkeys(f for one in settings for f in one) if len({str(one.get(field)) for one in settings}) > 1]
    chosen = [field for field in differ if not field.startswith(DERIVED)] or differ
    return [", ".join([name, *(f"{field.split('.')[-1]}={one.get(field)}" for field in chosen)]) for one in settings]


def _small_curve(found: Sequence[Run]) -> list[str]:
    """A picture of the curves as HTML; none where no curve has two points."""
    if max(len(run.record.curve) for run in found) < 2:
        return []
    fig = plot(*found)
    fig.set_size_inches(4.2, 2.4)
    for legend in fig.legends:  # the card says what the lines are
        legend.remove()
    return [display.picture(fig, f"valid NLL of {found[0].run.name} against training FLOPs")]


@dataclass(frozen=True, repr=False)
class Comparison:
    """Test NLL of one run minus that of another, in nats per token, with its 95 % interval; negative: the first is better."""

    first: str
    second: str
    estimate: significance.Estimate
    n_tokens: int
    seeds: str  # those that are compared, and what the interval is of
    n_diverged: int = 0  # runs that have no score, and are left out
    remedy: str = ""  # what makes the interval narrower, where a protocol left tokens out

    @property
    def difference(self) -> float:
        """The mean difference."""
        return self.estimate.mean

    @property
    def interval(self) -> tuple[float, float]:
        """Its 95 % interval."""
        return self.estimate.interval()

    def __repr__(self) -> str:
        low, high = self.interval
        known = f"95 % interval {low:+.4f} to {high:+.4f}" if low == low else "no interval, which needs two blocks of scored text"
        lost = f"; {self.n_diverged} that diverged left out" if self.n_diverged else ""
        return (
            f"{self.first} minus {self.second}: {self.difference:+.4f} nats per token, {known} "
            f"({self.seeds}; {self.n_tokens:,} tokens of test{lost})"
            f"{self.remedy}"
        )


@public()
def compare(first: Runs, second: Runs) -> Comparison:
    """The test NLL of the first minus that of the second in nats per token, with its 95 % interval; below zero the first is better.

    Only tokens that both have scored count, from the same first one on; runs that diverged are left out, and said. Runs with the same
    seeds, two or more, are paired by seed, and the interval holds the spread of the seeds and the error of the text. A single run is
    compared with the same seed of the other, or else with the mean of its seeds, and the interval holds the error of the text alone.
    Runs are given as to `plot`. TinylmError for runs that share no scored text.

    >>> round(compare("control/KN-6", "control/KN-4").difference, 4)
    -0.068
    """
    a, b = (_some(found) for found in (first, second))
    records = significance.matched(*(_scored_seeds(found) for found in (a, b)))
    names = _names([a[0], b[0]])
    common, _ = summaries.on_common_tokens(*records)
    estimate = significance.compared(*records)
    return Comparison(
        *names, estimate, common[0].test.n_tokens, _compared_seeds(estimate, *records), _n_diverged([*a, *b]), _more_tokens(records, names)
    )


def _more_tokens(rows: Sequence[Sequence[RunRecord]], names: Sequence[str]) -> str:
    """How a side that is scored on few tokens, because a protocol left some out, gets more of them."""
    few = [
        name
        for (record, *_), name in zip(rows, names, strict=True)
        if record.test and record.test.n_tokens < FEW_SCORED and record.spec.train.eval_tokens
    ]
    return f"; a narrower interval takes more tokens: tl.train(..., protocol='full') for {' and '.join(few)}" if few else ""


def _compared_seeds(estimate: significance.Estimate, *rows: Sequence[RunRecord]) -> str:
    """Which seeds a comparison is of, and what its interval holds."""
    if estimate.test != significance.TEXT_ALONE:
        return f"{estimate.n} seeds, {estimate.test}, with the text's error"
    seeds = [[record.spec.seed for record in row] for row in rows if not row[0].spec.is_counts]
    if any(len(row) > 1 for row in seeds):
        which = " against ".join(f"the mean of {len(row)} seeds" if len(row) > 1 else f"seed {row[0]}" for row in seeds)
    else:
        which = " against ".join(f"seed {seed}" for seed in dict.fromkeys(row[0] for row in seeds)) or "counts"
    return f"{which}: the text's error alone"


def _scored_seeds(found: Sequence[Run]) -> list[RunRecord]:
    """The records with a test score of runs of one kind; RunError where they differ in more than their seed, or none has a score."""
    kind = replace(found[0].record.spec, seed=0)
    for run in found:
        if replace(run.record.spec, seed=0) != kind:
            names = " and ".join(f"{one.run.title} ({one.record.spec.key})" for one in (found[0], run))
            raise RunError(f"the runs of one side may differ in their seed alone, and {names} differ in more; compare them one by one")
    scored = [run.record for run in found if run.record.test is not None]
    if not scored:
        if _n_diverged(found) == len(found) > 1:
            raise RunError(f"{found[0].run.name} has no test NLL to compare: all {len(found)} runs diverged; lower lr")
        why = f"{found[0].diverged}" if found[0].diverged else "it is of a search, which scores valid only"
        raise RunError(f"{found[0].run.title} has no test NLL to compare: {why}")
    return scored
