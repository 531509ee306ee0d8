"""What is written into hand-written pages: numbers of the ledger, and the repository's address for services that run notebooks."""

import re
import tomllib
from pathlib import Path

import pandas as pd

from tinylm import data, files, ledger, study
from tinylm.analysis import layout
from tinylm.analysis.summaries import Result
from tinylm.config import TinylmError
from tinylm.report import answers, sentences, tables, timings
from tinylm.study import reported, select

CORPUS = "tiny_shakespeare"  # that the title's question is answered for
GITHUB = re.compile(r"https://github\.com/([A-Za-z0-9-]+/[A-Za-z0-9._-]+)")
ADDRESS = re.compile(r'(ADDRESS = \\")[^"\\]*')  # in the file of the notebook


class ReadmeError(TinylmError):
    """A README without the markers."""


def update(folder: Path) -> None:
    """Write what stands between the markers of README.md and docs/speed.md, and the address in notebooks/hosted.ipynb, where it changed."""
    address = repository(folder)
    parts = {"findings": findings(), "results": results_table(), "bought": bought_table(), "hosted": badges(address)}
    _update(folder / "README.md", parts)
    _update(folder / "docs" / "speed.md", {"bench": timings.markdown(timings.machines()), "minutes": minutes()})
    _set_address(folder / "notebooks" / "hosted.ipynb", address)


def _update(path: Path, parts: dict[str, str]) -> None:
    text = new = path.read_text(encoding="utf-8")
    for name, part in parts.items():
        new = _filled(new, name, part, path)
    if new != text:
        ledger.write_text(path, new)


def _set_address(path: Path, address: str) -> None:
    """Write the repository's address into the cell that installs tinylm: a hosted service may have nothing but the notebook."""
    text = path.read_text(encoding="utf-8")
    new, n = ADDRESS.subn(rf"\g<1>{address}", text)
    if n != 1:
        raise ReadmeError(f'{path} needs one line that begins with ADDRESS = "; put it back')
    if new != text:
        ledger.write_text(path, new)


def repository(folder: Path) -> str:
    """The address in a clone's pyproject.toml, empty where none is set; ReadmeError for one that is not a repository's on GitHub."""
    tools = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8")).get("tool", {})
    address = tools.get("tinylm", {}).get("repository", "")
    if address and not GITHUB.fullmatch(str(address)):
        remedy = 'write "https://github.com/OWNER/NAME", or "" for none'
        raise ReadmeError(f"repository = {address!r} in pyproject.toml is no address on GitHub; {remedy}")
    return address


def badges(address: str) -> str:
    """Links that open the notebook for hosted services on them; nothing without an address."""
    if not address:
        return ""
    name = GITHUB.fullmatch(address)[1]
    colab = f"https://colab.research.google.com/github/{name}/blob/main/notebooks/hosted.ipynb"
    binder = f"https://mybinder.org/v2/gh/{name}/main?labpath=notebooks%2Fhosted.ipynb"
    return (
        f"[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]({colab})\n"
        f"[![Open in Binder](https://mybinder.org/badge_logo.svg)]({binder})"
    )


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
    slices = dict.fromkeys(f"its first {r.spec.train.eval_tokens:,} {data.info(r.spec.corpus).level}s" for r in reproduced)
    caption = (
        f"Test NLL in nats per token, on the study's slices of the test split ({' or '.join(slices)}); KN-6, KN-5: Kneser-Ney counts of "
        "up to six characters or five words. FLOPs, three ways: stated by the study; textbook, our exact count of its code; executed, "
        "without the work that its loss never uses. Margin: with 95 % confidence the study's expected loss and ours differ by less."
    )
    told = " ".join(filter(None, [caption, sentences.reproduction(everything), timings.of_runs()]))
    return _table(told, tables.reproduced(select(everything, role=["baseline", "counts"], **where)))


def bought_table() -> str:
    """One Markdown row per recipe trained on a whole text, characters first: size, cost, test NLL, the best counts of the same tokens."""
    caption = (
        "Budgets are costs of the study's Transformers, 2.2e13 as stated and the others by the textbook, and on words ten times as much. "
        "Whole test splits, fixed weights; NLL in nats per character. Transformer: with induction, on words with a pointer. Size: "
        "parameters. Counts: the plain text's Kneser-Ney n-grams that are best on valid, whatever their cache; NLL or, on words, "
        "perplexity. `-recast` is twenty copies of the text with the speakers' names invented anew every thirty speeches, `-respelled` the "
        "same with names of random letters."
    )
    purchases = [result.run for result in select(_recorded(), role="purchase")]
    results = sorted(
        select(_recorded(), section=list({run.section for run in purchases})),
        key=lambda result: data.info(result.record.spec.corpus).level == "word",
    )
    return _table(caption, tables.purchased(results), n_left=2)


def minutes() -> str:
    """What each kind of model reaches within some minutes, one row per text and time; nothing before any is timed."""
    table = tables.in_minutes(_recorded())
    if table.shape[1] == len(("text", "minutes")):
        return ""
    caption = (
        "## What minutes buy\n\n`python -m tinylm plan --corpus FILE --minutes M` says what to train in a time on your machine. This is "
        "what minutes on two cores bought. Runs have budgets in FLOPs, and their times are those of their steps on a machine that does "
        "nothing else (`python -m tinylm bench --runs --json docs/ledger/bench/runs.json`); the text of one's own is made, "
        "trained and timed by `python -m tinylm.tests.minutes`.\n\n"
        "Test NLL in nats per character of the best on valid that trains within the time, with its number of seeds and its own time; "
        "scoring is left out. Mixed: a network and gated counts, one after the other; Transformer: with induction or without; nanoGPT: "
        "its recipe for Shakespeare on a CPU, in our code and in fp32, with as many steps as the time allows; it has one row a time, while "
        "the others are the best on valid of all rows of this study that fit. Where a time is far below the limit, "
        "no longer run is recorded."
    )
    return _table(" ".join(filter(None, [caption, timings.of_runs()])), table, n_left=2)


def _recorded() -> list[Result]:
    """The recorded runs of the published study."""
    found = ledger.Ledger([files.LEDGER])
    return [Result(run, record) for run in study.plan("full") if (record := found.find(run.spec))]


def _table(caption: str, frame: pd.DataFrame, n_left: int = 1) -> str:
    header = list(frame.columns)
    return f"{caption}\n\n{layout.markdown(header, frame.astype(str).to_numpy().tolist(), layout.beside(header, n_left))}"
