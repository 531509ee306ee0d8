"""`export`: what it refuses; that its files are right is tested beside the package's models."""

from pathlib import Path

import pytest

from tinylm.report import cards, live_page

MISTAKES = {
    "export": "the following arguments are required: NAME",
    "export nobody": "unknown value 'nobody'; there are: shakespeare",
    "export shakespeare": "are not here; train it with: python -m tinylm train --run",
    "export shakespeare --card --from x": "argument --from: not allowed with argument --card",
    "export shakespeare --from README.md": "README.md is not a weights file; those end in .safetensors",
    "export shakespeare --data-dir nowhere": "argument --data-dir: nowhere is not a folder",
}


@pytest.mark.parametrize("line", MISTAKES)
def test_a_mistake_is_one_clear_message(refused, home, line):
    (home / "README.md").touch()
    assert MISTAKES[line] in refused(line)


@pytest.mark.parametrize(("name", "written"), [("shakespeare", ["card", "page"]), ("transformer", ["card"])])
def test_the_model_of_the_live_page_is_written_into_it_too(call, monkeypatch, name, written):
    monkeypatch.setattr(cards, "write_card", lambda name, records: Path("card"))
    monkeypatch.setattr(live_page, "update", lambda: Path("page"))
    code, out, _ = call(f"export {name} --card")
    assert code == 0 and out.split() == written
