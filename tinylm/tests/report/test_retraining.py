import dataclasses
import math
import queue
import threading
from concurrent.futures import Future

import numpy as np
import pytest
from scipy import stats
from synthetic import planned, record

from tinylm import files
from tinylm.config import LinearConfig, LSTMConfig
from tinylm.report import retraining
from tinylm.training.loop import Interrupted

CPU, GPU = {"device": "cpu"}, {"device": "some GPU"}
LINEAR, LSTM = LinearConfig(context_length=8, d_model=8), LSTMConfig(context_length=8, d_model=8)
SEEDS = 0.1  # the band between seeds


def compared(blocks=(2.0, 2.0, 2.0, 2.0), there=CPU, here=CPU, model=LINEAR, **train):
    """A record with blocks of 2 nats beside a retrained run with the given ones."""
    old, new = (record(blocks=list(b), model=model, **train) for b in ([2.0] * 4, blocks))
    old, new = dataclasses.replace(old, environment=there), dataclasses.replace(new, environment=here)
    return retraining.comparison(planned("RoPE", old.spec), old, new, SEEDS)


def test_the_band_is_the_interval_of_one_more_run():
    values = [2.0, 2.1, 1.9, 2.05, 2.02]
    expected = stats.t.ppf(0.995, 4) * np.std(values, ddof=1) * math.sqrt(1 + 1 / 5)
    assert retraining.prediction_half_width(values) == pytest.approx(expected)
    assert math.isnan(retraining.prediction_half_width([2.0, 2.1]))


def test_the_same_seed_is_held_to_a_narrow_band():
    same, near, far = (compared([2.0 + gap] * 4) for gap in (0.0, 0.9 * retraining.SAME_SEED, 1.1 * retraining.SAME_SEED))
    assert same.agrees and near.agrees and not far.agrees
    assert {each.band for each in (same, near, far)} == {retraining.SAME_SEED}
    assert far.apart == pytest.approx(1.1 * retraining.SAME_SEED)
    assert "inside the band of 0.0050 (narrow, block by block: same seed" in str(near) and "OUTSIDE the band of 0.0050" in str(far)


def test_blocks_that_cancel_out_are_apart_all_the_same():
    found = compared([2.01, 1.99, 2.01, 1.99])
    assert found.retrained == pytest.approx(found.recorded)
    assert found.apart == pytest.approx(0.01) and not found.agrees


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"here": GPU}, "recorded on a CPU, retrained on a GPU"),
        ({"there": GPU}, "recorded on a GPU, retrained on a CPU"),
        ({"here": GPU, "there": GPU}, "how far GPUs differ was not measured"),
        ({"precision": "bf16"}, "it computes in bf16"),
        ({"model": LSTM, "schedule": "linear", "optimizer": "muon"}, "it computes in bf16"),
        ({"model": LSTM}, "a constant learning rate lets rounding grow"),
        (
            {"model": LSTM, "schedule": "linear", "here": CPU | {"threads": "2"}, "there": CPU | {"threads": "1"}},
            "recorded on 1 threads, retrained on 2",
        ),
    ],
)
def test_other_arithmetic_has_the_band_of_seeds_and_says_why(settings, reason):
    near, far = (compared([2.0 + gap] * 4, **settings) for gap in (0.9 * SEEDS, 1.1 * SEEDS))
    assert near.agrees and not far.agrees and near.band == SEEDS
    assert f"the band of 0.1000 (WIDE, what seeds differ by: {reason})" in str(near)


@pytest.mark.parametrize("settings", [{"model": LSTM, "schedule": "linear"}, {"schedule": "constant"}, {"here": CPU | {"threads": "2"}}])
def test_a_falling_rate_and_a_linear_model_leave_rounding_small(settings):
    assert compared(**settings).band == retraining.SAME_SEED


@pytest.mark.parametrize("here", [CPU, GPU])
def test_a_run_that_has_diverged_disagrees(here):
    old = dataclasses.replace(record(model=LINEAR), environment=CPU)
    new = dataclasses.replace(old, status="diverged", valid=None, test=None, environment=here)
    found = retraining.comparison(planned("Linear", old.spec), old, new, SEEDS)
    assert not found.agrees and "retrained nan" in str(found)


def test_the_verdict_names_what_fell_out_by_how_much_and_what_to_do():
    good, bad = compared(), compared([2.5] * 4)
    assert retraining.verdict([good, good]) == "all 2 runs agree with their records"
    said = retraining.verdict([good, bad])
    assert "1 of 2 runs do NOT agree" in said and "toy/RoPE@0: 0.5000 apart where 0.0050 is allowed" in said
    assert said.endswith(retraining.REMEDY)


