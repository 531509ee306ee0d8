import dataclasses

import pytest
import torch
from specs import TRANSFORMER, VOCAB_SIZE

from tinylm.models.networks import build


@pytest.fixture
def convolving():
    """A Transformer whose convolutions have left zero."""
    model = build(dataclasses.replace(TRANSFORMER, convolution=3, attention_dropout=0.0, ffn_dropout=0.0), VOCAB_SIZE).eval()
    for block in model.blocks:
        torch.nn.init.normal_(block.attention.layer.convolution.weight)
    return model


@pytest.fixture
def copying():
    """A Transformer whose induction has left zero."""
    shape = {"induction": (1, 2), "induction_times": 2, "attention_dropout": 0.0, "ffn_dropout": 0.0, "init": "zero_out"}
    model = build(dataclasses.replace(TRANSFORMER, **shape), VOCAB_SIZE).eval()
    assert not model.induction.out.weight.any()
    torch.nn.init.normal_(model.induction.out.weight)
    return model
