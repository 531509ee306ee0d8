"""What holds for every file of tinylm/architectures."""

import sys

import pytest
import torch
from specs import VOCAB_SIZE, assert_causal, counted, spec

from tinylm import architectures, files
from tinylm.config import ConfigError, serialise
from tinylm.flops import n_params, window_flops
from tinylm.models.networks import build
from tinylm.models.networks import n_params as built_params

LENGTH = 9


@pytest.mark.parametrize("kind", serialise.own_files())
def test_an_architecture_of_one_file_is_counted_exactly_and_sees_no_future(kind):
    config = serialise.model_class(kind)(context_length=LENGTH)
    assert n_params(config, VOCAB_SIZE) == built_params(build(config, VOCAB_SIZE))
    scored = {"last": 1, "all": LENGTH} if config.predicts_every_position else {"last": 1}
    for loss_at, n_scored in scored.items():
        executed, textbook = window_flops(spec(config, loss_at=loss_at), VOCAB_SIZE)
        assert counted(config, 2, n_scored, n_scored) == 2 * executed
        assert counted(config, 2, max(scored.values()), n_scored) == 2 * textbook
    if config.predicts_every_position:
        assert_causal(build(config, VOCAB_SIZE).eval(), torch.arange(LENGTH)[None], may_be_blind=True)


@pytest.fixture
def own(monkeypatch, tmp_path):
    """A folder of the user's that is searched after the package's, and does not exist yet."""
    monkeypatch.setattr(architectures, "__path__", [*architectures.__path__, str(tmp_path / "own")])
    yield tmp_path / "own"
    sys.modules.pop("tinylm.architectures.hollow", None)


def test_the_folder_of_results_is_searched_too():
    assert architectures.__path__[-1] == str(files.ARCHITECTURES) and files.ARCHITECTURES.parent == files.OUT


def test_a_file_that_does_not_define_its_kind_is_an_error(own, monkeypatch):
    before = serialise.own_files()
    own.mkdir()
    (own / "hollow.py").touch()
    assert serialise.own_files() == sorted([*before, "hollow"])
    with pytest.raises(ConfigError, match=rf"{own}/hollow\.py defines no config with kind = 'hollow'; name the file as the kind"):
        serialise.model_class("hollow")
    packaged = {kind: model for kind, model in serialise.model_kinds().items() if model.__module__.startswith("tinylm.config")}
    monkeypatch.setattr(serialise, "model_kinds", lambda: packaged)  # without those that other tests have defined
    with pytest.raises(ConfigError, match=r"unknown model kind 'mamba'; there are: .*transformer.*, hollow"):
        serialise.model_class("mamba")
