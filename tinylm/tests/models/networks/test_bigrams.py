import dataclasses

import pytest
import torch
from specs import TRANSFORMER, VOCAB_SIZE

from tinylm.models.networks import build
from tinylm.models.networks.bigrams import Bigrams
from tinylm.models.networks.key_value_cache import with_cache

TOKENS = torch.tensor([[1, 2, 3, 1, 2, 4, 1, 2]])


@pytest.fixture
def reading_pairs():
    torch.manual_seed(0)
    model = build(dataclasses.replace(TRANSFORMER, bigrams=256, attention_dropout=0.0, ffn_dropout=0.0), VOCAB_SIZE).eval()
    assert not model.bigrams.embedding.weight.any()
    torch.nn.init.normal_(model.bigrams.embedding.weight)
    return model


def test_a_pair_has_its_own_row_and_the_first_token_one_without_a_partner():
    layer = Bigrams(256, 3, VOCAB_SIZE)
    pairs = torch.cartesian_prod(torch.arange(VOCAB_SIZE), torch.arange(VOCAB_SIZE))
    vectors = layer(pairs)
    assert len(vectors[:, 1].unique(dim=0)) > 0.75 * len(pairs)  # what 256 rows have room for
    assert len(vectors[:, 0].unique(dim=0)) == VOCAB_SIZE
    for same in (0, 1):  # with one token in common no two share a row
        alike = vectors[pairs[:, same] == 5, 1]
        assert len(alike.unique(dim=0)) == VOCAB_SIZE


def test_a_position_knows_its_own_pair_only(reading_pairs):
    rows = reading_pairs.bigrams(TOKENS)[0]
    assert torch.equal(rows[1], rows[4]) and torch.equal(rows[1], rows[7]) and not torch.equal(rows[0], rows[3])
    assert torch.equal(reading_pairs.bigrams(TOKENS[:, :5])[0], rows[:5])


@pytest.mark.parametrize("n_new", [1, 2, 4])
def test_a_reader_remembers_the_last_token(reading_pairs, n_new):
    reader = with_cache(reading_pairs)
    with torch.inference_mode():
        parts = [reader(part, n_new) for part in TOKENS.split(n_new, 1)]
        torch.testing.assert_close(torch.cat(parts, 1), reading_pairs(TOKENS, 8))
