import dataclasses

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from specs import TRANSFORMER, VOCAB_SIZE, spec

from tinylm.evaluation.nlls import token_nlls
from tinylm.models.networks import build
from tinylm.training import loop
from tinylm.training.loop import Hooks

DROPOUT = dataclasses.replace(TRANSFORMER, embedding_dropout=0.1, projection_dropout=0.1)
RUN = {"epochs": 2, "n_evals": 4, "lr": 3e-3}  # 16 steps of 4 windows, every 8th of 2
EMA = {"average": "ema", "ema_decay": 0.6}


@pytest.mark.parametrize("keep", ["best", "last"])
def test_averaged_weights_are_scored_and_kept(corpus, tmp_path, keep):
    settings = RUN | {"n_evals": 16, "keep": keep}
    curve = loop.train(spec(DROPOUT, **settings, **EMA), corpus, hooks=Hooks(weights=tmp_path / "averaged")).curve
    mean: dict[str, torch.Tensor] = {}
    for step in range(1, 17):  # the weights after every step, from runs that are ended there
        path, shorter = tmp_path / f"{step}", spec(DROPOUT, **settings | {"epochs": 0, "steps": step, "n_evals": 1})
        last = loop.train(shorter, corpus, hooks=Hooks(weights=path))
        assert last.curve[0]["valid_nll"] != curve[step - 1]["valid_nll"]
        torch.manual_seed(0)
        mean = mean or build(DROPOUT, VOCAB_SIZE).state_dict()
        decay = min(0.6, (1 + step) / (10 + step))
        mean = {name: decay * mean[name] + (1 - decay) * new for name, new in load_file(path).items()}
        model = build(DROPOUT, VOCAB_SIZE)
        model.load_state_dict(mean)
        nll = token_nlls(model, torch.from_numpy(corpus.valid.astype(np.int32)), shorter).mean()
        assert curve[step - 1]["valid_nll"] == pytest.approx(nll, rel=1e-5)
        if keep == "last" or min(curve, key=lambda point: point["valid_nll"])["step"] == step:
            kept = mean
    for name, tensor in load_file(tmp_path / "averaged").items():
        torch.testing.assert_close(tensor, kept[name])


def test_averaging_leaves_the_training_as_it_is(corpus):
    plain, averaged = (loop.train(spec(DROPOUT, **RUN, **settings), corpus) for settings in ({}, EMA))
    assert [point["train_nll"] for point in plain.curve] == [point["train_nll"] for point in averaged.curve]
    assert plain.flops == averaged.flops
