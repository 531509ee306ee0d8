"""Records -> the answers of the sections on techniques of large models and on regularisation."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from tinylm.analysis import families, summaries, techniques
from tinylm.analysis.families import CLEAR
from tinylm.analysis.numbers import interval, power, signed
from tinylm.analysis.summaries import Result
from tinylm.report import sentences
from tinylm.report.answers.phrases import mean_nll, say
from tinylm.report.sentences.phrases import listed, on_each, seeds_of, tested_at
from tinylm.study import Planned, select, titles

LOWER = ("lowers the test NLL", "lower the test NLL")  # for one, and for several


def transfer(found: Sequence[Result], planned: Sequence[Planned] = ()) -> str:
    """What clearly gains on all texts, how many techniques gain and lose on each, and what gains at the largest budget.

    Each text at its largest budget of those with most gains known. Says which of the planned runs are not recorded.
    """
    rows, largest = techniques.tested(found), techniques.tested(select(found, role="largest"))
    more = f"of {_number(largest)} that were tried with more FLOPs {_together(largest, LOWER)}" if largest else ""
    return say(*_clear_gains(rows), more, _not_recorded(found, planned))


def _number(rows: Mapping[str, pd.DataFrame]) -> int:
    return max(map(len, rows.values()))


def _together(rows: Mapping[str, pd.DataFrame], verbs: Sequence[str]) -> str:
    """What clearly gains on all texts, or on all where anything does, with the verb for one or for several; which of it loses elsewhere."""
    helpful, harmful = ({name: list(techniques.clear(of, sign)) for name, of in rows.items()} for sign in (1, -1))
    told = [name for name, names in helpful.items() if names] or [*helpful]
    shared = [one for one in helpful[told[0]] if all(one in helpful[name] for name in told)]
    others = [name for name in helpful if name not in told] if shared else []
    at = f"({tested_at(rows)})"
    if not shared and len(helpful) > 1:
        return f"none clearly {verbs[0]} on all of {listed([*helpful])} {at}"
    said = f"{listed(shared) or 'none'} clearly {verbs[len(shared) > 1]} on {listed(told)}"
    losing = [one for one in shared if any(one in harmful[name] for name in others)]
    where = f", where {listed(losing)} clearly {'lose' if len(losing) > 1 else 'loses'}" if losing else ""
    return said + (f", none on {listed(others)}{where}" if others else "") + f" {at}"


def carried_over(found: Sequence[Result]) -> str:
    """Which techniques of large models clearly gain on all texts where any does; a sentence of the abstract."""
    rows = techniques.tested(found)
    return f"Of {_number(rows)} techniques of large models {_together(rows, ('helps', 'help'))}." if rows else ""


def _clear_gains(rows: Mapping[str, pd.DataFrame]) -> Iterator[str]:
    """What the gains on each text say."""
    if not rows:
        return
    yield f"of {_number(rows)} techniques, each at its own learning rate, {_together(rows, LOWER)}"
    better, worse = ({name: len(techniques.clear(of, sign)) for name, of in rows.items()} for sign in (1, -1))
    yield f"clearly better are {_counted_on(better)}; clearly worse {_counted_on(worse)}"
    alone = sum(families.clear_alone(of[of["gain"] > 0]) for of in rows.values())
    yield f"by the spread of its own seeds alone {alone} of the {sum(better.values())} better {'is' if alone == 1 else 'are'} clear"


def _counted_on(numbers: Mapping[str, int]) -> str:
    return listed([f"{number or 'none'} on {name}" for name, number in numbers.items()])


def regularisation(found: Sequence[Result], studied: Sequence[Result] = (), planned: Sequence[Planned] = ()) -> str:
    """What the changes that were kept bring at the larger budget, what helps on every text at the smaller one, how counts do, and when
    the valid NLL is lowest, beside `studied`, the study's own runs. Says which of the planned runs are not recorded.
    """
    tried, kept = (select(found, role=role) for role in techniques.ROLES)
    plain = select(tried, rung=techniques.BASELINE.name)
    missing = _not_recorded([*tried, *kept], select(planned, role=list(techniques.ROLES)))
    counted = _counted(select(found, role="counts"), plain)
    lowest = _minima([plain, select(kept, rung=techniques.BASELINE.name)], studied)
    return say(_confirmed(kept), sentences.on_every_text(tried), counted, lowest, missing)


def _counted(counts: Sequence[Result], plain: Sequence[Result]) -> str:
    """How far the test NLL of counts of the same words is from the plain Transformer's."""
    nets = {records[0].spec.corpus: mean_nll(records) for records in summaries.by_row(plain).values()}
    beside = [one for one in counts if one.run.spec.corpus in nets]
    gaps = [one.record.test.nll - nets[one.run.spec.corpus] for one in beside]
    told = [f"{signed(gap, 3)} on {titles.corpus(one.run.spec.corpus)}" for gap, one in zip(gaps, beside, strict=True)]
    if not told:
        return ""
    which = f"counts of the same words ({beside[0].run.spec.model.title})"
    return f"the test NLL of {which} minus that of the plain Transformer of this budget is {listed(told)}"


