"""The forms for ONNX are the same functions, at every length; that ONNX follows them is tested in evaluation/test_onnx_file.py."""

import dataclasses

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from specs import LSTM, TRANSFORMER, VOCAB_SIZE, feedforward_configs, transformer_configs
from torch import nn

from tinylm.models.networks import build, exportable
from tinylm.models.networks.exportable import Exportable


def network(config):
    """A network of float64 whose convolutions have left zero."""
    torch.manual_seed(0)
    model = build(config, VOCAB_SIZE).double().eval()
    for name, parameter in model.named_parameters():
        if "convolution" in name:
            nn.init.normal_(parameter)
    return model


@torch.inference_mode()
@given(config=st.one_of(transformer_configs(), feedforward_configs()))
def test_the_logits_are_equal_at_every_length(config):
    model = network(config)
    form = Exportable(model, config)
    every = config.predicts_every_position
    for length in range(1, config.context_length + 1) if every else [config.context_length]:
        ids = torch.randint(VOCAB_SIZE, (2, length))
        torch.testing.assert_close(form(ids), model(ids, length if every else 1))


def test_the_network_keeps_its_own_forms_and_mode():
    model = build(TRANSFORMER, VOCAB_SIZE).train()
    form = Exportable(model, TRANSFORMER)
    assert model.training and not form.network.training
    assert "forward" in vars(form.network.blocks[0].attention.layer) and "forward" not in vars(model.blocks[0].attention.layer)


def test_the_gates_of_an_lstm_come_in_the_order_of_onnx():
    assert exportable._onnx_gates(torch.tensor([10, 11, 20, 21, 30, 31, 40, 41])).tolist() == [10, 11, 40, 41, 20, 21, 30, 31]


@pytest.mark.parametrize(("config", "replaced"), [(LSTM, True), (TRANSFORMER, False)])
def test_only_the_layers_of_an_lstm_of_ours_are_replaced(config, replaced):
    model = build(config, VOCAB_SIZE)
    model.added = nn.LSTM(3, 3, bidirectional=True)
    assert ("forward" in vars(Exportable(model, config).network.added)) == replaced


def test_one_graph_of_an_induction_is_right_for_every_length():
    """As torch proves it: it raises where a shorter text would take another branch than the one that it followed."""
    config = dataclasses.replace(TRANSFORMER, n_layer=1, induction=(1, 3), induction_times=2)
    model, ids = network(config), torch.randint(VOCAB_SIZE, (2, config.context_length))
    sizes = {0: torch.export.Dim("batch", min=1), 1: torch.export.Dim("length", min=1, max=config.context_length)}
    graph = torch.export.export(Exportable(model, config), (ids,), dynamic_shapes={"ids": sizes}).module()
    for length in range(1, config.context_length + 1):
        torch.testing.assert_close(graph(ids[:, :length]), model(ids[:, :length], length))
