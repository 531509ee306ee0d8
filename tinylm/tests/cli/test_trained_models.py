"""What the commands that use trained models share."""

import re

import pytest

from tinylm.cli import trained_models

MISTAKES = {f"{command} --data-dir nowhere": "argument --data-dir: nowhere is not a folder" for command in ("generate", "chat", "evaluate")}


@pytest.mark.parametrize("line", MISTAKES)
def test_a_mistake_is_one_clear_message(refused, line):
    assert MISTAKES[line] in refused(line)


def test_the_trained_models_are_listed(keys):
    listing = trained_models.listing()
    assert all(key in listing for key in keys.values())


def test_without_a_trained_model_the_list_says_how_to_train_one():
    assert trained_models.listing().endswith("train one with: python -m tinylm train --run Transformer@0")


def test_a_request_opens_its_model(keys):
    trained = trained_models.ModelRequest(model=keys["last"], data_dir=None).open()
    assert trained.spec.key == keys["last"]


def test_a_request_mixes_its_model_with_others(keys, call, monkeypatch):
    from tinylm.evaluation import loading, mixture

    opened = trained_models.open_model(keys["all"], None)
    monkeypatch.setattr(loading, "load", lambda name, data_dir=None: opened)
    mixed = trained_models.ModelRequest(model="one", data_dir=None, others=["two", "three"]).open()
    assert isinstance(mixed, mixture.MixtureModel) and len(mixed.models) == 3
    code, out, _ = call(f"evaluate --model {keys['all']} --with {keys['all']} --split test")
    assert code == 0 and re.match("[0-9a-f]{16} on grammar-char test: NLL", out) and "its record" not in out
    code, out, _ = call(f"generate --model {keys['all']} --with {keys['all']} --length 5")
    assert code == 0 and len(out.strip()) > 0
