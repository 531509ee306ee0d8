"""Records -> tables of losses."""

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from tinylm import data
from tinylm.analysis import significance, summaries
from tinylm.analysis.numbers import NONE, amount, perplexity, signed, spread
from tinylm.analysis.summaries import Result
from tinylm.data import grammar
from tinylm.study import Planned, reported, reported_rows


def results(found: Sequence[Result]) -> pd.DataFrame:
    """One row per run: n, costs, NLL with seed SD and block SE, perplexity, and the study's NLL where it has the row.

    The study has one run of each row, so it agrees with ours when it lies where one more run of ours should fall. Where it has none of
    the rows, its columns are left out.
    """
    groups = summaries.by_row(found)
    references = {run: reported.paper_row(run.spec) for run in groups}
    rows = []
    for _, line in summaries.summary(found).iterrows():
        reference = references[line["run"]]
        rows.append(
            {
                "model": line["name"],
                "n": line["n"],
                "parameters": f"{line['n_params']:,}",
                "executed FLOPs": amount(line["flops"]),
                "valid": f"{line['valid_nll']:.4f}",
                "test": f"{line['test_nll']:.4f}",
                "seed SD": spread(line["seed_sd"]),
                "block SE": spread(line["test_se"]),
                "perplexity": perplexity(line["test_nll"]),
                "study": f"{reference.test_nll:.4f}" if reference else NONE,
                "ours − study": signed(line["test_nll"] - reference.test_nll) if reference else NONE,
                "one run": agreement([record.test.nll for record in groups[line["run"]]], reference) if reference else NONE,
            }
        )
    frame = pd.DataFrame(rows)
    return frame if any(references.values()) else frame.drop(columns=["study", "ours − study", "one run"], errors="ignore")


def sister(found: Sequence[Result]) -> pd.DataFrame:
    """One row per model of the sister project: our test NLL under its protocol and what it states on splits of its own."""
    rows = []
    for _, line in summaries.summary(found).iterrows():
        row = reported.sister_row(line["run"].spec)
        if row is not None:
            ours = {"n": line["n"], "test": f"{line['test_nll']:.4f}", "seed SD": spread(line["seed_sd"])}
            rows.append({"model": line["name"]} | ours | {"it states": f"{row.test_nll:.2f}", "remark": row.remark})
    return pd.DataFrame(rows or [dict.fromkeys(("model", "n", "test", "seed SD", "it states", "remark"), NONE)])


def agreement(ours: Sequence[float], reference: reported_rows.PaperRow) -> str:
    """Where one more run should fall with 95 %, as a half width around our mean, and whether the study's run lies inside.

    Below two seeds of ours the spread is that of the study's own two runs, where it has them.
    """
    own = [reference.test_nll, *([reference.repeat_nll] if reference.repeat_nll else [])]
    half = summaries.single_run_half_width(ours) if len(ours) > 1 else 2 * summaries.half_width(own)  # between two runs: sqrt(2) SD
    if math.isnan(half):
        return NONE
    whose = "" if len(ours) > 1 else " (its own repeat)"
    return f"±{half:.4f}{whose}, {'inside' if abs(reference.test_nll - float(np.mean(ours))) <= half else 'outside'}"


def counted(found: Sequence[Result]) -> pd.DataFrame:
    """One row per kind of n-gram counts and a pair of columns per corpus: valid and test NLL, with the test's perplexity for words."""
    rows: dict[str, dict[str, Any]] = {}
    for record in (result.record for result in summaries.counts(found)):
        title, corpus = record.spec.model.title, record.spec.corpus
        row = rows.setdefault(title, {"counts": title})
        by_word = data.info(corpus).level == "word"
        row[f"{corpus}, valid"] = f"{record.valid.nll:.4f}"
        row[f"{corpus}, test"] = f"{record.test.nll:.4f}" + (f" ({perplexity(record.test.nll)})" if by_word else "")
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
    return frame.set_axis([column.name if isinstance(column, Planned) else column for column in frame.columns], axis=1)


def neighbours(found: Sequence[Result]) -> pd.DataFrame:
    """One row per pair of neighbours of one architecture with the same scored tokens: mean paired difference over common seeds, its SEs."""
    rows = []
    for (first, a), (second, b) in itertools.pairwise(summaries.by_row(summaries.networks(found)).items()):
        pairs = significance.common_seeds(b, a)
        if first.architecture != second.architecture or not pairs:
            continue
        gaps = [summaries.paired_difference(*pair) for pair in pairs]
        means = [gap for gap, _ in gaps]
        rows.append(
            {
                "first": first.name,
                "second": second.name,
                "n": len(gaps),
                "second − first": signed(float(np.mean(means))),
                "95 % over seeds": f"±{summaries.half_width(means):.4f}" if len(means) > 1 else NONE,
                "paired SE": f"{gaps[0][1]:.4f}",
            }
        )
    no_pair = {"first": NONE, "second": NONE, "n": 0, "second − first": NONE, "95 % over seeds": NONE, "paired SE": NONE}
    return pd.DataFrame(rows or [no_pair])


def floors(corpus: str, start: int, n_tokens: int) -> dict[str, float]:
    """The generated corpus's exact loss on the scored tokens of valid and test, nats per token."""
    return {split: grammar.floor(corpus, split, start, n_tokens) for split in ("valid", "test")}


def excess(found: Sequence[Result], floor: dict[str, float]) -> pd.DataFrame:
    """One row per run: test NLL, seed SD, block SE, and the distance to the exact floor."""
    rows = [
        {
            "model": line["name"],
            "n": line["n"],
            "executed FLOPs": amount(line["flops"]),
            "test": f"{line['test_nll']:.4f}",
            "seed SD": spread(line["seed_sd"]),
            "block SE": spread(line["test_se"]),
            "excess": signed(line["test_nll"] - floor["test"]),
        }
        for _, line in summaries.summary(found).iterrows()
    ]
    last = {column: NONE for column in rows[0]} | {"model": "Exact floor", "test": f"{floor['test']:.4f}"}
    return pd.DataFrame([*rows, last])
