import dataclasses

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from specs import TRANSFORMER, VOCAB_SIZE, spec

from tinylm.config import TrainConfig
from tinylm.evaluation.nlls import token_nlls
from tinylm.models.networks import build
from tinylm.training import loop
from tinylm.training.averaging import AVERAGES
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


class Scalar(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))


def averaged(values, ema_decay, first_step=1):
    """The average of a weight that starts at zero and has these values after `first_step` steps, the next step and so on."""
    model = Scalar()
    average = AVERAGES["ema"](model, TrainConfig(steps=1, average="ema", ema_decay=ema_decay), 0)
    for step, value in enumerate(values, first_step):
        model.weight.data.fill_(value)
        average.update(step)
    assert model.weight.item() == values[-1], "the trained weights stay as they are"
    return average.model.weight.item()


def test_a_short_run_forgets_its_initial_weights():
    assert averaged([11.0], 0.999) == pytest.approx(9)  # 2/11 of zero remains
    assert averaged([11.0, 12.0], 0.999) == pytest.approx(0.25 * 9 + 0.75 * 12)
    assert averaged([8.0] * 100, 0.999) == pytest.approx(8, rel=1e-6)


def test_a_long_run_averages_over_as_many_steps_as_the_decay_says():
    assert averaged([1.0], 0.75, first_step=10_000) == pytest.approx(0.25)
    assert averaged([1.0], 0.999, first_step=100_000) == pytest.approx(0.001)


def swa(values, swa_share):
    """The weight that is scored after each step of a run in which it has these values."""
    model, scored = Scalar(), []
    average = AVERAGES["swa"](model, TrainConfig(steps=1, average="swa", swa_share=swa_share), len(values))
    for step, value in enumerate(values, 1):
        model.weight.data.fill_(value)
        average.update(step)
        scored.append(average.model.weight.item())
    return scored


def test_the_last_part_of_a_run_has_equal_shares():
    values = [5.0, 1.0, 9.0, 2.0, 4.0, 3.0, 7.0, 8.0]
    assert swa(values, 0.5) == pytest.approx([5.0, 1.0, 9.0, 2.0, 4.0, 3.5, 14 / 3, 5.5]), "before it the weights are as trained"
    assert swa(values, 1) == pytest.approx([sum(values[:n]) / n for n in range(1, 9)])
    assert swa(values, 0.01) == values, "a part of less than a step"


def test_a_restored_average_goes_on_where_it_stopped():
    models, train = [Scalar(), Scalar()], TrainConfig(steps=1, average="ema", ema_decay=0.5)
    first, second = (AVERAGES["ema"](model, train, 0) for model in models)
    models[0].weight.data.fill_(4.0)
    first.update(100)
    taken = first.tensors()
    for model in models:
        model.weight.data.fill_(8.0)
    first.update(101)
    second.restore(taken)
    second.update(101)
    assert first.model.weight.item() == second.model.weight.item() == 5.0
    assert taken["weight"].item() == 2.0, "what was taken is a copy"


def test_without_an_average_the_trained_weights_are_scored():
    model = Scalar()
    average = AVERAGES["none"](model, TrainConfig(steps=1), 1)
    average.update(1)
    assert average.model is model and average.tensors() == {}
