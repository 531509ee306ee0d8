from dataclasses import replace

import pytest
from records import made
from synthetic import TIMINGS, score

from tinylm import files, ledger, study
from tinylm.report import answers, readme


def test_the_readme_table_is_that_of_the_ledger():
    text = (files.ROOT / "README.md").read_text(encoding="utf-8")
    parts = (readme.findings(), readme.results_table(), readme.bought_table())
    assert all(part in text for part in parts), "run python run_me.py and commit the README"


def test_the_findings_are_those_of_the_abstract_with_a_link_to_the_study():
    lines = readme.findings().splitlines()
    assert len(lines) == 5 and all(line.startswith("- ") for line in lines) and answers.STUDY in readme.findings()


MARKED = {"README.md": ("hosted", "findings", "results", "bought"), "docs/speed.md": ("bench", "minutes")}


def write_marked(folder, between="outdated\n", names=MARKED):
    (folder / "docs").mkdir()
    (folder / "notebooks").mkdir()
    (folder / "notebooks" / "hosted.ipynb").write_text(r'"ADDRESS = \"\"\n"')
    (folder / "pyproject.toml").write_text('[tool.tinylm]\nrepository = "https://github.com/a/b"')
    for file, parts in names.items():
        (folder / file).write_text("before\n" + "".join(f"<!-- {n}: begin -->\n{between}<!-- {n}: end -->\nafter {n}\n" for n in parts))


def test_a_readme_without_markers_is_refused(tmp_path):
    write_marked(tmp_path)
    path = tmp_path / "README.md"
    path.write_text("no markers")
    with pytest.raises(readme.ReadmeError, match="findings: begin"):
        readme.update(tmp_path)
    assert path.read_text() == "no markers"


def test_the_readme_is_only_written_when_it_changes(tmp_path, monkeypatch):
    write_marked(tmp_path)
    readme.update(tmp_path)
    text, speed = ((tmp_path / file).read_text() for file in MARKED)
    assert readme.badges("https://github.com/a/b") in text and "github.com/a/b" in (tmp_path / "notebooks" / "hosted.ipynb").read_text()
    assert "WikiText-2" in text and "nanoGPT" in speed and "outdated" not in text + speed
    monkeypatch.setattr(ledger, "write_text", lambda *args: pytest.fail("written again"))
    readme.update(tmp_path)


def store(start, *found):
    """Write records of planned runs, scored from `start` on, into the published ledger: each run with a test NLL for each seed."""
    for run, *nlls in found:
        for seed, nll in enumerate(nlls):
            scores = {split: score(split, [nll + shift] * 4, start) for split, shift in (("valid", -0.1), ("test", 0.0))}
            ledger.write(made(spec=replace(run.spec, seed=seed), **scores), files.LEDGER / run.section)


def cells(table):
    """The cells of the rows below a table's head."""
    return [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("|")][2:]


def row(section, **fields):
    return study.select(study.section_plan(section, "full"), seed=0, **fields)[0]


def test_a_row_of_the_study_is_the_mean_of_its_seeds_beside_the_best_counts_of_the_same_tokens(home):
    counts = [(row("architectures", role="counts", order=order), nll) for order, nll in ((4, 1.7), (6, 1.8))]
    store(128, *counts, (row("architectures", architecture="MLP"), 2.31, 2.33, 2.32))
    facts = {"machine": TIMINGS["machine"], "runs": {row("architectures", architecture="MLP").spec.key: 120.0}}
    ledger.write_facts(files.LEDGER / "bench" / "runs.json", facts)
    kn, mlp = cells(readme.results_table())
    assert kn == ["KN-4", "–", "1.700", "–", "–", "–", "–", "–"]
    # 0.0022, and SD 0.01 times t(0.95, 2) = 2.92 and sqrt(1 + 1 / 3)
    assert mlp == ["MLP", "2.322", "2.320 ± 0.010 (3)", "±0.036", "1.65e14", "3.85e12", "3.85e12", "2.0 min"]
    store(64, (row("control", architecture="MLP"), 1.0))
    assert cells(readme.results_table()) == [kn, mlp], "runs of other sections are no rows of the study"


def test_a_row_of_one_seed_has_no_spread_and_counts_need_a_row_of_the_study_on_their_text(home):
    store(64, (row("words", role="baseline", corpus="ptb"), 6.2), (row("words", role="counts", corpus="wikitext-2"), 6.4))
    (ptb,) = cells(readme.results_table())
    assert ptb[:4] == ["PTB Transformer", "6.190", "6.200 (1)", "–"]


def test_purchases_stand_beside_the_best_counts_in_the_unit_of_their_text(home):
    bought = row("budget", role="purchase", corpus="tiny_shakespeare-respelled")
    words = row("words", role="purchase", corpus="ptb-eos", architecture="Transformer")
    assert (bought.spec.model.context_length, words.spec.model.context_length) == (2048, 512)
    counts = [(row("budget", role="counts", order=6, cache=cache), 1.7 - cache / 10_000) for cache in (0, 256, 2048)]
    store(256, (words, 4.0), (bought, 1.3, 1.4), *counts, (row("words", corpus="ptb-eos", order=5, cache=0), 5.0))
    first, second = cells(readme.bought_table())
    assert first[:3] == ["tiny_shakespeare-respelled", "Transformer", "2.2e13"], "characters come first"
    assert first[4:] == ["–", "1.350 ± 0.071 (2)", "–", "1.495"]
    assert second[4:] == ["–", "–", "54.60 (1)", "148.4"]


def test_an_empty_ledger_gives_tables_without_rows(home):
    assert cells(readme.results_table()) == cells(readme.bought_table()) == []


def test_what_stands_outside_the_markers_stays(tmp_path):
    write_marked(tmp_path, between="")
    marked = {file: (tmp_path / file).read_text().splitlines() for file in MARKED}
    readme.update(tmp_path)
    for file, lines in marked.items():
        kept = [line for line in (tmp_path / file).read_text().splitlines() if line.startswith(("before", "after", "<!--"))]
        assert kept == lines


@pytest.mark.parametrize("order", [("end", "begin"), ("begin", "begin", "end"), ("begin",)])
def test_markers_stand_once_and_in_order(order, tmp_path):
    write_marked(tmp_path)
    (tmp_path / "README.md").write_text("\n".join(f"<!-- findings: {marker} -->" for marker in order))
    with pytest.raises(readme.ReadmeError, match="once each and in this order; put them back"):
        readme.update(tmp_path)
