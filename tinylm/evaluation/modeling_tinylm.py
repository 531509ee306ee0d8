"""The remote code of a folder for `transformers`, into which this file is copied: the network itself is the one of tinylm."""

from typing import Any

import torch
from torch import Tensor
from transformers import GenerationMixin, PreTrainedConfig, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutput

try:
    from tinylm.config.serialise import spec_from_dict
    from tinylm.models.networks import build
except ModuleNotFoundError as error:
    if (error.name or "").partition(".")[0] != "tinylm":
        raise
    raise ImportError("this model is a network of the package tinylm, which is not installed here; its card says how to get it") from error


class TinylmConfig(PreTrainedConfig):
    """The run that a model is of, as tinylm writes it, and its vocabulary in the order of the ids."""

    model_type = "tinylm"

    def __init__(self, spec: dict[str, Any] | None = None, vocab: list[str] | None = None, **others: Any) -> None:
        self.spec, self.vocab = spec, vocab or []
        self.vocab_size = len(self.vocab)
        super().__init__(**{"tie_word_embeddings": True} | others)


class TinylmForCausalLM(PreTrainedModel, GenerationMixin):
    """A network of tinylm, which reads no padding and keeps no cache."""

    config_class = TinylmConfig

    def __init__(self, config: TinylmConfig) -> None:
        super().__init__(config)
        self.model_config = spec_from_dict(config.spec).model
        # On the CPU, though transformers builds without memory and then leaves the tables of positions, which are in no file, empty.
        with torch.device("cpu"):
            self.network = build(self.model_config, config.vocab_size)
        owned = [(part, name) for part in self.modules() for name in part._non_persistent_buffers_set]
        self._tables = [(part, name, getattr(part, name).clone()) for part, name in owned]
        self._tied_weights_keys = _tied(self)
        self.post_init()

    def _init_weights(self, module: torch.nn.Module) -> None:
        """Put a module's tables back; the weights it has drawn itself, or they are in the file."""
        for owner, name, table in self._tables:
            if owner is module:
                getattr(module, name).data.copy_(table)

    def prepare_inputs_for_generation(self, input_ids: Tensor, attention_mask: Tensor | None = None, **_: Any) -> dict[str, Any]:
        length = self.model_config.context_length
        return {"input_ids": input_ids[:, -length:], "attention_mask": None if attention_mask is None else attention_mask[:, -length:]}

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None, return_dict: bool | None = None) -> CausalLMOutput:
        """Logits (B, T, V) of the token after each of the ids (B, T); (B, 1, V) of a one-prediction model; ValueError for padding."""
        if attention_mask is not None and not attention_mask.all():
            raise ValueError("this model reads no padding; give texts of one length, without masked tokens")
        n_out = input_ids.shape[1] if self.model_config.predicts_every_position else 1
        logits = self.network(input_ids, n_out)
        return CausalLMOutput(logits=logits) if return_dict is not False else (logits,)


def _tied(module: torch.nn.Module) -> dict[str, str]:
    """The names of parameters that are another one, with the name of that one, which alone is in the file."""
    first: dict[int, str] = {}
    names = [(name, first.setdefault(id(value), name)) for name, value in module.named_parameters(remove_duplicate=False)]
    return {name: other for name, other in names if name != other}
