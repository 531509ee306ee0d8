"""Weights files of other people: whatever they hold, a model that writes or one clear error, and never more memory than the file has.

100 cases each; TINYLM_FUZZ=2000 asks for more.
"""

import contextlib
import io
import json
import resource
import struct

import pytest
import torch
from fuzz import damaged, fuzzed, mutated
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save

from tinylm import data
from tinylm.__main__ import main
from tinylm.config import LSTMConfig, MLPConfig, NgramConfig, RunSpec, TinylmError, TrainConfig, TransformerConfig, shown
from tinylm.evaluation import weights
from tinylm.models.networks import build

SHAPE = {"context_length": 8, "n_layer": 1, "d_model": 8}
SPECS = [
    RunSpec(corpus="grammar-char", model=model, train=TrainConfig(steps=1, loss_at=loss_at))
    for model, loss_at in (
        (TransformerConfig(**SHAPE, n_head=2, d_ff=8, induction=(2,)), "all"),
        (TransformerConfig(**SHAPE, n_head=2, d_ff=8, position="rope", tied=True), "last"),
        (LSTMConfig(**SHAPE), "last"),
        (MLPConfig(context_length=4, d_model=8, d_hidden=8), "last"),
    )
]
COUNTS = RunSpec(corpus="grammar-char", model=NgramConfig(order=2, cache=8), train=TrainConfig(epochs=1))
CORPUS = data.load("grammar-char")
MOST = 3 << 30  # bytes that this process and torch may have in all


def held(spec):
    """The tensors and facts of a model as it is saved."""
    if spec.is_counts:
        tensors = {"tokens": torch.arange(30), "weights": torch.full((7, 3), 1 / 3, dtype=torch.float64)}
    else:
        tensors = dict(build(spec.model, len(CORPUS.vocab)).named_parameters())
    return {name: tensor.detach() for name, tensor in tensors.items()}, weights.facts(spec, CORPUS)


HELD = [held(spec) for spec in (*SPECS, COUNTS)]


@st.composite
def contents(draw):
    """A file's bytes: a part of what it says is junk, a tensor is another one or missing, or its bytes are damaged."""
    tensors, said = draw(st.sampled_from(HELD))
    kind = draw(st.sampled_from(["facts", "facts", "facts", "tensors", "bytes"]))
    if kind == "facts":
        said = draw(mutated(said))
    if kind == "tensors":
        name = draw(st.sampled_from(sorted(tensors)))
        shape = draw(st.lists(st.integers(0, 40), max_size=3))
        kinds = st.sampled_from([torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.uint8, torch.bool, torch.float64])
        other = torch.full(shape, draw(st.sampled_from([0, 1, -1, 99, float("nan")]))).nan_to_num(7).to(draw(kinds))
        tensors = {key: value for key, value in tensors.items() if key != name} | ({name: other} if draw(st.booleans()) else {})
    content = save({key: value.contiguous().clone() for key, value in tensors.items()}, {"facts": json.dumps(said)})
    return draw(damaged(content)) if kind == "bytes" else content


@fuzzed
@given(content=contents())
def test_fuzz_the_reader_of_weights(tmp_path, content):
    path = tmp_path / "w.safetensors"
    path.write_bytes(content)
    with contextlib.suppress(TinylmError):
        model = weights.open_file(path, {})
        assert repr(model) and model.n_params
        assert len(model.encode(model.generate("", length=3))) >= 0
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 < MOST


@fuzzed
@given(content=contents())
def test_fuzz_what_is_printed_of_weights(tmp_path, content):
    path, out, err = tmp_path / "w.safetensors", io.StringIO(), io.StringIO()
    path.write_bytes(content)
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(["generate", "--model", str(path), "--length", "3"])
    text = out.getvalue() + err.getvalue()
    assert code in (0, 2) and "Traceback" not in text and not shown.CONTROLS.search(text)


def test_a_header_that_promises_more_than_the_file_has_is_refused(tmp_path):
    header = json.dumps({"a": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}}).encode()
    path = tmp_path / "w.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header)
    with pytest.raises(TinylmError, match="not a readable checkpoint"):
        weights.open_file(path, {})
