import numpy as np
import pytest

from tinylm.models import mixing


def likelihood(probs, weights):
    return np.log(probs @ weights).mean()


def test_weights_make_the_tokens_likeliest():
    rng = np.random.default_rng(0)
    probs = rng.random((500, 2)) ** [1, 3]
    found = mixing.fit(probs)
    others = [np.array([share, 1 - share]) for share in np.linspace(0.001, 0.999, 999)]
    assert found.sum() == pytest.approx(1) and (found > 0).all()
    assert likelihood(probs, found) > max(likelihood(probs, other) for other in others) - 1e-4


def test_what_never_helps_gets_nothing_and_the_first_keeps_a_share():
    assert mixing.fit(np.tile([0.5, 0.0], (100, 1))) == pytest.approx([1, 0])
    kept = mixing.fit(np.tile([0.1, 0.9], (1_000, 1)))
    assert 0 < kept[0] < 0.02


def test_without_tokens_the_first_has_all():
    assert mixing.fit(np.empty((0, 3))) == pytest.approx([1, 0, 0])
