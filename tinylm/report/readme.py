"""What the README and docs/speed.md say in numbers, generated from the ledger between markers."""

from pathlib import Path

import pandas as pd

from tinylm import data, files, ledger, study
from tinylm.analysis import layout
from tinylm.analysis.summaries import Result
from tinylm.config import TinylmError
from tinylm.report import answers, sentences, tables, timings
from tinylm.study import reported, select

CORPUS = "tiny_shakespeare"  # that the title's question is answered for


class ReadmeError(TinylmError):
    """A README without the markers."""


def update(folder: Path) -> None:
    """Replace what stands between the markers of README.md and docs/speed.md by what the ledger says; leaves an unchanged file alone."""
    _update(folder / "README.md", {"findings": findings(), "results": results_table(), "bought": bought_table()})
    _update(folder / "docs" / "speed.md", {"bench": timings.markdown(timings.recorded())})


def _update(path: Path, parts: dict[str, str]) -> None:
    text = new = path.read_text(encoding="utf-8")
    for name, part in parts.items():
        new = _filled(new, name, part, path)
    if new != text:
        ledger.write_text(path, new)


def _filled(text: str, name: str, table: str, path: Path) -> str:
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
        raise ReadmeError(f"{path} needs the lines {begin} and {end}, once each and in this order; put them back")
    return f"{text.split(begin)[0]}{begin}\n{table}\n{end}{text.split(end)[1]}"


def findings() -> str:
    """The findings of the report's abstract as a list."""
    everything = _recorded()
    baselines, bought = select(everything, section="architectures"), select(everything, section=["words", "budget", "copying"])
    return "\n".join(f"- {finding}" for finding in answers.findings(baselines, bought, everything, CORPUS))


def results_table() -> str:
    """One Markdown row per reproduced run of the study, and the best counts of the same tokens, from the ledger."""
    everything = _recorded()
    reproduced = [result.run for result in select(everything, role="baseline") if reported.paper_row(result.run.spec)]
    where = {"section": [run.section for run in reproduced], "corpus": [run.spec.corpus for run in reproduced]}
    caption = (
        "Test NLL in nats per token, on the study's slices of the test text; KN-6: Kneser-Ney counts of up to six characters. FLOPs, three "
        "ways: stated by the study; textbook, our exact count of its code; executed, without the work that its loss never uses. Margin: "
        "larger shifts between the study and us are ruled out (95 %)."
    )
    told = " ".join(filter(None, [caption, sentences.reproduction(everything), timings.of_runs()]))
    return _table(told, tables.reproduced(select(everything, role=["baseline", "counts"], **where)))


def bought_table() -> str:
    """One Markdown row per recipe trained on a whole text, characters first: size, cost, test NLL, the best counts of the same tokens."""
    caption = (
        "Whole test splits, weights as after training. Counts: Kneser-Ney n-grams of the plain text, NLL or, on words, perplexity; window: "
        "with a cache of at most the network's window; tuned: with order, discounts and cache chosen on held-out text. `-recast` is twenty "
        "copies of the text with the speakers' names invented anew every thirty speeches, `-respelled` the same with names of random "
        "letters."
    )
    purchases = [result.run for result in select(_recorded(), role="purchase")]
    results = sorted(
        select(_recorded(), section=list({run.section for run in purchases})),
        key=lambda result: data.info(result.record.spec.corpus).level == "word",
    )
    return _table(caption, tables.purchased(results))


def _recorded() -> list[Result]:
    """The recorded runs of the published study."""
    found = ledger.Ledger([files.LEDGER])
    return [Result(run, record) for run in study.plan("full") if (record := found.find(run.spec))]


def _table(caption: str, frame: pd.DataFrame) -> str:
    header = list(frame.columns)
    return f"{caption}\n\n{layout.markdown(header, frame.astype(str).to_numpy().tolist(), layout.beside(header))}"
