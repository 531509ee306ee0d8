import math

import numpy as np
import pytest
from scipy import stats

from tinylm.report import verify


def comparison(recorded, retrained, band):
    return verify.Comparison("rope: RoPE", "tiny_shakespeare", recorded, retrained, band)


def test_the_band_is_the_interval_of_one_more_run():
    values = [2.0, 2.1, 1.9, 2.05, 2.02]
    expected = stats.t.ppf(0.995, 4) * np.std(values, ddof=1) * math.sqrt(1 + 1 / 5)
    assert verify.prediction_half_width(values) == pytest.approx(expected)
    assert math.isnan(verify.prediction_half_width([2.0, 2.1]))


def test_an_equal_value_agrees_and_says_so():
    assert comparison(2.0, 2.0, 0.1).agrees
    assert "same value" in str(comparison(2.0, 2.0, 0.1))


def test_a_value_outside_the_band_or_none_at_all_disagrees():
    assert comparison(2.0, 2.05, 0.1).agrees
    assert not comparison(2.0, 2.2, 0.1).agrees
    assert "OUTSIDE" in str(comparison(2.0, 2.2, 0.1))
    assert not comparison(2.0, float("nan"), 0.1).agrees


def test_the_sample_is_the_cheapest_that_fits_and_needs_its_corpus(monkeypatch):
    monkeypatch.setattr(verify.forecast, "expected_speed", lambda settings: 8e10)
    monkeypatch.setattr(verify.data, "available", lambda name, data_dir: name == "grammar-char")
    runs = verify.sample(1.0, verify.machine.Settings())
    assert runs and {run.spec.corpus for run in runs} == {"grammar-char"}
    assert [run.cost.flops for run in runs] == sorted(run.cost.flops for run in runs)
    assert sum(run.cost.flops for run in runs) <= 60 * 8e10
    assert verify.sample(0.0, verify.machine.Settings()) == []


def test_a_check_that_did_not_retrain_every_run_is_an_error(monkeypatch):
    monkeypatch.setattr(verify.pool, "train_all", lambda runs, settings, done: list(runs))
    runs = verify.study.section_plan("control", "full")[-1:]
    with pytest.raises(verify.VerifyError, match="1 of 1 runs were stopped or failed"):
        verify.compare(runs, verify.machine.Settings())
