import dataclasses
import multiprocessing
import os
import queue
import subprocess
import sys
import threading
from concurrent.futures import Executor, Future, ThreadPoolExecutor

import pytest
import torch
from modules import Bigram
from pooled import LINEAR, LONG, PLANNED, interrupted, outcome
from synthetic import planned

from tinylm import data, ledger
from tinylm.config import LinearConfig, NgramConfig, RunSpec, TrainConfig
from tinylm.ledger import Ledger
from tinylm.models.networks import own_module
from tinylm.training import executors, loop, machine, pool


class Inline(Executor):
    """Does at once, in the caller's thread, what it is given."""

    def submit(self, function, /, *args, **kwargs):
        future = Future()
        try:
            future.set_result(function(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


def test_a_borrowed_executor_gives_the_records_of_processes(settings, tmp_path):
    found, heard = [], {}
    with ThreadPoolExecutor(2) as threads:
        shared = executors.Borrowed(threads, queue.SimpleQueue(), threading.Event())
        places = {"processes": None, "threads": shared, "inline": executors.Borrowed(Inline()), "here": executors.ThisProcess()}
        for name, executor in places.items():
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
    assert found[1] == found[0] == found[2] == found[3]
    assert heard.pop("inline") == set()
    assert set(heard) == {"processes", "threads", "here"} and all(runs == {"Linear", "Transformer"} for runs in heard.values())


def test_a_borrowed_executor_stops_its_runs_and_goes_on_with_them(settings):
    with ThreadPoolExecutor(1) as threads:
        shared, done = executors.Borrowed(threads, queue.SimpleQueue(), threading.Event()), []
        late = dataclasses.replace(settings, minutes=1e-9)
        assert pool.train_all(PLANNED[:2], late, lambda run, record: pytest.fail("no run can be done in no time"), executor=shared)
        assert pool.train_all(PLANNED[:2], settings, lambda run, record: done.append(run), executor=shared) == []
        assert done == PLANNED[:2]


def test_a_run_alone_writes_weights_and_keeps_its_checkpoint_for_the_ledgers_sake(settings):
    state = interrupted(LINEAR, settings)
    steps = []
    record = executors.run_one(LINEAR, settings, lambda now: steps.append(now.step), lambda: False)
    assert steps[0] > loop.CHECK_EVERY - 1
    assert ledger.file_name(record.spec).startswith("grammar-word-linear-s0-")
    assert state.exists()
    assert (settings.weights / f"{LINEAR.key}.safetensors").exists()


def busy_worker(queue, stopping):
    executors._start_worker(queue, stopping, 1, threading.Event())
    with executors._busy:
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


def test_one_run_and_counts_need_no_process(settings, monkeypatch):
    seeds = [planned("Linear", dataclasses.replace(LINEAR, seed=seed)) for seed in range(3)]
    assert isinstance(executors.executor_for(seeds, settings), executors.Processes)
    for runs in (seeds[:1], [PLANNED[2], planned("KN-3", dataclasses.replace(PLANNED[2].spec, model=NgramConfig(order=3)))]):
        assert isinstance(executors.executor_for(runs, settings), executors.ThisProcess)
    monkeypatch.setitem(multiprocessing.current_process()._config, "daemon", True)  # which may start no process
    assert isinstance(executors.executor_for(seeds, settings), executors.ThisProcess)


@pytest.mark.parametrize(("workers", "threads", "at_once"), [(0, 1, 4), (1, 4, 1), (3, 1, 4)])
def test_a_run_in_this_process_takes_no_more_threads_than_in_one_of_its_own(settings, monkeypatch, workers, threads, at_once):
    found, before = [], torch.get_num_threads()
    monkeypatch.setattr(machine, "n_cores", lambda: 4)
    train = executors.run_one
    monkeypatch.setattr(executors, "run_one", lambda *how: found.append((torch.get_num_threads(), how[-1])) or train(*how))
    assert pool.train_all(PLANNED[:1], dataclasses.replace(settings, workers=workers), lambda run, record: None) == []
    assert found == [(threads, at_once)] and torch.get_num_threads() == before


def test_the_threads_follow_from_the_processes_asked_for_and_not_from_the_runs_left(settings, monkeypatch):
    monkeypatch.setattr(machine, "n_cores", lambda: 4)
    started = []
    monkeypatch.setattr(executors, "ProcessPoolExecutor", lambda number, context, start, worker: started.append((number, worker[2])))
    seeds = [planned("Linear", dataclasses.replace(LINEAR, seed=seed)) for seed in range(5)]
    for workers, left in ((4, 5), (4, 2), (2, 5)):
        executors.executor_for(seeds[:left], dataclasses.replace(settings, workers=workers))
    assert started == [(4, 1), (2, 1), (2, 2)]


def test_what_another_process_cannot_read_is_run_here(settings, monkeypatch):
    class Local(LinearConfig):
        kind = "local to this test"

    @dataclasses.dataclass(frozen=True)
    class OfTheScript(LinearConfig):
        kind = "of the script"

    OfTheScript.__module__, OfTheScript.__qualname__ = "__main__", "OfTheScript"
    monkeypatch.setattr(sys.modules["__main__"], "OfTheScript", OfTheScript, raising=False)
    for config in (Local, OfTheScript):
        own = dataclasses.replace(LINEAR, model=config(context_length=4, d_model=4))
        assert isinstance(executors.executor_for([PLANNED[1], planned("own", own)], settings), executors.ThisProcess)


def test_a_run_in_this_process_leaves_torch_alone_and_is_the_run_of_a_new_process(settings):
    expected = outcome(loop.train(PLANNED[1].spec, data.load("grammar-word")))
    torch.manual_seed(5)
    before, records = torch.get_rng_state(), []
    torch.set_default_dtype(torch.float64)
    try:
        assert pool.train_all(PLANNED[1:2], settings, lambda run, record: records.append(record)) == []
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)
    assert torch.equal(torch.get_rng_state(), before)
    assert outcome(records[0]) == expected


def test_two_trainings_at_once_do_not_mix_their_random_numbers(settings, tmp_path):
    seeds = [dataclasses.replace(PLANNED[1], spec=dataclasses.replace(PLANNED[1].spec, seed=seed)) for seed in (1, 2)]
    alone = {run.spec.seed: outcome(loop.train(run.spec, data.load("grammar-word"))) for run in seeds}
    found = {}

    def train(run):
        here = dataclasses.replace(settings, folder=tmp_path / str(run.spec.seed))
        pool.train_all([run], here, lambda run, record: found.update({run.spec.seed: outcome(record)}))

    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(train, seeds)) == [None, None]
    assert found == alone


