"""A trained network as a `Model`: predictions in windows, the same ones that it generates from and is scored by."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tinylm import flops
from tinylm.config import GatedCountsConfig, RunSpec, TransformerConfig, shown
from tinylm.config.calls import public
from tinylm.evaluation import attention, generate, nlls
from tinylm.evaluation.attention import AttentionMaps
from tinylm.evaluation.counts import CountsModel
from tinylm.evaluation.model import Model, ModelError
from tinylm.models.networks import LanguageModel, n_params
from tinylm.models.networks.threads import threads


@dataclass(frozen=True, kw_only=True, repr=False)
class NetworkModel(Model):
    """A network with its trained weights, an nn.Module; `lead_ids` is text of its corpus that ends a line, `path` its weights file."""

    network: LanguageModel
    lead_ids: np.ndarray
    path: Path | None = None

    def __call__(self, ids: Any) -> Tensor:
        """Logits (B, T, V) of the token after each position of ids (B, T), or (T, V) of ids (T,); (B, 1, V) of a one-prediction model.

        ModelError for what are no ids.
        """
        x = self._checked(ids)
        n_out = x.shape[-1] if self.spec.model.predicts_every_position else 1
        logits_BTV = self.network(x if x.ndim == 2 else x[None], n_out)
        return logits_BTV if x.ndim == 2 else logits_BTV[0]

    def _checked(self, ids: Any) -> Tensor:
        """Ids (T,) or (B, T) as int64; ModelError for anything else."""
        size = len(self.vocabulary.tokens)
        try:
            x = torch.as_tensor(ids)
        except (TypeError, ValueError, RuntimeError):
            x = torch.tensor([])
        is_whole = not (x.is_floating_point() or x.is_complex() or x.dtype == torch.bool)
        if not (is_whole and x.ndim in (1, 2) and x.numel()):
            raise ModelError(f"give ids (T,) or (B, T) of one token or more, whole numbers from 0 to {size - 1}; encode(text) has a text's")
        x = x.long()
        if x.min() < 0 or x.max() >= size:
            raise ModelError(f"ids are from 0 to {size - 1}, got {int(x.min())} to {int(x.max())}; encode(text) has a text's")
        return x

    def __dir__(self) -> list[str]:
        return [name for name in super().__dir__() if name != "lead_ids"]

    @property
    def n_params(self) -> int:
        return n_params(self.network)

    @torch.inference_mode()
    def predictions(self, ids: np.ndarray) -> Iterator[np.ndarray]:
        length, every = self.spec.model.context_length, self.spec.train.loss_at == "all"
        start = generate.filled(self.spec, ids[:1], self.lead_ids)
        text = torch.from_numpy(np.concatenate([start, ids[1:]]).astype(np.int64))
        first_window = text[None, :length]
        yield self._logits(first_window, first_window.shape[1] if every else 1)[0].numpy()
        step, done = max(1, length // 2) if every else 1, length
        ends = torch.tensor([min(end, len(text)) for end in range(length + step, len(text) + step, step)], dtype=torch.long)
        for some in ends.split(max(1, nlls.POSITIONS_PER_BATCH["cpu"] // length)) if len(ends) else ():
            logits = self._logits(text[some[:, None] - length + torch.arange(length)], step)
            for end, rows in zip(some.tolist(), logits.numpy(), strict=True):
                yield rows[done - end :]  # of the last window, what the one before it has not
                done = end

    @torch.inference_mode()
    def next_logits(self, ids: np.ndarray) -> np.ndarray:
        window = generate.filled(self.spec, ids, self.lead_ids)[-self.spec.model.context_length :]
        return self._logits(torch.from_numpy(window.astype(np.int64))[None], 1)[0, 0].numpy()

    def _logits(self, x_BT: Tensor, n_out: int) -> Tensor:
        with threads(1):  # not over a yield, where the caller's code runs
            return self.network(x_BT, n_out)

    def token_nlls(self, ids: np.ndarray, spec: RunSpec) -> np.ndarray:
        return nlls.token_nlls(self.network, torch.from_numpy(ids.astype(np.int32)), spec, bar=True)

    def predictor(self, ids: np.ndarray) -> generate.Predictor:
        start = generate.filled(self.spec, ids, self.lead_ids)
        lead = torch.from_numpy(start[: len(start) - len(ids)].astype(np.int64))
        predict = generate.predictor(self.network, self.spec.model.context_length)
        return lambda text: predict(torch.cat([lead, text]))

    @public()
    def attention(self, text: str) -> AttentionMaps:
        if not isinstance(self.spec.model, TransformerConfig):
            return super().attention(text)  # which says that there is none
        ids = self._some(text)
        window = generate.filled(self.spec, ids, self.lead_ids)[-self.spec.model.context_length :]
        return attention.read(self.network, window, [self.vocabulary.tokens[int(i)] for i in window], len(ids), self.spec)

    def parts(self) -> list[str]:
        parameters: dict[str, int] = {}
        for name, parameter in self.network.named_parameters():
            part = name.split(".")[0]
            parameters[part] = parameters.get(part, 0) + parameter.numel()
        config, n_scored = self.spec.model, self.spec.n_targets
        costs = flops.forward_parts(config, len(self.vocabulary.tokens), n_scored, n_scored)
        work = f"forward pass of {config.context_length:,} tokens"
        return [_shares("part", "parameters", parameters), _shares(work, "FLOPs", costs)]


def _shares(title: str, unit: str, parts: Mapping[str, int]) -> str:
    """HTML of how much each part is of all."""
    total = sum(parts.values())
    rows = [[name.replace("_", " "), f"{n:,}", shown.share(n, total)] for name, n in parts.items() if n]
    return shown.table([title, unit, "share"], [*rows, ["all", f"{total:,}", shown.share(total, total)]])


def network_of(model: Model) -> NetworkModel:
    """The model as the network that it is, for what only networks can do; ModelError for counts and mixtures."""
    if isinstance(model, NetworkModel):
        return model
    what = "a mixture is several models"
    if isinstance(model, CountsModel):
        what = f"{model.spec.model.title} counts n-grams"
    elif isinstance(model.spec.model, GatedCountsConfig):
        what = "gated counts are a network and counts"
    raise ModelError(f"{what}, and only a network can be exported; name another model")
