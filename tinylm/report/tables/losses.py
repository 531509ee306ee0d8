"""Records -> tables of losses."""

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from tinylm import data
from tinylm.analysis import agreement, significance, summaries
from tinylm.analysis.numbers import NONE, amount, perplexity, signed, spread
from tinylm.analysis.summaries import Result
from tinylm.config.shown import short
from tinylm.data import grammar
from tinylm.evaluation.probes import COMPRESSION
from tinylm.report import timings
from tinylm.study import reported


def results(found: Sequence[Result]) -> pd.DataFrame:
    """One row per run: n, costs, NLL with seed SD and the text's SE, perplexity, the study's NLL where it has the row, and its margin.

    The margin is the smallest shift between the study's run and ours that is ruled out. Where the study has none of the rows, its columns
    are left out.
    """
    theirs = agreement.rows(found).set_index("run")
    rows = []
    for _, line in summaries.summary(found).iterrows():
        study = theirs.loc[line["run"]] if line["run"] in theirs.index else None
        rows.append(
            {
                "model": line["name"],
                "n": line["n"],
                "parameters": f"{line['n_params']:,}",
                "executed FLOPs": amount(line["flops"]),
                "time": timings.shown(line["run"]),
                "valid": f"{line['valid_nll']:.4f}",
                "test": f"{line['test_nll']:.4f}",
                "seed SD": spread(line["seed_sd"]),
                "text SE": spread(line["test_se"]),
                "perplexity": perplexity(line["test_nll"]),
                "study": NONE if study is None else f"{study['theirs']:.4f}",
                "ours − study": NONE if study is None else signed(-study["deviation"]),
                "margin": NONE if study is None else margin(study["margin"]),
            }
        )
    frame = pd.DataFrame(rows)
    return frame if len(theirs) else frame.drop(columns=["study", "ours − study", "margin"], errors="ignore")


def reproduced(found: Sequence[Result]) -> pd.DataFrame:
    """One row per network: the study's NLL and ours on its slice, the margin, three costs, the time; and the best counts of the tokens."""
    margins = agreement.rows(found).set_index("run")["margin"]
    counted, rows = summaries.counts(found), []
    groups = summaries.by_row(found)
    for _, line in summaries.summary(found).iterrows():
        first = groups[line["run"]][0]
        study = reported.paper_row(first.spec)
        if first.spec.is_counts and first is not summaries.best_counts((result.record for result in counted), first):
            continue
        costs = (study.flops_2nd if study else 0, line["flops_textbook"], line["flops"])
        row = {"run": line["name"], "study": f"{study.test_nll:.3f}" if study else NONE, "ours ± seed SD (n)": mean(line)}
        row |= {"margin": margin(margins[line["run"]]) if study else NONE}
        names = ("FLOPs stated", "textbook", "executed")
        row |= {name: short(cost) if cost else NONE for name, cost in zip(names, costs, strict=True)}
        rows.append(row | {"time": timings.shown(line["run"])})
    return pd.DataFrame(rows, columns=["run", "study", "ours ± seed SD (n)", "margin", "FLOPs stated", "textbook", "executed", "time"])


def mean(line: pd.Series) -> str:
    """Mean test NLL ± seed SD (n) of a line of a summary; counts have no seeds."""
    if line["run"].spec.is_counts:
        return f"{line['test_nll']:.3f}"
    return spread_over(line["test_nll"], line["seed_sd"], line["n"])


def spread_over(value: float, sd: float, n: int) -> str:
    """A mean ± seed SD (n); of one seed there is no spread."""
    return f"{value:.3f} ± {sd:.3f} ({n})" if n > 1 else f"{value:.3f} (1)"


def margin(value: float) -> str:
    """A margin in nats; a dash where there is no spread to take it from."""
    return NONE if math.isnan(value) else f"±{value:.3f}"


def sister(found: Sequence[Result]) -> pd.DataFrame:
    """One row per model of the sister project: our test NLL under its protocol and what it states on its own splits; not trained: n = 0."""
    rows = []
    for _, line in summaries.summary(found).iterrows():
        row = reported.sister_row(line["run"].spec)
        if row is not None:
            ours = {"n": line["n"], "test": f"{line['test_nll']:.4f}", "seed SD": spread(line["seed_sd"])}
            rows.append({"model": line["name"]} | ours | {"it states": f"{row.test_nll:.2f}", "remark": row.remark})
    for model, row in reported.sister_untrained({line["run"].spec for _, line in summaries.summary(found).iterrows()}):
        rows.append({"model": model, "n": 0, "test": NONE, "seed SD": NONE, "it states": f"{row.test_nll:.2f}", "remark": row.remark})
    return pd.DataFrame(rows)


