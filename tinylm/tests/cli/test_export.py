"""`export`: what it refuses; that its files are right is tested beside the package's models."""

from pathlib import Path

import pytest

from tinylm import data, files
from tinylm.evaluation import onnx_file
from tinylm.report import cards, live_page

MISTAKES = {
    "export": "the following arguments are required: NAME",
    "export nobody": "unknown value 'nobody'; there are: shakespeare",
    "export shakespeare": "are not here; train it with: python -m tinylm train --run",
    "export shakespeare --card --from x": "argument --from: not allowed with argument --card",
    "export --hf folder --card shakespeare": "argument --card: not allowed with argument --hf",
    "export --hf folder nobody": "no run is called 'nobody'",
    "export --hf folder counts": "counts n-grams, and only a network can be exported",
    "export --onnx new.onnx --hf folder all": "argument --hf: not allowed with argument --onnx",
    "export --onnx new.onnx nobody": "no run is called 'nobody'",
    "export --onnx new.onnx counts": "counts n-grams, and only a network can be exported",
    "export shakespeare --from README.md": "README.md is not a weights file; those end in .safetensors",
    "export shakespeare --data-dir nowhere": "argument --data-dir: nowhere is not a folder",
}


@pytest.mark.parametrize("line", MISTAKES)
def test_a_mistake_is_one_clear_message(refused, home, line):
    if line.endswith(" counts") and not data.available("tiny_shakespeare"):
        pytest.skip("tiny_shakespeare, which the counts read, is neither in TINYLM_DATA nor in datasets/")
    (home / "README.md").touch()
    assert MISTAKES[line] in refused(line)


@pytest.mark.parametrize(("name", "written"), [("shakespeare", ["card", "page"]), ("transformer", ["card"])])
def test_the_model_of_the_live_page_is_written_into_it_too(call, monkeypatch, name, written):
    monkeypatch.setattr(cards, "write_card", lambda name, records: Path("card"))
    monkeypatch.setattr(live_page, "update", lambda: Path("page"))
    code, out, _ = call(f"export {name} --card")
    assert code == 0 and out.split() == written


def test_a_folder_for_transformers_needs_no_clone(call, home, keys, monkeypatch):
    monkeypatch.setattr(files, "IS_CLONE", False)
    assert call(f"export --hf folder {keys['all']}")[:2] == (0, "folder\n")
    assert {path.name for path in (home / "folder").iterdir()} >= {"README.md", "config.json", "model.safetensors"}
    code, out, err = call(f"export --hf folder {keys['all']}")
    assert code == 2 and not out and "is there already; name a new folder, or empty this one" in err


@pytest.mark.parametrize(("difference", "said"), [(2.1e-6, "its logits are the model's to 2e-06"), (None, "onnxruntime is not installed")])
def test_an_onnx_file_needs_no_clone_and_the_command_says_how_it_was_checked(call, keys, monkeypatch, difference, said):
    monkeypatch.setattr(files, "IS_CLONE", False)
    monkeypatch.setattr(onnx_file, "write_file", lambda model, file: difference)
    code, out, err = call(f"export --onnx new.onnx {keys['all']}")
    assert (code, out) == (0, "new.onnx\n") and said in err
