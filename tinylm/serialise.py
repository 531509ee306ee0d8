"""Specs <-> dictionaries of JSON values. Needs no torch."""

import dataclasses
from typing import Any

from tinylm import kinds
from tinylm.config import ConfigError, FieldError, ModelConfig, RunSpec, TrainConfig


def to_dict(config: Any) -> dict[str, Any]:
    """Every field of a config as JSON values, nested configs likewise, each model with its kind."""
    out: dict[str, Any] = {"kind": config.kind} if isinstance(config, ModelConfig) else {}
    for f in dataclasses.fields(config):
        value = getattr(config, f.name)
        if f.init:
            out[f.name] = to_dict(value) if dataclasses.is_dataclass(value) else value
    return out


def spec_from_dict(data: dict[str, Any]) -> RunSpec:
    """The spec that `to_dict` wrote; absent fields take their defaults, unknown ones raise ConfigError."""
    parts = dict(data)
    model = dict(parts.pop("model", {}))
    model_class = kinds.model_class(model.pop("kind", ""))
    train = _build(TrainConfig, parts.pop("train", {}))
    return _build(RunSpec, parts | {"model": _build(model_class, model), "train": train})


def _build(cls: type, fields: dict[str, Any]) -> Any:
    known = [f.name for f in dataclasses.fields(cls) if f.init]
    unknown = sorted(set(fields) - set(known))
    if unknown:
        kind = getattr(cls, "kind", cls.__name__)
        raise FieldError(cls.__name__, unknown[0], f"{kind} has no such field; its fields are {', '.join(known)}")
    try:
        return cls(**fields)
    except TypeError as error:
        raise ConfigError(f"{cls.__name__}: {str(error).removeprefix(cls.__name__).split('() ')[-1]}") from error
