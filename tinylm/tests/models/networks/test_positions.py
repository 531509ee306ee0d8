import cmath

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tinylm.config import TransformerConfig
from tinylm.models.networks.positions import LearnedPositions, Rotary, alibi

CONFIG = TransformerConfig(context_length=32, d_model=12, n_head=2, position="rope", rope_base=100.0)


def rotated(x_K, position):
    """A head vector at a position, turned by the layer."""
    x_BHNK = torch.zeros(1, 1, position + 1, len(x_K))
    x_BHNK[0, 0, position] = x_K
    return Rotary(CONFIG)(x_BHNK, position + 1)[0, 0, position]


def test_a_rotation_turns_half_split_pairs():
    x = torch.randn(6, generator=torch.Generator().manual_seed(0))
    for position in (0, 1, 31):
        turned = [complex(x[i], x[i + 3]) * cmath.exp(1j * position * 100.0 ** (-2 * i / 6)) for i in range(3)]
        expected = torch.tensor([z.real for z in turned] + [z.imag for z in turned])
        torch.testing.assert_close(rotated(x, position), expected)


@given(m=st.integers(0, 15), n=st.integers(0, 15), shift=st.integers(0, 16), seed=st.integers(0, 9))
def test_scores_depend_on_relative_positions_only(m, n, shift, seed):
    q, k = torch.randn(2, 6, generator=torch.Generator().manual_seed(seed))
    there, here = rotated(q, m + shift) @ rotated(k, n + shift), rotated(q, m) @ rotated(k, n)
    assert float(there) == pytest.approx(float(here), abs=1e-4)


def test_rotation_keeps_lengths_and_places_the_last_positions():
    x = torch.randn(2, 3, 4, 6, generator=torch.Generator().manual_seed(0))
    padded = torch.cat([torch.zeros(2, 3, 5, 6), x], 2)
    torch.testing.assert_close(Rotary(CONFIG)(x, 9), Rotary(CONFIG)(padded, 9)[:, :, -4:])
    torch.testing.assert_close(Rotary(CONFIG)(x, 9).norm(dim=-1), x.norm(dim=-1))


def test_alibi_is_the_papers_for_eight_heads():
    bias_HNT = alibi(torch.tensor([2, 5]), torch.arange(6), 8)
    assert bias_HNT.shape == (8, 2, 6)
    slopes = [1 / 2, 1 / 4, 1 / 8, 1 / 16, 1 / 32, 1 / 64, 1 / 128, 1 / 256]
    assert bias_HNT[:, 1].tolist() == [[-slope * (5 - key) for key in range(6)] for slope in slopes]
    assert torch.equal(bias_HNT[:, 0, :3], bias_HNT[:, 1, 3:])


def test_learned_positions_add_one_vector_each():
    layer, x = LearnedPositions(CONFIG), torch.zeros(2, 7, 12)
    assert torch.equal(layer(x)[1], layer.embedding.weight[:7])
