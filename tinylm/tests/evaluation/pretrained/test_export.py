from dataclasses import replace

import pytest
import torch
from specs import spec

from tinylm import data, files, ledger
from tinylm.config import NgramConfig, RunSpec, TrainConfig, TransformerConfig
from tinylm.evaluation import counts, loading, pretrained, weights
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


@pytest.fixture
def counted(home, monkeypatch):
    """Counts with a cache listed as `tiny`, with their record among the published ones."""

    def record(corpus="grammar-char", **model):
        planned = RunSpec(corpus=corpus, model=NgramConfig(order=3, **model), train=TrainConfig(epochs=1))
        monkeypatch.setattr(pretrained, "MODELS", {"tiny": planned.key})
        made = counts.count_record(planned, data.load(corpus))
        ledger.write(made, files.LEDGER / "local")
        return made

    return record


def test_export_writes_counts_that_open_without_their_corpus_and_a_card(call, counted, home, monkeypatch):
    monkeypatch.chdir(home)
    record = counted(cache=50)
    code, out, err = call("export tiny")
    assert code == 0 and out.split() == ["tinylm/evaluation/pretrained/tiny.safetensors", "tinylm/evaluation/pretrained/tiny.md"], err
    corpus = data.load("grammar-char")
    monkeypatch.setattr(data, "load", lambda *_: pytest.fail("the corpus was read"))
    opened = loading.load("tiny")
    assert opened.spec == record.spec and opened.vocabulary == corpus.vocabulary and opened.n_params == record.n_params
    assert opened.token_nlls(corpus.test, record.spec).mean() == pytest.approx(record.test.nll)
    assert loading.list_models()["parameters"].tolist() == [record.n_params]
    text = pretrained.card_file("tiny").read_text(encoding="utf-8")
    for said in ("KN-3 + cache 50", f"{record.n_params:,} n-grams", "2 tokens, and what followed the same ones among the 50", "+0.0e+00"):
        assert said in text


def test_a_text_that_is_not_free_and_counts_without_a_cache_are_not_exported(call, counted, monkeypatch):
    counted()
    assert "tiny has no cache, whose weights a file of counts holds" in call("export tiny")[2]
    counted(cache=50)
    monkeypatch.setattr(data, "licence", lambda corpus: "research use")
    code, _, err = call("export tiny")
    assert code == 2 and "whose licence is: research use; take a free text" in err and not pretrained.weights_file("tiny").exists()


def test_counts_that_are_not_as_recorded_are_not_exported(call, counted):
    record = counted(cache=50)
    ledger.write(replace(record, test=replace(record.test, nll=1.0)), files.LEDGER / "local")
    assert "grammar-char, counted here, scores " in call("export tiny")[2]
    assert "tiny is counted from its corpus; leave out --from" in call(f"export tiny --from {record.spec.key}")[2]


def test_export_says_what_is_missing(call, trained, monkeypatch):
    path = files.WEIGHTS / f"{trained.spec.key}.safetensors"
    assert "unknown value 'ptb'" in call("export ptb")[2]
    assert "is not a readable checkpoint" in call("export tiny --card")[2]
    tensors, said = checkpoint.load(path)
    checkpoint.save(files.WEIGHTS / "bad.safetensors", {name: torch.zeros_like(value) for name, value in tensors.items()}, said)
    code, _, err = call(f"export tiny --from {files.WEIGHTS / 'bad.safetensors'}")
    assert code == 2 and ", in 16 bits, scores " in err and "its record says" in err and not pretrained.weights_file("tiny").exists()
    path.unlink()
    assert f"train it with: python -m tinylm train --run {trained.spec.key}" in call("export tiny")[2]
    monkeypatch.setattr(pretrained, "MODELS", {"tiny": "0123456789abcdef"})
    assert "whose record is not in" in call(f"export tiny --from {files.WEIGHTS / 'bad.safetensors'}")[2]
