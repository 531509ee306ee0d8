"""Attention weights for the eye, recomputed from a model's own projections: training never has to keep them."""

import torch
from torch import Tensor

from tinylm.models.networks.attention import Attention
from tinylm.models.networks.transformer import Transformer


@torch.inference_mode()
def attention_maps(model: Transformer, x_BT: Tensor) -> list[Tensor]:
    """Each time that a block runs, its weights (B, H, T, T): how much a position (row) takes from each (column); rows sum to one."""
    inputs: list[Tensor] = []
    hooks = [block.attention.layer.convolution.register_forward_hook(lambda *given: inputs.append(given[-1])) for block in model.blocks]
    try:
        model(x_BT, x_BT.shape[1])
    finally:
        for hook in hooks:
            hook.remove()
    return [attention_weights(block.attention.layer, x_BTD) for block, x_BTD in zip([*model.blocks] * model.loops, inputs, strict=True)]


def attention_weights(attention: Attention, x_BTD: Tensor) -> Tensor:
    """softmax(q k^T / sqrt(K) + bias) (B, H, T, T) of what the convolution gives: without later keys or dropout, a key per query head."""
    n_positions = x_BTD.shape[1]
    q_BHTK = attention.queries(x_BTD, n_positions)
    k_BHTK = attention.keys_values(x_BTD, n_positions)[0].repeat_interleave(attention.n_head // attention.kv_heads, 1)
    later_TT = torch.ones(n_positions, n_positions, dtype=torch.bool, device=x_BTD.device).triu(1)
    scores_BHTT = q_BHTK @ k_BHTK.mT * attention.d_head**-0.5
    if attention.score_bias is not None:
        positions = torch.arange(n_positions, device=x_BTD.device)
        scores_BHTT = scores_BHTT + attention.score_bias(positions, positions)
    return scores_BHTT.masked_fill(later_TT | _too_far(n_positions, attention.window, x_BTD.device), float("-inf")).softmax(-1)


def _too_far(n_positions: int, window: int, device: torch.device) -> Tensor:
    """Whether a column's position lies before the block that precedes a row's (T, T)."""
    block_T = torch.arange(n_positions, device=device) // (window or n_positions)
    return block_T[:, None] - block_T > 1
