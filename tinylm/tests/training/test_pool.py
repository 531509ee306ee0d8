import dataclasses
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from pooled import LINEAR, LONG, MODELS, PLANNED, interrupted
from synthetic import planned

from tinylm import data, files
from tinylm.config import shown
from tinylm.ledger import Ledger
from tinylm.models import checkpoint
from tinylm.models.checkpoint import CheckpointError
from tinylm.training import executors, forecast, loop, pool, states


def test_a_deadline_leaves_runs_that_a_second_call_continues(settings):
    late = dataclasses.replace(settings, minutes=1e-9)
    assert pool.train_all(PLANNED[:2], late, lambda run, record: pytest.fail("no run can be done in no time")) == PLANNED[:2]
    assert Ledger([settings.folder]).records == {}
    # A mark in the saved curve shows that the run was continued, not started again.
    state = interrupted(LINEAR, settings)
    tensors, facts = checkpoint.load(state)
    facts["history"]["curve"][0]["train_nll"] = 123.0
    checkpoint.save(state, tensors, facts)

    done = []
    assert pool.train_all(PLANNED, settings, lambda run, record: done.append((run, record))) == []
    found = Ledger([settings.folder / "toy"])
    assert sorted(run.name for run, _ in done) == sorted(MODELS)
    for run, record in done:
        assert record.spec == run.spec
        assert found.find(run.spec).test.nll == pytest.approx(record.test.nll, rel=1e-6)
    assert found.find(LINEAR).curve[0]["train_nll"] == 123.0
    alone = loop.train(LINEAR, data.load("grammar-word"))
    assert found.find(LINEAR).test.nll == pytest.approx(alone.test.nll, rel=1e-5)
    assert list(settings.checkpoints.iterdir()) == []
    assert {p.stem for p in settings.weights.iterdir()} == {run.spec.key for run in PLANNED[:2]}


def test_a_users_mistake_in_one_run_stops_the_others():
    stopping, started = threading.Event(), threading.Event()

    def other_run():
        started.set()
        assert stopping.wait(60)

    def mistaken_run():
        assert started.wait(60)
        raise CheckpointError("delete it and train again")

    with ThreadPoolExecutor(2) as threads:
        mistaken, other, waiting = futures = [threads.submit(run) for run in (mistaken_run, other_run, other_run)]
        with pytest.raises(CheckpointError, match="delete it"), pool._stop_on_error(futures, stopping):
            for future in pool._as_completed(dict.fromkeys(futures, 0), stopping):
                future.result()
        assert stopping.is_set()
        assert mistaken.done() and other.done() and waiting.done()  # the last cancelled, or begun and stopped
        assert other.exception() is None


def test_a_watcher_hears_every_run_and_its_failure_stops_none(settings, capsys):
    heard = []

    def watch(run, now):
        heard.append(run.name)
        if len(heard) == 3:
            raise OSError("disk full")

    assert pool.train_all(PLANNED[:1], dataclasses.replace(settings, workers=1), lambda run, record: None, watch) == []
    assert heard == ["Linear"] * 3
    assert "the progress of the runs is no longer written: OSError: disk full" in "".join(capsys.readouterr())


def test_no_plan_needs_no_process(settings):
    assert pool.train_all([], settings, lambda run, record: None) == []


def test_a_folder_that_cannot_be_written_into_is_named_before_any_training(settings, tmp_path, monkeypatch):
    monkeypatch.setattr(executors, "ProcessPoolExecutor", lambda *args: pytest.fail("processes were started"))
    (tmp_path / "weights").write_text("a file in the place of the folder")
    with pytest.raises(pool.PoolError, match="cannot write into .*weights"):
        pool.train_all(PLANNED, settings, lambda run, record: None)


def interrupt_at_once(heard):
    """A watcher that presses Ctrl-C when it first hears of a run."""

    def watch(run, now):
        heard.append(now.step)
        if len(heard) == 1:
            os.kill(os.getpid(), signal.SIGINT)

    return watch


