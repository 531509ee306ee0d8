import time

import torch

from tinylm.training import cpu
from tinylm.training.bench.timing import compare, per_call, unprepared


def test_both_sides_of_a_row_are_called_and_the_process_is_put_back(monkeypatch):
    monkeypatch.setattr("tinylm.training.bench.timing.BURST", 0.0)
    cpu.prepare()
    before, seen = torch.backends.mkldnn.matmul.fp32_precision, []
    pair = compare(lambda: seen.append("ours"), unprepared(lambda: seen.append(torch.backends.mkldnn.matmul.fp32_precision)), 2, "cpu")
    assert seen.count("ours") == len(seen) / 2 == 8
    assert pair.ratio > 0
    assert torch.backends.mkldnn.matmul.fp32_precision == before
    assert not cpu.has_onednn() or "ieee" in seen


def test_a_call_is_timed_in_seconds():
    assert 0.01 < per_call(lambda: time.sleep(0.02), "cpu") < 0.1
