"""Attention weights for the eye, recomputed from a model's own projections: training never has to keep them."""

import torch
from torch import Tensor

from tinylm.models.attention import Attention
from tinylm.models.transformer import Transformer


@torch.inference_mode()
def attention_maps(model: Transformer, x_BT: Tensor) -> list[Tensor]:
    """Of each block the weights (B, H, T, T): how much a position (row) takes from each position (column); rows sum to one."""
    inputs: list[Tensor] = []
    hooks = [block.attention.layer.register_forward_pre_hook(lambda _, given: inputs.append(given[0])) for block in model.blocks]
    try:
        model(x_BT, x_BT.shape[1])
    finally:
        for hook in hooks:
            hook.remove()
    return [weights(block.attention.layer, x_BTD) for block, x_BTD in zip(model.blocks, inputs, strict=True)]


def weights(attention: Attention, x_BTD: Tensor) -> Tensor:
    """softmax(q k^T / sqrt(K)) (B, H, T, T) with later keys left out, before any dropout; grouped keys are repeated for their queries."""
    n_positions = x_BTD.shape[1]
    q_BHTK = attention.queries(x_BTD, n_positions)
    k_BHTK = attention.keys_values(x_BTD, n_positions)[0].repeat_interleave(attention.n_head // attention.kv_heads, 1)
    later_TT = torch.ones(n_positions, n_positions, dtype=torch.bool, device=x_BTD.device).triu(1)
    scores_BHTT = q_BHTK @ k_BHTK.mT * attention.d_head**-0.5
    return scores_BHTT.masked_fill(later_TT, float("-inf")).softmax(-1)
