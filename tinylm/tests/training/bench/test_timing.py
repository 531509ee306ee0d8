import time

import pytest
import torch

from tinylm.training import cpu
from tinylm.training.bench import timing
from tinylm.training.bench.timing import alone, compare, median_seconds, one_product, per_call, unprepared


def test_both_sides_of_a_row_are_called_and_the_process_is_put_back(monkeypatch):
    monkeypatch.setattr("tinylm.training.bench.timing.BURST", 0.0)
    cpu.prepare()
    before, seen = torch.backends.mkldnn.matmul.fp32_precision, []
    pair = compare(lambda: seen.append("ours"), unprepared(lambda: seen.append(torch.backends.mkldnn.matmul.fp32_precision)), 2, "cpu")
    assert seen.count("ours") == len(seen) / 2 == 8
    assert pair.ratio > 0
    assert torch.backends.mkldnn.matmul.fp32_precision == before
    assert not cpu.has_onednn() or "ieee" in seen


def test_a_call_alone_has_one_thread_and_leaves_the_others_theirs():
    seen, before = [], torch.get_num_threads()
    alone(lambda: seen.append(torch.get_num_threads()))()
    assert seen == [1] and torch.get_num_threads() == before


def test_a_call_is_timed_in_seconds():
    assert 0.01 < per_call(lambda: time.sleep(0.02), "cpu") < 0.1


def test_a_long_call_is_made_once(monkeypatch):
    monkeypatch.setattr(timing, "ENOUGH", 0.01)
    calls = []
    assert per_call(lambda: calls.append(time.sleep(0.02)), "cpu") > 0.01 and len(calls) == 1


@pytest.fixture
def timed(monkeypatch):
    """Calls are numbers of seconds in turn, instead of being called."""
    monkeypatch.setattr(timing, "per_call", lambda call, device: next(call))


def test_a_ratio_is_taken_within_a_round(timed):
    """A machine that slows down during the rounds changes both medians, not the ratio."""
    pair = compare(iter([1.0, 2.0, 9.0]), iter([3.0, 6.0, 27.0]), 3, "cpu")
    assert (pair.ours, pair.theirs, pair.ratio) == (2.0, 6.0, 3.0)
    assert compare(iter([1.0, 2.0, 4.0]), iter([6.0, 2.0, 3.0]), 3, "cpu").ratio == 1.0


def test_one_slow_burst_is_no_result(timed):
    assert median_seconds(iter([1.0, 50.0, 2.0]), 3, "cpu") == 2.0


def test_a_first_call_is_not_measured(monkeypatch):
    monkeypatch.setattr(timing, "BURST", 0.0)
    pauses = iter([0.5, 0.0, 0.0, 0.0])
    assert per_call(lambda: time.sleep(next(pauses)), "cpu") < 0.1


def test_a_product_costs_two_flops_for_each_pair_of_numbers():
    product, n_flops = one_product(torch.bfloat16, "cpu")
    found = product()
    assert found.dtype == torch.bfloat16 and n_flops == 2 * found.shape[0] * found.numel()
