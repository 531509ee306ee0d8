import dataclasses

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from specs import LINEAR, MLP, TRANSFORMER, VOCAB_SIZE, spec

from tinylm.models.networks import build
from tinylm.study import nanogpt
from tinylm.training.bench import textbook

GPT = dataclasses.replace(nanogpt.MODEL, context_length=8, n_layer=2, n_head=2, d_model=16, d_ff=24)


def gpt_weights(model):
    """Our weights under the names of the nanoGPT-style model."""
    names = {"positions.embedding": "positions", "embedding.weight": "tokens.weight", "attention.norm": "norm1", "ffn.0.norm": "norm2"}
    names |= {"ffn.0.layer.up": "up", "ffn.0.layer.down": "down", "attention.layer.out": "out"}
    found = {}
    for name, tensor in model.state_dict().items():
        for old, new in names.items():
            name = name.replace(old, new)
        found[name] = tensor
    for i in range(GPT.n_layer):
        parts = [found.pop(f"blocks.{i}.attention.layer.{part}.weight") for part in ("query", "key_value")]
        found[f"blocks.{i}.qkv.weight"] = torch.cat(parts)
    return found


def test_the_nanogpt_style_model_computes_our_loss():
    torch.manual_seed(0)
    ours, theirs = build(GPT, VOCAB_SIZE).double(), textbook.GPT(GPT, VOCAB_SIZE).double()
    theirs.load_state_dict(gpt_weights(ours))
    x_BT, y_BT = torch.randint(VOCAB_SIZE, (2, 3, 8))
    losses = [F.cross_entropy(logits.flatten(0, 1), y_BT.flatten()) for logits in (ours(x_BT, 8), theirs(x_BT))]
    torch.testing.assert_close(*losses)


@pytest.mark.parametrize("config", [LINEAR, MLP], ids=lambda c: c.kind)
def test_the_textbook_feed_forward_models_compute_our_loss(config):
    torch.manual_seed(0)
    ours, theirs = build(config, VOCAB_SIZE).eval(), textbook.textbook_model(config, VOCAB_SIZE).eval()
    theirs.load_state_dict(dict(zip(theirs.state_dict(), ours.state_dict().values(), strict=True)))
    x_BT = torch.randint(VOCAB_SIZE, (3, config.context_length))
    torch.testing.assert_close(ours(x_BT, 1), theirs(x_BT))


@pytest.mark.parametrize("make", [textbook.study_step, textbook.gpt_step])
def test_a_textbook_step_learns(corpus, make):
    torch.manual_seed(0)
    train = {"lr": 1e-2, "loss_at": "all", "optimizer": "adamw", "clip": 1.0} if make is textbook.gpt_step else {"lr": 1e-2}
    step = make(spec(GPT if make is textbook.gpt_step else TRANSFORMER, **train), corpus.train, VOCAB_SIZE, "cpu")
    losses = [step().item() for _ in range(60)]
    assert sum(losses[-10:]) < 0.9 * sum(losses[:10])


def test_windows_are_every_context_with_the_token_after_it():
    windows = textbook.Windows(np.array([5, 6, 7, 8], dtype=np.uint16), 2)
    assert [(x_T.tolist(), y.item()) for x_T, y in (windows[i] for i in range(len(windows)))] == [([5, 6], 7), ([6, 7], 8)]
