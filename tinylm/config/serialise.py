"""Specs <-> dictionaries of JSON values, and the config of each model's tag. Imports no torch itself; an architecture's file does."""

import dataclasses
import importlib
from pathlib import Path
from typing import Any

from tinylm.config import ConfigError, ModelConfig, RunSpec, TeacherConfig, TrainConfig, shown
from tinylm.config.errors import unknown

ARCHITECTURES = "tinylm.architectures"  # found by name: the package lies above this room


def to_dict(config: Any) -> dict[str, Any]:
    """Every field of a config as JSON values, nested configs likewise, each model with its kind; without parts that there are not."""
    out: dict[str, Any] = {"kind": config.kind} if isinstance(config, ModelConfig) else {}
    for f in dataclasses.fields(config):
        value = getattr(config, f.name)
        if f.init and value is not None:
            out[f.name] = to_dict(value) if dataclasses.is_dataclass(value) else value
    return out


def spec_from_dict(data: dict[str, Any]) -> RunSpec:
    """The spec that `to_dict` wrote; absent fields take their defaults, unknown ones raise ConfigError, as does what is no spec."""
    parts = _fields("spec", data)
    parts |= {"model": _model(parts.get("model", {})), "train": TrainConfig(**_fields("train", parts.get("train", {})))}
    if "teacher" in parts:
        teacher = _fields("teacher", parts["teacher"])
        parts["teacher"] = TeacherConfig(**teacher | {"model": _model(teacher.get("model", {}))})
    return RunSpec(**parts)


def _model(data: Any) -> ModelConfig:
    """The config of a model that `to_dict` wrote."""
    fields = _fields("model", data)
    return model_class(fields.pop("kind", ""))(**fields)


def _fields(what: str, data: Any) -> dict[str, Any]:
    """The fields of a part of a spec; ConfigError where it has none."""
    if not isinstance(data, dict):
        raise ConfigError(f"{what} must have fields and their values, got {shown.brief(data)}")
    return dict(data)


def model_class(kind: str) -> type[ModelConfig]:
    """The config of a tag; ConfigError for an unknown one, and for an architecture's file that defines another."""
    if not isinstance(kind, str):
        raise ConfigError(f"model kind must be a name, got {shown.brief(kind)}")
    if kind not in model_kinds() and kind in own_files():
        importlib.invalidate_caches()  # the file may be newer than the last import
        module = importlib.import_module(f"{ARCHITECTURES}.{kind}")
        if kind not in model_kinds():
            raise ConfigError(f"{module.__file__} defines no config with kind = {kind!r}; name the file as the kind")
    if kind not in model_kinds():
        raise ConfigError(unknown("model kind", kind, [*model_kinds(), *own_files()]))
    return model_kinds()[kind]


def own_files() -> list[str]:
    """The kinds that have a file of their own, in the package or in the user's folder, imported or not, in alphabetical order."""
    folders = importlib.import_module(ARCHITECTURES).__path__
    return sorted({path.stem for folder in folders for path in Path(folder).glob("*.py")} - {"__init__"})


def model_kinds() -> dict[str, type[ModelConfig]]:
    """Every model config defined so far, by its tag; a new architecture appears here by subclassing ModelConfig."""
    found, queue = {}, [ModelConfig]
    while queue:
        for cls in queue.pop().__subclasses__():
            found[cls.kind] = cls
            queue.append(cls)
    return found
