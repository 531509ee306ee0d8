"""Make a model that comes with the package: its trained weights in 16 bits, scored as they then are."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from tinylm import data, files, ledger
from tinylm.config import RunSpec, TinylmError
from tinylm.data import Corpus
from tinylm.evaluation import pretrained, weights
from tinylm.evaluation.nlls import token_nlls
from tinylm.ledger import RunRecord
from tinylm.models import checkpoint
from tinylm.models.networks import LanguageModel

# With 11 significant bits instead of bfloat16's 8; no weight here is near its largest number, 65504. Over valid and test of three
# models float16 moved the NLL by 2e-5 nats at most, bfloat16 by 3e-4; single tokens moved an eighth as much.
DTYPE = torch.float16
TOLERANCE = 2e-4  # nats per token: ten times what rounding was seen to do, a fiftieth of what a seed does


class ExportError(TinylmError):
    """A model that cannot come with the package as it is; the message says what is missing."""


def export(name: str, source: Path, records: Mapping[str, RunRecord], data_dir: Path | None = None) -> Path:
    """Write the 16-bit weights of a model of `pretrained.MODELS` from its trained weights in `source`; the path of the file.

    Scores them on the splits of its record, and raises ExportError where there is no record or they are not the recorded weights.
    """
    record = recorded(name, records)
    trained = weights.open_file(source, records, data_dir)
    if trained.spec != record.spec:
        raise ExportError(f"{source} holds the run {trained.spec.key}, not {record.spec.key}, which is {name}; name its own weights")
    corpus, network = data.load(record.spec.corpus, data_dir), trained.network
    tensors = {tensor: value.to(DTYPE) for tensor, value in checkpoint.weights_of(network).items()}
    checkpoint.restore_weights(network, tensors)
    nll = {split: scored(network, corpus, record.spec, split) for split in ("valid", "test")}
    for split, value in nll.items():
        expected = getattr(record, split).nll
        if not abs(value - expected) < TOLERANCE:
            raise ExportError(f"{source} scores {value:.4f} on {split} in 16 bits, its record says {expected:.4f}; train the run again")
    path = pretrained.weights_file(name)
    checkpoint.save(path, tensors, weights.facts(record.spec, corpus) | {"nll": ledger.rounded(nll)})
    return path


def recorded(name: str, records: Mapping[str, RunRecord]) -> RunRecord:
    """The scored record of a model of the package; ExportError where there is none."""
    key = pretrained.MODELS[name]
    if key not in records or records[key].test is None:
        raise ExportError(f"{name} is the run {key}, whose record is not in {files.LEDGER}; `python -m tinylm ledger import` adds it")
    return records[key]


def scored(network: LanguageModel, corpus: Corpus, spec: RunSpec, split: str) -> float:
    """Mean NLL in nats per token of a model on the tokens of a split that its spec says."""
    ids = torch.from_numpy(corpus.split(split).astype(np.int32))
    return float(token_nlls(network, ids, spec).mean(dtype=np.float64))
