"""The README's table of reproduced rows, generated from the ledger between two markers."""

from pathlib import Path

from tinylm import fits, ledger, paths, study
from tinylm.config import NgramConfig, TinylmError
from tinylm.results import Result

BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"


class ReadmeError(TinylmError):
    """A README without the markers."""


def update(path: Path) -> None:
    """Replace what stands between the markers by today's table; leaves an unchanged file alone."""
    text = path.read_text(encoding="utf-8")
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise ReadmeError(f"{path} needs the lines {BEGIN} and {END}, once each and in this order; put them back")
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    new = f"{before}{BEGIN}\n{results_table()}\n{END}{after}"
    if new != text:
        ledger.write_text(path, new)


def results_table() -> str:
    """One Markdown row per reproduced run of the study, and the best counts of each corpus, from the ledger."""
    found = ledger.Ledger([paths.LEDGER])
    results = [Result(run.name, record) for run in study.plan("full") if run.section != "control" and (record := found.find(run.spec))]
    head = ["run", "study, one run", "ours: mean ± seed SD (n)", "FLOPs stated", "FLOPs textbook", "FLOPs executed"]
    lines = [head, ["---"] + ["---:"] * (len(head) - 1)]
    records = fits.by_name(results)
    for _, line in fits.summary(results).iterrows():
        first = records[line["name"]][0]
        reference = study.paper_row(first.spec)
        spread = f" ± {line['seed_sd']:.4f}" if line["n"] > 1 else ""
        ours = f"{line['test_nll']:.4f}{spread} ({line['n']})"
        if reference is not None:
            costs = [f"{value:.2e}" for value in (reference.flops_2nd, line["flops_textbook"], line["flops"])]
            lines.append([line["name"], f"{reference.test_nll:.4f}", ours, *costs])
        elif isinstance(first.spec.model, NgramConfig) and first is _best_counts(records, first.spec.corpus):
            lines.append([f"{line['name']} counts", "–", ours, "–", "–", "0"])
    return "\n".join(["Test NLL in nats per token, on the study's slices.", "", *(f"| {' | '.join(cells)} |" for cells in lines)])


def _best_counts(records: dict[str, list[ledger.RunRecord]], corpus: str) -> ledger.RunRecord:
    """The n-gram record of a corpus with the best valid NLL."""
    counts = [r for group in records.values() for r in group if isinstance(r.spec.model, NgramConfig) and r.spec.corpus == corpus]
    return min(counts, key=lambda record: record.valid.nll)
