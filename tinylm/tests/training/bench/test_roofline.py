import dataclasses

import pytest
from specs import TRANSFORMER

from tinylm.training.bench import roofline, rows


def test_a_size_changes_one_thing():
    assert roofline.sized("width", 64)[0] == dataclasses.replace(rows.DENSE, d_model=64, d_ff=128)
    assert roofline.sized("depth", 2)[0] == dataclasses.replace(rows.DENSE, n_layer=2)
    assert roofline.sized("batch", 4)[1].batch_size == 4


def test_points_are_rates_of_each_size_in_each_precision(monkeypatch, corpus):
    bench = rows.Bench("cpu", 1, corpus)
    small = dataclasses.replace(TRANSFORMER, attention_dropout=0.0, ffn_dropout=0.0)
    monkeypatch.setattr(roofline, "DENSE", small)
    monkeypatch.setattr(roofline, "SIZES", {"depth": [1, 3], "batch": [2]})
    monkeypatch.setattr(roofline, "median_seconds", lambda call, rounds, device: 0.002)
    points = list(roofline.points(bench))
    assert [(p["size"], p["value"], p["precision"]) for p in points] == [
        ("depth", 1, "fp32"),
        ("depth", 1, "bf16"),
        ("depth", 3, "fp32"),
        ("depth", 3, "bf16"),
        ("batch", 2, "fp32"),
        ("batch", 2, "bf16"),
    ]
    assert {p["ms"] for p in points} == {2.0}
    deep = bench.flops(dataclasses.replace(small, n_layer=3), roofline.TRAIN)
    assert points[2]["gflops"] == points[3]["gflops"] == pytest.approx(deep / 0.002 / 1e9)


def test_the_peak_of_a_product_is_its_flops_over_its_time(monkeypatch, corpus):
    monkeypatch.setattr(roofline, "one_product", lambda dtype, device: (dtype, 3 * 10**9))
    monkeypatch.setattr(roofline, "median_seconds", lambda dtype, rounds, device: {"torch.float32": 1.5, "torch.bfloat16": 0.5}[str(dtype)])
    assert roofline.peaks(rows.Bench("cpu", 1, corpus)) == {"fp32": 2.0, "bf16": 6.0}
