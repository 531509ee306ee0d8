"""A trained network as one ONNX file, with its vocabulary in the metadata; compared with the network where onnxruntime is installed."""

import contextlib
import importlib.util
import json
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tinylm import files
from tinylm.config.errors import needing_packages
from tinylm.evaluation import huggingface
from tinylm.evaluation.model import Model, ModelError
from tinylm.evaluation.network_model import NetworkModel, network_of
from tinylm.models.networks.exportable import Exportable

TOLERANCE = 1e-4  # of each logit; a packaged model was seen to differ by 2e-5
FEW = 8  # tokens of the second text that is compared, in which rows of tokens come again


def write_file(model: Model, file: Path) -> float | None:
    """Write a new file, and return by how much its logits differ from the model's at most; None where onnxruntime is not installed.

    ModelError for counts, for a file that is there already, and for a network that cannot be written or whose file gives other logits.
    """
    network = network_of(model)
    if file.exists():
        raise ModelError(f"{file} is there already; name a new file")
    with needing_packages("--onnx", "tinylm[onnx]"):
        import onnxscript  # noqa: F401  # what torch.onnx writes with
    said, program = metadata(network), _program(network)
    program.model.metadata_props.update(said)
    file.parent.mkdir(parents=True, exist_ok=True)
    with files.written(file) as path:
        program.save(path, external_data=False)
        return _checked_difference(network, path)


def metadata(model: NetworkModel) -> dict[str, str]:
    """What the file says of itself: the tokens in the order of their ids as JSON, what a token is, the context, the run, the licence."""
    return {
        "vocabulary": json.dumps(model.vocabulary.tokens),
        "level": model.vocabulary.level,
        "context_length": str(model.spec.model.context_length),
        "run": model.spec.key,
        "licence": huggingface.licence(model),
    }


def _program(model: NetworkModel) -> torch.onnx.ONNXProgram:
    """The network as ONNX, of ids (B, T) as `ids` to logits as `logits`; ModelError for one that torch.onnx cannot follow."""
    config = model.spec.model
    example = torch.zeros(2, config.context_length, dtype=torch.long)
    sizes = {0: torch.export.Dim("batch", min=1)}
    if config.predicts_every_position and config.context_length > 1:
        sizes[1] = torch.export.Dim("length", min=1, max=config.context_length)
    try:
        with _quiet():
            return torch.onnx.export(
                Exportable(model.network, config),
                (example,),
                input_names=["ids"],
                output_names=["logits"],
                dynamic_shapes={"ids": sizes},
                custom_translation_table={torch.ops.aten.sort.stable: _stable_sort},
                verbose=False,
            )
    except torch.onnx.OnnxExporterError as error:
        problem = str(error.__cause__ or error).strip().partition("\n")[0]
        raise ModelError(f"torch.onnx cannot write the network of {model.spec.key}: {problem}; --hf can") from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without what torch.onnx says of packages that no network here needs, and of its own calls."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(logging.NOTSET)


def _stable_sort(x: Any, stable: bool = True, dim: int = -1, descending: bool = False) -> Any:
    """ONNX's TopK of all: among equal values it takes the first ones first. torch.onnx has no translation of a stable sort."""
    from onnxscript import opset18 as op

    size = op.Gather(op.Shape(x), op.Constant(value_ints=[dim]))
    return op.TopK(x, size, axis=dim, largest=int(descending), sorted=1)


def _checked_difference(model: NetworkModel, file: Path) -> float | None:
    """How much the logits of a file differ from the model's at most; ModelError where it is too much, None without onnxruntime."""
    if importlib.util.find_spec("onnxruntime") is None:
        return None
    import onnxruntime

    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    context, n_tokens = model.spec.model.context_length, len(model.vocabulary.tokens)
    draw = np.random.default_rng(0)
    ids = np.stack([draw.integers(n_tokens, size=context), draw.choice(draw.integers(n_tokens, size=FEW), context)])
    lengths = {1, 2, 3, context // 2, context - 1, context} if model.spec.model.predicts_every_position else {context}
    found = [_difference(model, session, ids[:, :length]) for length in lengths if 0 < length <= context]
    if not max(found) <= TOLERANCE:
        raise ModelError(
            f"the file's logits differ from the model's by {max(found):.1e}, so it is not kept; try another version of onnxscript"
        )
    return max(found)


@torch.inference_mode()
def _difference(model: NetworkModel, session: Any, ids: np.ndarray) -> float:
    (logits,) = session.run(None, {"ids": ids})
    return float(np.abs(logits - model(ids).numpy()).max())
