import dataclasses

import torch
from hypothesis import given
from specs import TRANSFORMER, VOCAB_SIZE, transformer_configs

from tinylm.models.networks import build
from tinylm.models.networks.attention_maps import attention_maps


@torch.inference_mode()
def heads_mixed(attention, weights_BHTT, x_BTD):
    """Weights times values, as the attention goes on from there (B, T, D)."""
    v_BHTK = attention.keys_values(x_BTD, x_BTD.shape[1])[1].repeat_interleave(attention.n_head // attention.kv_heads, 1)
    return attention.projected(x_BTD, weights_BHTT @ v_BHTK, v_BHTK)


@given(config=transformer_configs())
def test_weights_are_causal_sum_to_one_and_give_each_blocks_attention(config):
    torch.manual_seed(0)
    config = dataclasses.replace(config, value_residual=False)  # which changes what is taken, not from where
    model = build(config, VOCAB_SIZE).double().eval()
    x_BT = torch.randint(VOCAB_SIZE, (2, config.context_length))
    seen = []
    for block in model.blocks:
        block.attention.layer.register_forward_hook(lambda layer, given, out: seen.append((layer, given[0], out)))
    maps = attention_maps(model, x_BT)
    assert len(maps) == config.depth == len(seen)
    for weights_BHTT, (layer, x_BTD, out_BTD) in zip(maps, seen, strict=True):
        assert weights_BHTT.shape == (2, config.n_head, config.context_length, config.context_length)
        torch.testing.assert_close(weights_BHTT.sum(-1), torch.ones_like(weights_BHTT[..., 0]))
        assert not weights_BHTT.triu(1).any()
        torch.testing.assert_close(heads_mixed(layer, weights_BHTT, x_BTD), out_BTD)


def test_looking_leaves_no_hook_behind():
    model = build(TRANSFORMER, VOCAB_SIZE).eval()
    attention_maps(model, torch.zeros(1, 4, dtype=torch.long))
    assert not any(block.attention.layer._forward_pre_hooks for block in model.blocks)