def _confirmed(kept: Sequence[Result]) -> str:
    """What the changes that went to the larger budget bring there, most first."""
    rows, texts = techniques.gains(kept), techniques.texts(kept)
    order = rows.groupby("technique")["gain"].mean().sort_values(ascending=False)
    told = []
    for name in order.index:
        on = [
            f"{interval(one.gain, one.low, one.high, plus='')}{'' if one.verdict == CLEAR else ' (open)'} on {texts[one.corpus]}"
            for one in rows[rows["technique"] == name].itertuples()
        ]
        told.append(f"{name} by {listed(on)}")
    at = f"with {power(rows['budget'].max())} FLOPs (n = {seeds_of(rows)})" if told else ""
    return f"{at} the plain Transformer's test NLL falls, in nats, with {'; with '.join(told)}" if told else ""


def _minima(plain: Sequence[Sequence[Result]], studied: Sequence[Result]) -> str:
    """After which pass the valid NLL is lowest in the runs of the plain Transformer, by budget, and in the study's."""
    ours = [f"{_lowest(runs)} ({power(runs[0].run.budget)} FLOPs)" for runs in plain if runs]
    beside = f", in the study's runs after {_lowest(studied)}" if studied else ""
    return f"the plain Transformer's valid NLL is lowest after pass {', after '.join(ours)}{beside}" if ours else ""


def _lowest(runs: Sequence[Result]) -> str:
    """After which pass, of how many, the valid NLL is lowest on each text."""
    return on_each(
        [(f"{row.best_pass:.0f} of {row.passes:.0f}", titles.corpus(row.corpus)) for row in techniques.minima(runs).itertuples()]
    )


def _not_recorded(found: Sequence[Result], planned: Sequence[Planned]) -> str:
    """The planned budgets of which runs are missing, and what follows where fewer than two have any."""
    numbers, recorded = Counter(run.budget for run in planned), Counter(one.run.budget for one in found)
    none = [power(budget) for budget in sorted(numbers) if not recorded[budget]]
    some = [f"{recorded[b]:,} of {numbers[b]:,} at {power(b)}" for b in sorted(numbers) if 0 < recorded[b] < numbers[b]]
    told = [f"no run at {' or '.join(none)} FLOPs is recorded yet"] if none else []
    told += [f"of the planned runs {listed(some)} FLOPs are recorded"] if some else []
    alone = ["with one seed no difference can be tested"] if found and max(Counter(one.run.row for one in found).values()) == 1 else []
    alone += ["with one budget whether a gain grows with the budget is not known"] if len(recorded) == 1 else []
    return "; ".join([*alone, *told])
