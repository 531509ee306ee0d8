"""The README's tables, generated from the ledger between markers."""

from pathlib import Path

import pandas as pd

from tinylm import data, files, ledger, study
from tinylm.analysis import agreement, layout, summaries
from tinylm.analysis.numbers import perplexity
from tinylm.analysis.summaries import Result
from tinylm.config import TinylmError
from tinylm.ledger import RunRecord
from tinylm.report import sentences, tables, timings
from tinylm.study import reported, select


class ReadmeError(TinylmError):
    """A README without the markers."""


def update(path: Path) -> None:
    """Replace what stands between the markers by today's tables; leaves an unchanged file alone."""
    text = path.read_text(encoding="utf-8")
    new = text
    for name, table in (("results", results_table()), ("bought", bought_table()), ("bench", timings.markdown(timings.recorded()))):
        new = _filled(new, name, table, path)
    if new != text:
        ledger.write_text(path, new)


def _filled(text: str, name: str, table: str, path: Path) -> str:
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
        raise ReadmeError(f"{path} needs the lines {begin} and {end}, once each and in this order; put them back")
    return f"{text.split(begin)[0]}{begin}\n{table}\n{end}{text.split(end)[1]}"


def results_table() -> str:
    """One Markdown row per reproduced run of the study, and the best counts of the same tokens, from the ledger."""
    everything = _recorded()
    reproduced = [result.run for result in select(everything, role="baseline") if reported.paper_row(result.run.spec)]
    where = {"section": [run.section for run in reproduced], "corpus": [run.spec.corpus for run in reproduced]}
    results = select(everything, role=["baseline", "counts"], **where)
    margins = agreement.rows(results).set_index("run")["margin"]
    head = ["run", "study, one run", "ours: mean ± seed SD (n)", "margin", "FLOPs stated", "FLOPs textbook", "FLOPs executed", "time"]
    lines: list[list[str]] = []
    records = summaries.by_row(results)
    for _, line in summaries.summary(results).iterrows():
        first = records[line["run"]][0]
        reference = reported.paper_row(first.spec)
        ours, took = _mean(line), timings.shown(line["run"])
        if reference is not None:
            costs = [f"{value:.2e}" for value in (reference.flops_2nd, line["flops_textbook"], line["flops"])]
            lines.append([line["name"], f"{reference.test_nll:.4f}", ours, tables.margin(margins[line["run"]]), *costs, took])
        elif first.spec.is_counts and first is summaries.best_counts((result.record for result in results), first):
            lines.append([line["name"], "–", ours, "–", "–", "–", "0", took])
    caption = (
        "Test NLL in nats per token, on the study's slices of the test text; KN-6: Kneser-Ney counts of up to six characters. FLOPs: as "
        "stated, of the study's computation counted exactly (textbook), and without the work that its loss never uses (executed). Margin: "
        "a shift between the study's protocol and ours that is larger is ruled out with 95 %."
    )
    return _table(" ".join(filter(None, [caption, sentences.reproduction(everything), timings.of_runs()])), head, lines)


def bought_table() -> str:
    """One Markdown row per recipe trained on a whole text: size, cost, test NLL, and the best counts of the same tokens."""
    results = sorted(_recorded(), key=lambda result: data.info(result.record.spec.corpus).level == "word")  # characters first
    counted = [r.record for r in summaries.counts(results)]
    head = ["recipe: text, architecture, FLOPs", "parameters", "time", "test NLL ± seed SD (n)", "perplexity", "counts", "with cache"]
    lines: list[list[str]] = []
    bought = select(results, role="purchase")
    records = summaries.by_row(bought)
    for _, line in summaries.summary(bought).iterrows():
        run, by_word = line["run"], data.info(line["run"].spec.corpus).level == "word"
        beside = [_in_units(rival, by_word) for rival in summaries.rivals(counted, records[run][0])]
        lines.append(
            [run.name, f"{line['n_params']:,}", timings.shown(run), _mean(line), perplexity(line["test_nll"]) if by_word else "–", *beside]
        )
    caption = (
        "Whole test splits, weights as after training. Counts: Kneser-Ney n-grams of the plain text, NLL or, on words, perplexity; with "
        "cache: of at most the network's window of recent text, mixed in by weights that were fitted to valid. `-recast` is twenty copies "
        "of the text with the speakers' names invented anew every thirty speeches, `-respelled` in random letters."
    )
    return _table(caption, head, lines)


def _mean(line: pd.Series) -> str:
    """Mean test NLL ± seed SD (n)."""
    spread = f" ± {line['seed_sd']:.4f}" if line["n"] > 1 else ""
    return f"{line['test_nll']:.4f}{spread} ({line['n']})"


def _in_units(rival: RunRecord | None, by_word: bool) -> str:
    if rival is None:
        return "–"
    return perplexity(rival.test.nll) if by_word else f"{rival.test.nll:.4f}"


def _recorded() -> list[Result]:
    """The recorded runs of the published study."""
    found = ledger.Ledger([files.LEDGER])
    return [Result(run, record) for run in study.plan("full") if (record := found.find(run.spec))]


def _table(caption: str, header: list[str], rows: list[list[str]]) -> str:
    return f"{caption}\n\n{layout.markdown(header, rows, layout.beside(header))}"
