"""The folder for transformers: what its files say; that transformers reads it is tested in test_modeling_tinylm.py."""

import json

import pytest
from safetensors.torch import load_file

from tinylm.evaluation import huggingface, loading
from tinylm.evaluation.model import ModelError


def test_the_files_hold_the_weights_the_vocabulary_and_the_code(tmp_path):
    model = loading.load("self-attention")
    folder = huggingface.write_folder(model, tmp_path / "new")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    assert config["vocab"] == list(model.vocabulary.tokens)
    assert sum(tensor.numel() for tensor in load_file(folder / "model.safetensors").values()) == model.n_params
    assert (folder / huggingface.CODE.name).read_bytes() == huggingface.CODE.read_bytes()


@pytest.mark.parametrize(("name", "how"), [("shakespeare", "for token in text]"), ("ptb", "for word in text.split()]")])
def test_the_card_says_how_to_encode(name, how):
    assert how in huggingface.card(loading.load(name))


def test_a_folder_with_files_is_left_alone(tmp_path):
    (tmp_path / "mine").touch()
    with pytest.raises(ModelError, match="is there already"):
        huggingface.write_folder(loading.load("self-attention"), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
