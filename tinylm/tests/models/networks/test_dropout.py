import pytest
import torch

from tinylm.models.networks.dropout import LEVELS, Dropout, VariationalDropout, keep_mask, keep_scale

CPU = torch.device("cpu")


@pytest.mark.parametrize("p", [0.0, 0.1, 0.19, 0.5, 0.9])
def test_a_mask_drops_with_its_probability(p):
    torch.manual_seed(0)
    n = 400_000
    n_dropped = n - int(keep_mask((n,), p, CPU).sum())
    assert n_dropped == pytest.approx(n * p, abs=4 * (n * p * (1 - p)) ** 0.5)


@pytest.mark.parametrize("shape", [(1,), (3,), (5, 7), (2, 3, 1), (0, 4)])
def test_a_mask_has_any_shape(shape):
    mask = keep_mask(shape, 0.5, CPU)
    assert mask.shape == shape
    assert mask.dtype == torch.int16


def test_neighbours_are_dropped_independently():
    torch.manual_seed(0)
    kept = keep_mask((400_000,), 0.5, CPU).float()
    for lag in (1, 2, 3, 4):  # four masks share one random 64-bit number
        together = float((kept[lag:] * kept[:-lag]).mean())
        assert together == pytest.approx(0.25, abs=0.005)


@pytest.mark.parametrize("p", [0.1, 0.19, 1 / 3, 1e-6])
def test_the_scale_fits_the_rounded_probability_exactly(p):
    kept = 1 - round(p * LEVELS) / LEVELS
    assert keep_scale(p) * kept == pytest.approx(1, abs=1e-15)
    assert keep_scale(p) == pytest.approx(1 / (1 - p), rel=2e-5)


def test_masks_follow_torchs_seed():
    masks = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        masks.append(keep_mask((100,), 0.5, CPU))
    assert torch.equal(masks[0], masks[1])
    assert not torch.equal(masks[0], masks[2])


def test_dropout_scales_what_it_keeps_in_training_only():
    torch.manual_seed(0)
    layer, x = Dropout(0.25), torch.full((100, 100), 3.0)
    out = layer(x)
    assert set(out.unique().tolist()) == {0.0, 4.0}
    assert out.mean() == pytest.approx(3, abs=0.1)
    layer.eval()
    assert layer(x) is x
    assert Dropout(0.0)(x) is x


def test_variational_dropout_drops_the_same_elements_at_every_position():
    torch.manual_seed(0)
    layer, x = VariationalDropout(0.25), torch.full((50, 7, 40), 3.0)
    out = layer(x)
    assert torch.equal(out, out[:, :1].expand_as(out))
    assert not torch.equal(out[0], out[1])
    assert set(out.unique().tolist()) == {0.0, 4.0}
    assert out.mean() == pytest.approx(3, abs=0.15)
    layer.eval()
    assert layer(x) is x
