import dataclasses
import multiprocessing
import queue
import threading
from concurrent.futures import Executor, Future, ThreadPoolExecutor

import pytest
import torch
from specs import TRANSFORMER
from synthetic import planned

from tinylm import data, ledger
from tinylm.config import LinearConfig, NgramConfig, RunSpec, TrainConfig
from tinylm.ledger import Ledger
from tinylm.models import checkpoint
from tinylm.models.checkpoint import CheckpointError
from tinylm.training import loop, pool
from tinylm.training.loop import Interrupted

TRAIN = TrainConfig(steps=120, n_evals=3, batch_size=4, eval_tokens=50)
MODELS = {"Linear": LinearConfig(context_length=4, d_model=4), "Transformer": TRANSFORMER, "KN-2": NgramConfig(order=2)}
PLANNED = [planned(name, RunSpec(corpus="grammar-word", model=model, train=TRAIN)) for name, model in MODELS.items()]
LINEAR = PLANNED[0].spec


@pytest.fixture
def settings(tmp_path):
    folders = {"folder": tmp_path / "ledger", "checkpoints": tmp_path / "checkpoints", "weights": tmp_path / "weights"}
    return pool.Settings(workers=2, **folders)


def interrupted(spec, settings):
    """Train to the first look at the clock, leaving a checkpoint."""
    with pytest.raises(Interrupted):
        pool.run_one(spec, settings, lambda now: None, lambda: True)
    return settings.checkpoints / f"{spec.key}.safetensors"


def test_a_deadline_leaves_runs_that_a_second_call_continues(settings):
    late = dataclasses.replace(settings, minutes=1e-9)
    assert pool.train_all(PLANNED[:2], late, lambda run, record: pytest.fail("no run can be done in no time")) == PLANNED[:2]
    assert Ledger([settings.folder]).records == {}
    # A mark in the saved curve shows that the run was continued, not started again.
    state = interrupted(LINEAR, settings)
    tensors, facts = checkpoint.load(state)
    facts["curve"][0]["train_nll"] = 123.0
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


class Inline(Executor):
    """Does at once, in the caller's thread, what it is given."""

    def submit(self, function, /, *args, **kwargs):
        future = Future()
        try:
            future.set_result(function(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


def outcome(record):
    """What a record says of the run, not of the machine."""
    return ledger.to_json(dataclasses.replace(record, seconds=0.0, environment={}))


def test_a_borrowed_executor_gives_the_records_of_processes(settings, tmp_path):
    found, heard = [], {}
    with ThreadPoolExecutor(2) as threads:
        shared = pool.Borrowed(threads, queue.SimpleQueue(), threading.Event())
        for name, executor in (("processes", None), ("threads", shared), ("inline", pool.Borrowed(Inline()))):
            at = {part: tmp_path / name / part for part in ("folder", "checkpoints", "weights")}
            heard[name], records = set(), {}
            left = pool.train_all(
                PLANNED[:2],
                dataclasses.replace(settings, **at),
                lambda run, record, records=records: records.update({run.name: record}),
                lambda run, now, name=name: heard[name].add(run.name),
                executor,
            )
            assert left == [] and len(Ledger([at["folder"]]).records) == 2
            found.append({run: outcome(record) for run, record in records.items()})
        assert threads.submit(int).result() == 0, "a borrowed executor stays open"
    assert found[0].keys() == {"Linear", "Transformer"}
    assert found[1] == found[0] == found[2]
    assert heard == {"processes": {"Linear", "Transformer"}, "threads": {"Linear", "Transformer"}, "inline": set()}


def test_a_borrowed_executor_stops_its_runs_and_goes_on_with_them(settings):
    with ThreadPoolExecutor(1) as threads:
        shared, done = pool.Borrowed(threads, queue.SimpleQueue(), threading.Event()), []
        late = dataclasses.replace(settings, minutes=1e-9)
        assert pool.train_all(PLANNED[:2], late, lambda run, record: pytest.fail("no run can be done in no time"), executor=shared)
        assert pool.train_all(PLANNED[:2], settings, lambda run, record: done.append(run), executor=shared) == []
        assert done == PLANNED[:2]


def test_no_plan_needs_no_process(settings):
    assert pool.train_all([], settings, lambda run, record: None) == []


def test_a_run_alone_writes_weights_and_keeps_its_checkpoint_for_the_ledgers_sake(settings):
    state = interrupted(LINEAR, settings)
    steps = []
    record = pool.run_one(LINEAR, settings, lambda now: steps.append(now.step), lambda: False)
    assert steps[0] > loop.CHECK_EVERY - 1
    assert ledger.file_name(record.spec).startswith("grammar-word-linear-s0-")
    assert state.exists()
    assert (settings.weights / f"{LINEAR.key}.safetensors").exists()


def test_workers_are_the_cores_unless_told():
    assert pool.Settings(workers=3).n_workers == 3
    assert pool.Settings().n_workers >= 1
    assert pool.Settings(device="cuda").n_workers == 1


def test_the_expected_speed_is_a_rate_and_leaves_the_threads():
    threads = torch.get_num_threads()
    assert 1e8 < pool.expected_speed(pool.Settings(workers=1), 0.05) < 1e13
    assert torch.get_num_threads() == threads


def test_a_folder_that_cannot_be_written_into_is_named_before_any_training(settings, tmp_path, monkeypatch):
    monkeypatch.setattr(pool, "ProcessPoolExecutor", lambda *args: pytest.fail("processes were started"))
    (tmp_path / "weights").write_text("a file in the place of the folder")
    with pytest.raises(pool.PoolError, match="cannot write into .*weights"):
        pool.train_all(PLANNED, settings, lambda run, record: None)


def busy_worker(queue, stopping):
    pool._start_worker(queue, stopping, 1)
    with pool._busy:
        queue.put("busy")
        queue.put("saved" if stopping.wait(60) else "never asked to stop")


def test_sigterm_lets_the_run_in_progress_save_its_state():
    context = multiprocessing.get_context("spawn")
    queue, stopping = context.SimpleQueue(), context.Event()
    worker = context.Process(target=busy_worker, args=(queue, stopping))
    worker.start()
    assert queue.get() == "busy"
    worker.terminate()
    worker.join(60)
    assert queue.get() == "saved"