def counted(found: Sequence[Result]) -> pd.DataFrame:
    """One row per kind of counts, then per compressor, and a pair of columns per corpus: valid and test NLL, of words perplexity too."""
    counts = [result.record for result in summaries.counts(found)]
    lines = [(record.spec.model.title, record.spec.corpus, record.valid.nll, record.test.nll) for record in counts]
    for corpus in dict.fromkeys(record.spec.corpus for record in counts):
        lines += [(one.name, corpus, one.valid, one.test) for one in COMPRESSION.all(corpus)]
    rows: dict[str, dict[str, Any]] = {}
    for title, corpus, valid, test in lines:
        row = rows.setdefault(title, {"counts": title})
        by_word = data.info(corpus).level == "word"
        row[f"{corpus}, valid"] = f"{valid:.4f}"
        row[f"{corpus}, test"] = f"{test:.4f}" + (f" ({perplexity(test)})" if by_word else "")
    return pd.DataFrame(rows.values())


def overfitting(found: Sequence[Result]) -> pd.DataFrame:
    """One row per network (its first seed): the epoch of its best valid NLL, what training on cost it, the study's gap, and the counts."""
    rows = []
    for run, records in summaries.by_row(summaries.networks(found)).items():
        record, reference = records[0], reported.paper_row(run.spec)
        valid = [point["valid_nll"] for point in record.curve]
        counts = summaries.best_counts((result.record for result in found), record)
        row = {"model": run.name, "n": len(records), "best epoch": valid.index(min(valid)) + 1, "valid then": f"{min(valid):.4f}"}
        row |= {"valid at the end": f"{valid[-1]:.4f}", "train at the end": f"{record.curve[-1]['train_nll']:.4f}"}
        row |= {"ours − study": signed(record.test.nll - reference.test_nll) if reference else NONE}
        repeat = reference.repeat_nll - reference.test_nll if reference and reference.repeat_nll else None
        row |= {"study's repeat": NONE if repeat is None else signed(repeat), "counts − ours": NONE}
        if counts:
            gap, error = summaries.paired_difference(counts, record)
            row |= {"counts − ours": f"{signed(gap)} ± {error:.4f}"}
        rows.append(row)
    return pd.DataFrame(rows)


def decomposition(found: Sequence[Result]) -> pd.DataFrame:
    """One row per class of test tokens: its share, and each model's NLL in it (mean over seeds) with its part of the loss in per cent.

    Records older than the classes are left out; a row of dashes where that leaves none.
    """
    groups = {run: records for run, records in summaries.by_row(found).items() if all(record.test.parts for record in records)}
    rows: dict[str, dict[Any, str]] = {}
    for run, records in groups.items():
        total = float(np.mean([record.test.nll for record in records]))
        for title, (n_tokens, _) in records[0].test.parts.items():
            share = n_tokens / records[0].test.n_tokens
            nll = float(np.mean([record.test.parts[title][1] for record in records]))
            row = rows.setdefault(title, {"class": title.replace("_", ", "), "share": f"{100 * share:.2f} %"})
            row[run] = f"{nll:.3f} ({100 * share * nll / total:.1f} %)"
    frame = pd.DataFrame(list(rows.values()) or [{"class": NONE, "share": NONE}])
    is_one_text = len({run.spec.corpus for run in groups}) == 1 and all(run.spec.is_counts for run in groups)
    names = {run: run.spec.model.title if is_one_text else run.name for run in groups}
    return frame.set_axis([names.get(column, column) for column in frame.columns], axis=1)


def neighbours(found: Sequence[Result]) -> pd.DataFrame:
    """One row per pair of neighbours of one architecture with the same scored tokens: mean difference over common seeds, its errors."""
    rows = []
    for (first, a), (second, b) in itertools.pairwise(summaries.by_row(summaries.networks(found)).items()):
        if first.architecture != second.architecture or not significance.common_seeds(b, a):
            continue
        gap = significance.difference(b, a)
        row = {"first": first.name, "second": second.name, "n": gap.n, "second − first": signed(gap.mean)}
        row["95 % over seeds"] = f"±{summaries.half_width(gap.gaps):.4f}" if gap.n > 1 else NONE
        rows.append(row | {"text SE": f"{gap.text_se:.4f}"})
    no_pair = {"first": NONE, "second": NONE, "n": 0, "second − first": NONE, "95 % over seeds": NONE, "text SE": NONE}
    return pd.DataFrame(rows or [no_pair])


def floors(corpus: str, start: int, n_tokens: int) -> dict[str, float]:
    """The generated corpus's exact loss on the scored tokens of valid and test, nats per token."""
    return {split: grammar.floor(corpus, split, start, n_tokens) for split in ("valid", "test")}


def excess(found: Sequence[Result], floor: dict[str, float]) -> pd.DataFrame:
    """One row per run: test NLL, seed SD, the text's SE, and the distance to the exact floor."""
    rows = [
        {
            "model": line["name"],
            "n": line["n"],
            "executed FLOPs": amount(line["flops"]),
            "test": f"{line['test_nll']:.4f}",
            "seed SD": spread(line["seed_sd"]),
            "text SE": spread(line["test_se"]),
            "excess": signed(line["test_nll"] - floor["test"]),
        }
        for _, line in summaries.summary(found).iterrows()
    ]
    last = {column: NONE for column in rows[0]} | {"model": "Exact floor", "test": f"{floor['test']:.4f}"}
    return pd.DataFrame([*rows, last])
