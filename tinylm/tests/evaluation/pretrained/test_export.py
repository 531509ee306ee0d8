from dataclasses import replace

import pytest
import torch
from specs import spec

from tinylm import data, files, ledger
from tinylm.config import TransformerConfig
from tinylm.evaluation import pretrained, weights
from tinylm.models import checkpoint
from tinylm.training.loop import Hooks, train

TIED = TransformerConfig(context_length=8, d_model=8, n_head=2, n_layer=1, d_ff=8, tied=True, init="scaled")


@pytest.fixture
def trained(home, monkeypatch):
    """A tied model listed as `tiny`, trained here, with its record among the published ones."""
    planned = replace(spec(TIED), corpus="grammar-char")
    monkeypatch.setattr(pretrained, "MODELS", {"tiny": planned.key})
    record = train(planned, data.load("grammar-char"), hooks=Hooks(weights=files.WEIGHTS / f"{planned.key}.safetensors"))
    ledger.write(record, files.LEDGER / "local")
    return record


def test_export_writes_weights_that_open_and_a_card(call, trained, home, monkeypatch):
    monkeypatch.chdir(home)
    key = trained.spec.key
    code, out, _ = call("export tiny")
    assert code == 0 and out.split() == ["tinylm/evaluation/pretrained/tiny.safetensors", "tinylm/evaluation/pretrained/tiny.md"]
    opened = weights.open_file(pretrained.weights_file("tiny"), {})
    assert opened.spec == trained.spec and opened.vocabulary == data.load("grammar-char").vocabulary
    stored, _ = checkpoint.load(pretrained.weights_file("tiny"))
    assert sum(tensor.numel() for tensor in stored.values()) == trained.n_params
    text = pretrained.card_file("tiny").read_text(encoding="utf-8")
    for said in (key, f"{trained.n_params:,} parameters", f"{trained.test.nll:.4f}", "tinylm/data/grammar.py", "model.tied = True"):
        assert said in text
    pretrained.card_file("tiny").unlink()
    assert call("export tiny --card")[0] == 0 and pretrained.card_file("tiny").read_text(encoding="utf-8") == text


def test_export_says_what_is_missing(call, trained, monkeypatch):
    path = files.WEIGHTS / f"{trained.spec.key}.safetensors"
    assert "unknown value 'ptb'" in call("export ptb")[2]
    assert "is not a readable checkpoint" in call("export tiny --card")[2]
    tensors, said = checkpoint.load(path)
    checkpoint.save(files.WEIGHTS / "bad.safetensors", {name: torch.zeros_like(value) for name, value in tensors.items()}, said)
    code, _, err = call(f"export tiny --from {files.WEIGHTS / 'bad.safetensors'}")
    assert code == 2 and "in 16 bits, its record says" in err and not pretrained.weights_file("tiny").exists()
    path.unlink()
    assert f"train it with: python -m tinylm train --run {trained.spec.key}" in call("export tiny")[2]
    monkeypatch.setattr(pretrained, "MODELS", {"tiny": "0123456789abcdef"})
    assert "whose record is not in" in call(f"export tiny --from {files.WEIGHTS / 'bad.safetensors'}")[2]