SCRIPT = """
import sys
from pathlib import Path
from tinylm.config import LinearConfig, RunSpec, TrainConfig
from tinylm.study import Planned
from tinylm.training import executors, machine, pool

class Own(LinearConfig):
    kind = "own"

print("the script runs")
home, config = Path(sys.argv[1]), globals()[sys.argv[2]]
settings = machine.Settings(workers=2, folder=home / "ledger", checkpoints=home / "checkpoints", weights=home / "weights")
specs = [
    RunSpec(corpus="grammar-char", model=config(context_length=4, d_model=4), train=TrainConfig(steps=4, eval_tokens=20), seed=seed)
    for seed in (0, 1)
]
runs = [Planned(section="toy", role="sweep", architecture="Linear", name="Linear", spec=spec) for spec in specs]
print(type(executors.executor_for(runs, settings)).__name__)
print("left:", pool.train_all(runs, settings, lambda run, record: print("done:", record.spec.seed)))
"""


@pytest.mark.parametrize(
    ("how", "config", "executor"),
    [("unguarded", "LinearConfig", "Processes"), ("stdin", "LinearConfig", "Processes"), ("unguarded", "Own", "ThisProcess")],
)
def test_several_runs_of_a_script_need_no_guard_no_file_and_no_module_for_a_class(how, config, executor, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    with open(script) as source:
        command = [sys.executable, "-" if how == "stdin" else str(script), str(tmp_path), config]
        ran = subprocess.run(command, stdin=source, capture_output=True, text=True, cwd=tmp_path)
    lines = ran.stdout.splitlines()
    assert ran.returncode == 0 and "Traceback" not in ran.stderr, ran.stderr
    assert lines[:2] == ["the script runs", executor] and lines[-1] == "left: []"
    assert {line for line in lines if line.startswith("done")} == {"done: 0", "done: 1"} and lines.count("the script runs") == 1


def test_a_worker_that_cannot_start_says_why(settings, tmp_path, monkeypatch):
    (tmp_path / "safetensors.py").write_text("raise ImportError('half of it is missing')")
    monkeypatch.syspath_prepend(tmp_path)  # what new processes look at first; here the real one is loaded already
    with pytest.raises(
        executors.WorkerDied, match="^no training process started: ImportError: half of it is missing; correct this and repeat$"
    ):
        pool.train_all(PLANNED[:2], settings, lambda run, record: None)
    assert list(settings.checkpoints.iterdir()) == []


def end_at_once(*_):
    os._exit(7)


def test_a_worker_that_ends_at_its_start_gives_its_exit_code(settings, monkeypatch):
    monkeypatch.setattr(executors, "_start_worker", end_at_once)
    with pytest.raises(
        executors.WorkerDied, match="^no training process started, one ended with exit code 7; repeat with fewer processes$"
    ):
        pool.train_all(PLANNED[:2], settings, lambda run, record: None)


def test_a_worker_killed_in_the_middle_is_distinguished(settings):
    executor = executors.Processes(settings, 1)

    def kill(run, now):
        executor._context.workers[0].kill()

    with pytest.raises(executors.WorkerDied, match="^a training process was killed by SIGKILL, perhaps out of memory; repeat to go on"):
        pool.train_all([LONG], settings, lambda run, record: None, kill, executor)


def test_several_seeds_of_a_module_of_ones_own_are_trained_where_its_code_is(settings):
    model = own_module(Bigram, 8, data.vocab_size("grammar-char"))
    train = TrainConfig(steps=2, loss_at="all", eval_tokens=50)
    runs = [planned("own", RunSpec(corpus="grammar-char", model=model, train=train, seed=seed)) for seed in (0, 1)]
    assert isinstance(executors.executor_for(runs, settings), executors.ThisProcess)
    found = {}
    assert pool.train_all(runs, settings, lambda run, record: found.update({run.spec.seed: record.test.nll})) == []
    assert found.keys() == {0, 1} and found[0] != found[1]
