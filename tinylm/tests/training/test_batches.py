import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from specs import TRANSFORMER, spec

from tinylm.training.batches import WindowStarts

LENGTH = TRANSFORMER.context_length
samplings = st.sampled_from(["random", "shuffled", "tiled"])


@given(sampling=samplings, n_train=st.integers(LENGTH + 1, 90), tokens=st.integers(0, 90), asked=st.integers(0, 99), seed=st.integers(0, 9))
def test_every_window_with_its_target_lies_in_the_training_text(sampling, n_train, tokens, asked, seed):
    tokens = max(tokens, LENGTH + 1) if tokens else 0
    epoch = {"windows_per_epoch": 50_000} if sampling == "tiled" else {"windows_per_epoch": asked}
    starts = WindowStarts(spec(sampling=sampling, train_tokens=tokens, seed=seed, **epoch), n_train)
    drawn = starts.epoch(0)
    assert drawn.dtype == np.int64
    assert len(drawn) == starts.per_epoch == asked or sampling != "random" or asked == 0
    assert drawn.min() >= 0
    assert drawn.max() + LENGTH < min(n_train, tokens or n_train)


def test_a_shuffled_epoch_visits_every_start_once():
    starts = WindowStarts(spec(sampling="shuffled", windows_per_epoch=0), 100)
    first, second = starts.epoch(0), starts.epoch(1)
    assert np.array_equal(np.sort(first), np.arange(100 - LENGTH))
    assert np.array_equal(np.sort(second), np.sort(first))
    assert not np.array_equal(first, second)


def test_a_shuffled_part_of_the_starts_has_no_start_twice():
    assert len(set(WindowStarts(spec(sampling="shuffled", windows_per_epoch=50), 100).epoch(0))) == 50


@pytest.mark.parametrize("n_train", [LENGTH + 1, 2 * LENGTH, 100])
def test_a_tiled_epoch_predicts_no_token_twice_and_leaves_out_less_than_two_windows(n_train):
    epochs = [WindowStarts(spec(sampling="tiled", windows_per_epoch=50_000, seed=seed), n_train).epoch(0) for seed in range(40)]
    for drawn in epochs:
        predicted = (drawn[:, None] + np.arange(1, LENGTH + 1)).ravel()
        assert len(set(predicted)) == len(predicted) and n_train - len(predicted) <= 2 * LENGTH
    assert len({drawn.min() for drawn in epochs}) == min(LENGTH, n_train - LENGTH), "every offset occurs"
    assert n_train < 100 or any(list(drawn) != sorted(drawn) for drawn in epochs)


def test_random_starts_reach_both_ends_evenly():
    drawn = WindowStarts(spec(windows_per_epoch=20_000), LENGTH + 10).epoch(0)
    assert np.bincount(drawn, minlength=10) == pytest.approx(2000, abs=5 * 2000**0.5)
    assert set(drawn) == set(range(10))


@pytest.mark.parametrize("sampling", ["random", "shuffled", "tiled"])
def test_an_epoch_is_a_function_of_seed_and_number(sampling):
    part = {"windows_per_epoch": 50_000} if sampling == "tiled" else {"windows_per_epoch": 40}

    def epoch(seed, number):
        return tuple(WindowStarts(spec(sampling=sampling, seed=seed, **part), 500).epoch(number))

    assert epoch(0, 3) == epoch(0, 3)
    assert len({epoch(seed, number) for seed in range(3) for number in range(3)}) == 9


def test_the_order_is_pinned():
    """The published runs saw these windows; another numpy must draw them too."""
    assert WindowStarts(spec(windows_per_epoch=5), 892_117).epoch(0).tolist() == [465821, 793743, 885818, 497027, 270261]
    assert WindowStarts(spec(windows_per_epoch=5, sampling="shuffled"), 80_000).epoch(1).tolist() == [1493, 52827, 52610, 41370, 59907]


def test_steps_of_an_epoch():
    assert WindowStarts(spec(windows_per_epoch=50_000, batch_size=64), 892_117).steps_per_epoch == 782
