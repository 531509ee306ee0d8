"""Networks in a form that `torch.onnx.export` can follow for texts of every length: the same functions, without the kernels of training."""

import copy
import functools

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tinylm.config import ConfigError, ModelConfig
from tinylm.models.networks.attention import Attention, Values, unmixed
from tinylm.models.networks.attention_maps import attention_weights
from tinylm.models.networks.base import LanguageModel
from tinylm.models.networks.convolution import ShortConvolution
from tinylm.models.networks.induction import Induction
from tinylm.models.networks.layers import last
from tinylm.models.networks.lstm import LSTM
from tinylm.models.networks.mogrifier import MogrifierLSTM


class Exportable(nn.Module):
    """A copy of a network that maps ids (B, T) to logits (B, T, V), or to (B, 1, V) where it gives one prediction.

    The layers of an LSTM are ONNX's own, which nothing but `torch.onnx.export` can follow. ConfigError for a mogrifier, whose loop over
    positions torch would unroll, for one length only.
    """

    def __init__(self, network: LanguageModel, config: ModelConfig) -> None:
        super().__init__()
        if any(isinstance(module, MogrifierLSTM) for module in network.modules()):
            raise ConfigError("ONNX has no mogrifier; export this model with --hf")
        self.network, self.predicts_every_position = copy.deepcopy(network).eval(), config.predicts_every_position
        # A user's architecture may have an nn.LSTM of another form than those of LSTM.
        forms = FORMS | {nn.LSTM: _lstm} if isinstance(network, LSTM) else FORMS
        for module in self.network.modules():
            if form := forms.get(type(module)):
                module.forward = functools.partial(form, module)

    def forward(self, ids: Tensor) -> Tensor:
        return self.network(ids, ids.shape[1] if self.predicts_every_position else 1)


def _attention(attention: Attention, x_BTD: Tensor, n_out: int, values: Values = unmixed) -> Tensor:
    """With all scores at once, masked: those of all pairs of positions, or those of its window's blocks."""
    n_positions, x_BTD = x_BTD.shape[1], attention.convolution(x_BTD)
    group = attention.n_head // attention.kv_heads
    k_BHTK, v_BHTK = (t.repeat_interleave(group, 1) for t in attention.keys_values(x_BTD, n_positions, values))
    if attention.window:
        mixed_BHTK = _mixed_in_blocks(attention, attention.queries(x_BTD, n_positions), k_BHTK, v_BHTK)
    else:
        mixed_BHTK = attention_weights(attention, x_BTD) @ v_BHTK
    return last(attention.projected(x_BTD, mixed_BHTK, v_BHTK), n_out)


def _mixed_in_blocks(attention: Attention, q_BHTK: Tensor, k_BHTK: Tensor, v_BHTK: Tensor) -> Tensor:
    """What the queries of each of G blocks of W positions take from the S = 2 W positions of their block and the one before."""
    size, n_positions = attention.window, q_BHTK.shape[2]
    k_BHGSK, v_BHGSK = (torch.cat([blocks[:, :, :-1], blocks[:, :, 1:]], 3) for blocks in (_blocks(t, size, 1) for t in (k_BHTK, v_BHTK)))
    scores_BHGWS = _blocks(q_BHTK, size, 0) @ k_BHGSK.mT * attention.d_head**-0.5
    query_W, key_S, block_G11 = torch.arange(size) + size, torch.arange(2 * size), torch.arange(scores_BHGWS.shape[2])[:, None, None]
    if attention.score_bias is not None:
        scores_BHGWS = scores_BHGWS + attention.score_bias(query_W, key_S)[:, None]
    unseen_GWS = (key_S > query_W[:, None]) | ((block_G11 == 0) & (key_S < size))
    return (scores_BHGWS.masked_fill(unseen_GWS, float("-inf")).softmax(-1) @ v_BHGSK).flatten(2, 3)[:, :, :n_positions]


def _blocks(x_BHTK: Tensor, size: int, n_before: int) -> Tensor:
    """Positions in blocks of a size, the last one filled up with zeros, and with blocks of zeros before them: (B, H, blocks, size, K)."""
    n_blocks = (x_BHTK.shape[2] + size - 1) // size
    padded = F.pad(x_BHTK, (0, 0, n_before * size, n_blocks * size - x_BHTK.shape[2]))
    return padded.unflatten(2, (n_before + n_blocks, size))


def _convolution(convolution: ShortConvolution, x_BTD: Tensor) -> Tensor:
    """With zeros before the text, so that a text may be shorter than the convolution."""
    n_positions, n_before = x_BTD.shape[1], len(convolution.weight) - 1
    padded = F.pad(x_BTD, (0, 0, n_before, 0))
    return x_BTD + sum(padded[:, n_before - back :][:, :n_positions] * factor_1D for back, factor_1D in enumerate(convolution.weight))


def _induction(induction: Induction, x_BT: Tensor, embedding: nn.Embedding, n_out: int) -> Tensor:
    """With tokens after the text, which no position of it sees, so that a text may be shorter than a row of tokens."""
    n_positions = x_BT.shape[1]
    padded = F.pad(x_BT, (0, max(induction.orders) + induction.n_times))
    table_RD, rows_BTK = induction.found(padded, embedding, padded.shape[1])
    found_BTD = F.embedding(rows_BTK[:, :n_positions], table_RD).sum(2)
    return last(embedding(x_BT) + induction.out(found_BTD), n_out)


def _lstm(layer: nn.LSTM, x_BTD: Tensor) -> tuple[Tensor, None]:
    """With ONNX's operator; torch.export would follow the recurrence position by position, for one length only."""
    n_batch, n_positions, width = *x_BTD.shape[:2], layer.hidden_size
    weights = [_onnx_gates(weight)[None] for weight in (layer.weight_ih_l0, layer.weight_hh_l0)]
    bias = torch.cat([_onnx_gates(layer.bias_ih_l0), _onnx_gates(layer.bias_hh_l0)])[None]
    shapes = [(n_positions, 1, n_batch, width), (1, n_batch, width), (1, n_batch, width)]
    inputs = (x_BTD.transpose(0, 1), *weights, bias)
    out_T1BD = torch.onnx.ops.symbolic_multi_out("LSTM", inputs, {"hidden_size": width}, dtypes=[x_BTD.dtype] * 3, shapes=shapes)[0]
    return out_T1BD[:, 0].transpose(0, 1), None


def _onnx_gates(weight: Tensor) -> Tensor:
    """A weight (4 D, ...) with its gates input, forget, cell, output in ONNX's order input, output, forget, cell."""
    return weight.unflatten(0, (4, -1))[[0, 3, 1, 2]].flatten(0, 1)


FORMS = {Attention: _attention, ShortConvolution: _convolution, Induction: _induction}