def test_an_interrupted_training_says_where_it_stands_and_goes_on_from_there(settings, capsys):
    heard = []
    for _ in range(2):
        heard.append([])
        with pytest.raises(pool.Stopped) as stopped:
            pool.finish_all([LONG], settings, watch=interrupt_at_once(heard[-1]))
        assert str(stopped.value) == f"stopped at step {heard[-1][-1]:,} of 10,000,000; repeat to go on"
        assert stopped.value.__cause__ is None and stopped.value.__suppress_context__
    assert heard[1][0] > heard[0][-1]
    assert "Traceback" not in "".join(capsys.readouterr())


def test_several_runs_are_finished_or_counted(settings):
    done = []
    pool.finish_all(PLANNED, settings, lambda run, record: done.append(run.name))
    assert sorted(done) == sorted(MODELS)
    late = dataclasses.replace(settings, minutes=1e-9)
    with pytest.raises(pool.Stopped, match="^stopped with 2 of 2 runs left; repeat to go on$"):
        pool.finish_all([LONG, PLANNED[0]], late)
    with pytest.raises(pool.Stopped, match="^stopped (at step|before the first step)"):
        pool.finish_all([LONG], late)


def test_a_failed_run_is_not_called_stopped(settings, monkeypatch, capsys):
    monkeypatch.setattr(executors, "run_one", lambda *_: 1 / 0)
    with pytest.raises(pool.PoolError, match="^1 of 1 runs failed, as said above; correct the cause and repeat$"):
        pool.finish_all(PLANNED[:1], settings)
    assert "Linear (seed 0): failed: ZeroDivisionError" in capsys.readouterr().out


def test_long_training_waits_for_a_word(speed, settings):
    call = "tl.run(plan, minutes={minutes})"
    assert pool.require_allowed([PLANNED[0], *PLANNED], settings, call).startswith("3 runs to train, ")
    assert pool.require_allowed(PLANNED[2:], settings, call) == "1 run of counts"
    long = [planned("Linear", dataclasses.replace(LONG.spec, seed=seed)) for seed in range(2)]
    minutes = forecast.expected_seconds(long, settings) / 60
    with pytest.raises(pool.PoolError) as refused:
        pool.require_allowed(long, settings, call)
    assert f"2 runs to train, {shown.short(2 * LONG.cost.flops)} FLOPs, about {minutes:,.0f} min on this machine" in str(refused.value)
    asked = int(str(refused.value).partition("minutes=")[2].rstrip(")"))
    assert asked > minutes > pool.UNASKED
    assert "about" in pool.require_allowed(long, dataclasses.replace(settings, minutes=asked), call)
    assert "about" not in pool.require_allowed(long, dataclasses.replace(settings, device="cuda"), call)


@pytest.mark.parametrize(("seconds", "said"), [(0.02, "a few seconds"), (9.9, "a few seconds"), (31.4, "about 31 s"), (200, "about 3 min")])
def test_short_training_is_told_no_more_exactly_than_it_is_known(settings, monkeypatch, seconds, said):
    monkeypatch.setattr(forecast, "expected_seconds", lambda planned, settings: seconds)
    assert pool.require_allowed(PLANNED, settings, "").endswith(f" FLOPs, {said} on this machine")


def test_a_broken_checkpoint_costs_its_own_run_a_new_start_and_the_others_nothing(settings, capsys):
    state = interrupted(LINEAR, settings)
    state.write_bytes(state.read_bytes()[:-100])
    (settings.checkpoints / f".{state.name}.{files.MACHINE}-{2**22 + 1}-{files.PROCESS}-0.tmp").touch()  # no process has this number
    done = []
    assert pool.train_all(PLANNED, settings, lambda run, record: done.append(run.name)) == []
    assert sorted(done) == sorted(MODELS)
    said = capsys.readouterr().out
    assert said.count("set aside") == 1 and "Linear (seed 0): " in said and f"set aside as {state.name}.bad" in said
    assert [path.name for path in settings.checkpoints.iterdir()] == [f"{state.name}.bad"]


def test_a_run_that_another_training_is_at_is_named_and_left(settings, monkeypatch, capsys):
    monkeypatch.setattr(states, "WAIT", 0.1)
    with states.locked(settings.checkpoint(LINEAR), lambda: False):
        assert pool.train_all(PLANNED[:1], settings, lambda run, record: pytest.fail("both trained it")) == PLANNED[:1]
    assert "Linear (seed 0): another process is training it; repeat when that has ended" in capsys.readouterr().out
    assert pool.train_all(PLANNED[:1], settings, lambda run, record: None) == []