@pytest.fixture
def settings(monkeypatch):
    monkeypatch.setattr(retraining.forecast, "expected_speed", lambda settings: 8e10)
    monkeypatch.setattr(retraining.data, "available", lambda name, data_dir: name == "grammar-char")
    return retraining.machine.Settings()


def test_the_sample_is_the_cheapest_that_fits_and_needs_its_corpus(settings):
    runs = retraining.sample(1.0, settings)
    assert runs and {run.spec.corpus for run in runs} == {"grammar-char"}
    kinds = [(run.section, run.role, run.architecture) for run in runs]
    first = [run.cost.flops for i, run in enumerate(runs) if kinds[i] not in kinds[:i]]
    assert first == sorted(first) and [runs[i].cost.flops for i in range(len(first))] == first  # one of each kind before a second
    assert sum(run.cost.flops for run in runs) <= 60 * 8e10
    assert retraining.sample(0.0, settings) == []


def test_the_sample_takes_each_row_once_and_its_seeds_in_turn(settings, monkeypatch):
    monkeypatch.setattr(retraining.data, "available", lambda name, data_dir: True)
    runs = retraining.sample(math.inf, settings)
    assert len({run.row.spec.key for run in runs}) == len(runs)
    seeds = [run.spec.seed for run in runs]
    assert seeds[:2] == [1, 2] and {0, 1, 2, 3, 4} <= set(seeds)
    assert len(retraining.sample(1.5, settings)) < len(runs)


def test_the_sample_has_the_threads_of_its_records_where_some_seed_of_the_row_has_them(settings, monkeypatch):
    monkeypatch.setattr(retraining.data, "available", lambda name, data_dir: True)
    found = retraining.ledger.Ledger([files.LEDGER])
    made = [found.find(run.spec).environment for run in retraining.sample(math.inf, dataclasses.replace(settings, workers=10**6))]
    others = [each for each in made if each["device"] == "cpu" and each["threads"] != "1"]
    assert len(made) > 100 and len(others) <= 3, "three rows were recorded on two threads only"


def test_the_cheapest_run_of_the_sample_has_another_seed_than_0(settings):
    assert retraining.sample(1.0, settings)[0].spec.seed == 1


class Ends:
    """An executor whose runs end in what is given for each: a record, an error, or not at all before they are told to stop."""

    def __init__(self, outcomes):
        self.reports, self.stopping, self.outcomes, self.futures = queue.SimpleQueue(), threading.Event(), outcomes, []

    def submit(self, index, spec, settings):
        outcome, future = self.outcomes[index], Future()
        self.futures.append(future)
        if isinstance(outcome, Exception):
            future.set_exception(outcome)
        elif outcome:
            future.set_result(retraining.ledger.Ledger([files.LEDGER]).find(spec))
        return future

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return None


@pytest.fixture
def checked(monkeypatch, tmp_path, settings):
    """Compares the two cheapest runs of the sample, which end in the given outcomes."""

    def check(*outcomes, minutes=0.0):
        monkeypatch.setattr(retraining.executors, "executor_for", lambda runs, settings: Ends(outcomes))
        places = {name: tmp_path / name for name in ("folder", "checkpoints", "weights")}
        return retraining.compare(retraining.sample(math.inf, settings)[:2], dataclasses.replace(settings, minutes=minutes, **places))

    return check


def test_every_run_is_compared_with_its_record(checked):
    found = checked(True, True)
    assert [each.apart for each in found] == [0.0, 0.0] and all(each.agrees for each in found)
    assert [each.name for each in found] == ["control/Linear@1", "control/MLP@2"]


def test_a_run_that_failed_is_an_error_also_where_the_time_is_up(checked):
    with pytest.raises(retraining.RetrainingError, match="1 of 2 runs failed"):
        checked(True, ValueError("no"))
    with pytest.raises(retraining.RetrainingError, match="1 of 2 runs failed"):
        checked(ValueError("no"), False, minutes=0.01)


def test_what_the_time_leaves_is_not_compared_and_no_run_at_all_is_an_error(checked):
    assert len(checked(True, False, minutes=0.01)) == 1
    with pytest.raises(retraining.RetrainingError, match="no run was finished in 0.01 min; give --verify more minutes"):
        checked(False, False, minutes=0.01)


def test_a_check_that_somebody_stopped_is_an_error(checked):
    with pytest.raises(retraining.RetrainingError, match="stopped with 1 of 2 runs left; repeat it"):
        checked(True, Interrupted())


def test_a_row_of_too_few_seeds_has_the_widest_band_of_all(monkeypatch):
    run = retraining.study.section_plan("control", "full")[-1]
    bands = {run.row: float("nan"), planned("a", record().spec): 0.1, planned("b", record().spec): 0.3}
    assert retraining._between_seeds(run, bands) == 0.3
    assert retraining._between_seeds(run, bands | {run.row: 0.2}) == 0.2
