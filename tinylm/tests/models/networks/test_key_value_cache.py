import dataclasses

import pytest
import torch
from hypothesis import given
from specs import BESIDE_A_POINTER, POINTING, TRANSFORMER, VOCAB_SIZE, transformer_configs

from tinylm.models.networks import build
from tinylm.models.networks.convolution import ShortConvolution
from tinylm.models.networks.key_value_cache import with_cache

TOKENS = torch.tensor([[1, 2, 3, 1, 2, 4, 1, 2]])
EVERY_PART = dataclasses.replace(POINTING, convolution=3, induction=(1,))


@given(transformer_configs())
def test_a_model_with_a_cache_reads_bit_by_bit(config):
    torch.manual_seed(0)
    built = build(config, VOCAB_SIZE).eval()
    tokens = torch.arange(config.context_length)[None] % VOCAB_SIZE
    with torch.inference_mode():
        reader = with_cache(built)
        parts = [reader(part, part.shape[1]) for part in tokens.split([1, config.context_length - 1], 1) if part.shape[1]]
        torch.testing.assert_close(torch.cat(parts, 1), built(tokens, config.context_length))


@pytest.mark.parametrize("n_new", [1, 2])
def test_a_cached_convolution_goes_on_where_it_stopped(convolving, n_new):
    x_BT, reader = torch.randint(VOCAB_SIZE, (2, 8)), with_cache(convolving)
    with torch.inference_mode():
        parts = [reader(part, n_new) for part in x_BT.split(n_new, 1)]
        torch.testing.assert_close(torch.cat(parts, 1), convolving(x_BT, 8))
    assert isinstance(convolving.blocks[0].attention.layer.convolution, ShortConvolution)


@pytest.mark.parametrize("n_new", [1, 2])
def test_a_cached_induction_goes_on_where_it_stopped(copying, n_new):
    x_BT, reader = torch.tensor([[1, 2, 3, 1, 2, 4, 1, 2], [5, 5, 5, 5, 1, 5, 1, 5]]), with_cache(copying)
    with torch.inference_mode():
        parts = [reader(part, n_new) for part in x_BT.split(n_new, 1)]
        torch.testing.assert_close(torch.cat(parts, 1), copying(x_BT, 8))


@pytest.mark.parametrize("parts", BESIDE_A_POINTER, ids=str)
@pytest.mark.parametrize("n_new", [1, 2])
def test_a_cached_pointer_goes_on_where_it_stopped(parts, n_new):
    torch.manual_seed(0)
    model = build(dataclasses.replace(POINTING, **parts), VOCAB_SIZE).eval()
    x_BT, reader = torch.tensor([[1, 2, 3, 1, 2, 4, 1, 2], [5, 5, 5, 5, 1, 5, 1, 5]]), with_cache(model)
    with torch.inference_mode():
        logits = [reader(part, n_new) for part in x_BT.split(n_new, 1)]
        torch.testing.assert_close(torch.cat(logits, 1), model(x_BT, 8))


@torch.inference_mode()
def test_a_reader_leaves_the_model_and_other_readers_as_they_are():
    model = build(EVERY_PART, VOCAB_SIZE).eval()
    before, parts = model(TOKENS, 8), {type(module) for module in model.modules()}
    first, second = with_cache(model), with_cache(model)
    first(TOKENS[:, :5], 1)
    torch.testing.assert_close(second(TOKENS, 8), before)
    torch.testing.assert_close(first(TOKENS[:, 5:], 1), before[:, -1:])
    assert torch.equal(model(TOKENS, 8), before) and {type(module) for module in model.modules()} == parts


def test_a_reader_has_the_models_own_parameters():
    model = build(dataclasses.replace(EVERY_PART, tied=True), VOCAB_SIZE)
    assert {id(p) for p in with_cache(model).parameters()} == {id(p) for p in model.parameters()}


@torch.inference_mode()
def test_what_was_read_before_changes_what_follows():
    model = build(TRANSFORMER, VOCAB_SIZE).eval()
    readers = [with_cache(model) for _ in range(2)]
    for reader, token in zip(readers, (1, 2), strict=True):
        reader(torch.tensor([[token]]), 1)
    first, second = (reader(torch.tensor([[3]]), 1) for reader in readers)
    assert not torch.allclose(first, second)


@torch.inference_mode()
def test_each_window_of_a_batch_has_its_own_past():
    model, windows = build(EVERY_PART, VOCAB_SIZE).eval(), torch.cat([TOKENS, TOKENS.flip(1)])
    together = with_cache(model)
    together(windows[:, :6], 1)
    alone = with_cache(model)
    alone(windows[1:, :6], 1)
    torch.testing.assert_close(together(windows[:, 6:], 2)[1:], alone(windows[1:, 6:], 2))
