"""ONNX files: the model's logits at every length, what the file says, what is refused. Without onnxscript none is written."""

import dataclasses
import json
import sys

import numpy as np
import pytest
import torch
from specs import LINEAR, LSTM, MLP, POINTING, TRANSFORMER, VOCAB_SIZE, spec
from torch import nn

from tinylm.config import TinylmError
from tinylm.evaluation import loading, onnx_file
from tinylm.evaluation.model import ModelError
from tinylm.evaluation.network_model import NetworkModel
from tinylm.models.networks import build

PARTS = {
    "induction": (1, 3),
    "induction_times": 2,
    "convolution": 3,
    "attention_window": 3,
    "pointer": 4,
    "n_kv_head": 1,
    "n_softmax": 2,
    "position": "rope",
    "norm_place": "pre",
    "parallel": True,
    "value_residual": True,
    "residual_scalars": True,
    "bigrams": 64,
    "n_future": 2,
}
CONFIGS = {
    "transformer": dataclasses.replace(TRANSFORMER, n_layer=1, position="alibi", softcap=5.0),
    "all parts": dataclasses.replace(POINTING, **PARTS),
    "lstm": dataclasses.replace(LSTM, induction=(2,), pointer=4, n_softmax=2),
    "moving mlp": dataclasses.replace(MLP, window=3, induction=(2,)),
    "linear": LINEAR,
}


def model_of(corpus, config):
    torch.manual_seed(0)
    network = build(config, VOCAB_SIZE).eval()
    loss_at = "all" if config.predicts_every_position else "last"
    own = dataclasses.replace(corpus.vocabulary, corpus="a text of one's own")
    return NetworkModel(spec=spec(config, loss_at=loss_at), vocabulary=own, lead_ids=corpus.train[:0], network=network)


@pytest.fixture
def model(corpus):
    return model_of(corpus, LINEAR)


def opened(file):
    """What computes a file: onnxruntime where it is installed, else onnx itself."""
    try:
        import onnxruntime
    except ModuleNotFoundError:
        from onnx.reference import ReferenceEvaluator

        return ReferenceEvaluator(str(file))
    return onnxruntime.InferenceSession(file)


@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning:onnx")  # of onnx itself, for positions that a pointer cannot see
@pytest.mark.parametrize("name", CONFIGS)
def test_the_logits_are_the_models_at_every_length(name, corpus, tmp_path, capfd):
    pytest.importorskip("onnxscript")
    model, file = model_of(corpus, CONFIGS[name]), tmp_path / "new" / "model.onnx"
    difference = onnx_file.write_file(model, file)
    assert difference is None or difference < 1e-5
    assert list(file.parent.iterdir()) == [file] and capfd.readouterr() == ("", "")
    computed, context = opened(file), CONFIGS[name].context_length
    for length in range(1, context + 1) if CONFIGS[name].predicts_every_position else [context]:
        for n_texts in (1, 3):
            ids = np.random.default_rng(length).integers(VOCAB_SIZE if n_texts == 1 else 3, size=(n_texts, length))
            (logits,) = computed.run(None, {"ids": ids})
            np.testing.assert_allclose(logits, model(ids).detach().numpy(), atol=onnx_file.TOLERANCE, rtol=0)


def test_the_file_says_what_it_is(model, tmp_path):
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    onnx_file.write_file(model, tmp_path / "model.onnx")
    assert {entry.key: entry.value for entry in onnx.load(tmp_path / "model.onnx").metadata_props} == onnx_file.metadata(model)


def test_the_metadata_has_all_that_a_reader_needs():
    model = loading.load("ptb")
    said = onnx_file.metadata(model)
    assert json.loads(said.pop("vocabulary")) == list(model.vocabulary.tokens)
    assert said.pop("licence")
    assert said == {"level": "word", "context_length": str(model.spec.model.context_length), "run": model.spec.key}


def test_a_file_is_left_alone(model, tmp_path):
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(ModelError, match="is there already; name a new file"):
        onnx_file.write_file(model, tmp_path / "mine")
    assert (tmp_path / "mine").read_text() == "mine"


def test_without_onnxscript_the_error_says_what_to_install(model, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(TinylmError, match=r"--onnx needs the package tinylm\[onnx\]; run"):
        onnx_file.write_file(model, tmp_path / "new.onnx")


@pytest.mark.parametrize("wrong", [1e-3, float("nan")])
def test_a_file_of_other_logits_is_not_kept(wrong, model, tmp_path, monkeypatch):
    pytest.importorskip("onnxscript")
    pytest.importorskip("onnxruntime")

    class Wrong(onnx_file.Exportable):
        def forward(self, ids):
            return super().forward(ids) + wrong

    monkeypatch.setattr(onnx_file, "Exportable", Wrong)
    with pytest.raises(ModelError, match="the file's logits differ from the model's by (1.0e-03|nan), so it is not kept"):
        onnx_file.write_file(model, tmp_path / "new.onnx")
    assert not list(tmp_path.iterdir())


def test_a_network_that_branches_on_its_text_is_refused_in_one_line(model, tmp_path):
    pytest.importorskip("onnxscript")

    class Branching(nn.Module):
        def forward(self, logits):
            return logits if logits.sum() > 0 else -logits

    model.network.head = Branching()
    with pytest.raises(ModelError, match="torch.onnx cannot write the network of .*; --hf can") as wrong:
        onnx_file.write_file(model, tmp_path / "new.onnx")
    assert "\n" not in str(wrong.value) and not list(tmp_path.iterdir())
