import pytest

from tinylm import files, ledger
from tinylm.report import readme


def test_the_readme_table_is_that_of_the_ledger():
    text = (files.ROOT / "README.md").read_text(encoding="utf-8")
    assert readme.results_table() in text and readme.bought_table() in text, "run python run_me.py and commit the README"


def test_a_readme_without_markers_is_refused(tmp_path):
    path = tmp_path / "README.md"
    path.write_text("no markers")
    with pytest.raises(readme.ReadmeError, match="results: begin"):
        readme.update(path)
    assert path.read_text() == "no markers"


def test_the_readme_is_only_written_when_it_changes(tmp_path, monkeypatch):
    path = tmp_path / "README.md"
    path.write_text("".join(f"a\n<!-- {name}: begin -->\nold\n<!-- {name}: end -->\nb\n" for name in ("results", "bought", "bench")))
    readme.update(path)
    assert "WikiText-2" in path.read_text()
    assert "nanoGPT" in path.read_text()
    assert "old" not in path.read_text()
    monkeypatch.setattr(ledger, "write_text", lambda *args: pytest.fail("written again"))
    readme.update(path)
