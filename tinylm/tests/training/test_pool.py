import dataclasses
import multiprocessing
import os
import queue
import signal
import subprocess
import sys
import threading
from concurrent.futures import Executor, Future, ThreadPoolExecutor

import pytest
import torch
from modules import Bigram
from specs import TRANSFORMER
from synthetic import planned

from tinylm import data, ledger
from tinylm.config import ConfigError, LinearConfig, NgramConfig, RunSpec, TrainConfig, shown
from tinylm.ledger import Ledger
from tinylm.models import checkpoint
from tinylm.models.checkpoint import CheckpointError
from tinylm.models.networks import own_module
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
    return ledger.to_json(dataclasses.replace(record, seconds=0.0, curve_seconds=[], environment={}))


def test_a_borrowed_executor_gives_the_records_of_processes(settings, tmp_path):
    found, heard = [], {}
    with ThreadPoolExecutor(2) as threads:
        shared = pool.Borrowed(threads, queue.SimpleQueue(), threading.Event())
        executors = {"processes": None, "threads": shared, "inline": pool.Borrowed(Inline()), "here": pool.ThisProcess()}
        for name, executor in executors.items():
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
    pool._start_worker(queue, stopping, 1, threading.Event())
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


def test_one_run_and_counts_need_no_process(settings, monkeypatch):
    seeds = [planned("Linear", dataclasses.replace(LINEAR, seed=seed)) for seed in range(3)]
    assert isinstance(pool.executor_for(seeds, settings), pool.Processes)
    for runs in (seeds[:1], [PLANNED[2], planned("KN-3", dataclasses.replace(PLANNED[2].spec, model=NgramConfig(order=3)))]):
        assert isinstance(pool.executor_for(runs, settings), pool.ThisProcess)
    monkeypatch.setitem(multiprocessing.current_process()._config, "daemon", True)  # which may start no process
    assert isinstance(pool.executor_for(seeds, settings), pool.ThisProcess)


@pytest.mark.parametrize(("workers", "threads"), [(0, 1), (1, 4), (3, 1)])
def test_a_run_in_this_process_takes_no_more_threads_than_in_one_of_its_own(settings, monkeypatch, workers, threads):
    found, before = [], torch.get_num_threads()
    monkeypatch.setattr(pool, "n_cores", lambda: 4)
    train = pool.run_one
    monkeypatch.setattr(pool, "run_one", lambda *how: found.append(torch.get_num_threads()) or train(*how))
    assert pool.train_all(PLANNED[:1], dataclasses.replace(settings, workers=workers), lambda run, record: None) == []
    assert found == [threads] and torch.get_num_threads() == before


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
        assert isinstance(pool.executor_for([PLANNED[1], planned("own", own)], settings), pool.ThisProcess)


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
from tinylm.training import pool

class Own(LinearConfig):
    kind = "own"

print("the script runs")
home, config = Path(sys.argv[1]), globals()[sys.argv[2]]
settings = pool.Settings(workers=2, folder=home / "ledger", checkpoints=home / "checkpoints", weights=home / "weights")
specs = [
    RunSpec(corpus="grammar-char", model=config(context_length=4, d_model=4), train=TrainConfig(steps=4, eval_tokens=20), seed=seed)
    for seed in (0, 1)
]
runs = [Planned(section="toy", role="sweep", architecture="Linear", name="Linear", spec=spec) for spec in specs]
print(type(pool.executor_for(runs, settings)).__name__)
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
    with pytest.raises(pool.WorkerDied, match="^no training process started: ImportError: half of it is missing; correct this and repeat$"):
        pool.train_all(PLANNED[:2], settings, lambda run, record: None)
    assert list(settings.checkpoints.iterdir()) == []


def end_at_once(*_):
    os._exit(7)


def test_a_worker_that_ends_at_its_start_gives_its_exit_code(settings, monkeypatch):
    monkeypatch.setattr(pool, "_start_worker", end_at_once)
    with pytest.raises(pool.WorkerDied, match="^no training process started, one ended with exit code 7; repeat with fewer processes$"):
        pool.train_all(PLANNED[:2], settings, lambda run, record: None)


def test_a_worker_killed_in_the_middle_is_distinguished(settings):
    executor = pool.Processes(dataclasses.replace(settings, workers=1))

    def kill(run, now):
        executor._context.workers[0].kill()

    with pytest.raises(pool.WorkerDied, match="^a training process was killed by SIGKILL, perhaps out of memory; repeat to go on"):
        pool.train_all([LONG], settings, lambda run, record: None, kill, executor)


LONG = planned("Linear", dataclasses.replace(LINEAR, train=TrainConfig(steps=10**7, n_evals=1, batch_size=4, eval_tokens=50)))


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
    monkeypatch.setattr(pool, "run_one", lambda *_: 1 / 0)
    with pytest.raises(pool.PoolError, match="^1 of 1 runs failed, as said above; correct the cause and repeat$"):
        pool.finish_all(PLANNED[:1], settings)
    assert "Linear (seed 0): failed: ZeroDivisionError" in capsys.readouterr().out


@pytest.fixture
def speed(monkeypatch):
    """A machine of four cores that train at 1e6 FLOP/s each."""
    monkeypatch.setattr(pool, "n_cores", lambda: 4)
    monkeypatch.setattr(pool, "expected_speed", lambda settings, seconds=2.0: 1e6 * settings.n_workers)
    monkeypatch.setattr(pool, "step_seconds", lambda optimizer, precision: 0.0)


def test_expected_seconds_count_scoring_and_share_the_cores(speed, settings):
    assert pool.expected_seconds(PLANNED[2:], settings) == 0.0
    assert pool.expected_seconds(PLANNED, dataclasses.replace(settings, device="cuda")) is None
    n_scored = TRAIN.n_evals * 50 + 50  # a window each; two thirds of a training window's FLOPs go to its gradients
    windows = 3 * TRAIN.steps * TRAIN.batch_size
    one = PLANNED[0].cost.flops * (windows + n_scored) / windows / 1e6
    seeds = [planned("Linear", dataclasses.replace(LINEAR, seed=seed)) for seed in range(8)]
    assert pool.expected_seconds(seeds[:1], settings) == pytest.approx(one)
    assert pool.expected_seconds(seeds, settings) == pytest.approx(4 * one)
    assert pool.expected_seconds(seeds, dataclasses.replace(settings, workers=100)) == pytest.approx(2 * one)


def test_a_step_takes_time_for_each_block_besides_its_flops(speed, settings, monkeypatch):
    runs = [
        PLANNED[0],
        PLANNED[1],
        planned("deeper", dataclasses.replace(PLANNED[1].spec, model=dataclasses.replace(TRANSFORMER, n_layer=5))),
    ]
    alone = [pool.expected_seconds([run], settings) for run in runs]
    monkeypatch.setattr(pool, "step_seconds", lambda optimizer, precision: {("adam", "fp32"): 0.5}[optimizer, precision])
    slower = [pool.expected_seconds([run], settings) for run in runs]
    blocks = [1, TRANSFORMER.n_layer, 5]
    assert [after - before for before, after in zip(alone, slower, strict=True)] == pytest.approx([n * 0.5 * TRAIN.steps for n in blocks])
    assert pool.expected_seconds(PLANNED[2:], settings) == 0.0, "counts take no steps"


def test_the_budget_of_a_time_takes_that_time(speed, settings, monkeypatch):
    monkeypatch.setattr(pool, "step_seconds", lambda optimizer, precision: 0.01)

    def plan(flops):
        return planned("Linear", dataclasses.replace(LINEAR, train=dataclasses.replace(TRAIN, steps=0, flops=flops)))

    flops = pool.affordable_flops(plan, 60, settings)
    assert pool.expected_seconds([plan(flops)], settings) == pytest.approx(60, rel=0.02)
    assert flops < 0.9 * 60 * 1e6


def test_the_time_of_a_step_is_measured_once():
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    first = pool.step_seconds("muon", "bf16")
    assert 1e-5 < first < 1 and pool.step_seconds("muon", "bf16") == first
    assert torch.get_num_threads() == threads and torch.equal(torch.get_rng_state(), state)


def test_long_training_waits_for_a_word(speed, settings):
    call = "tl.run(plan, minutes={minutes})"
    assert pool.require_allowed([PLANNED[0], *PLANNED], settings, call).startswith("3 runs to train, ")
    assert pool.require_allowed(PLANNED[2:], settings, call) == "1 run of counts"
    long = [planned("Linear", dataclasses.replace(LONG.spec, seed=seed)) for seed in range(2)]
    minutes = pool.expected_seconds(long, settings) / 60
    with pytest.raises(pool.PoolError) as refused:
        pool.require_allowed(long, settings, call)
    assert f"2 runs to train, {shown.short(2 * LONG.cost.flops)} FLOPs, about {minutes:,.0f} min on this machine" in str(refused.value)
    asked = int(str(refused.value).partition("minutes=")[2].rstrip(")"))
    assert asked > minutes > pool.UNASKED
    assert "about" in pool.require_allowed(long, dataclasses.replace(settings, minutes=asked), call)
    assert "about" not in pool.require_allowed(long, dataclasses.replace(settings, device="cuda"), call)


@pytest.mark.parametrize(("seconds", "said"), [(0.02, "a few seconds"), (9.9, "a few seconds"), (31.4, "about 31 s"), (200, "about 3 min")])
def test_short_training_is_told_no_more_exactly_than_it_is_known(settings, monkeypatch, seconds, said):
    monkeypatch.setattr(pool, "expected_seconds", lambda planned, settings: seconds)
    assert pool.require_allowed(PLANNED, settings, "").endswith(f" FLOPs, {said} on this machine")


def test_several_seeds_of_a_module_of_ones_own_are_trained_where_its_code_is(settings):
    model = own_module(Bigram, 8, data.vocab_size("grammar-char"))
    train = TrainConfig(steps=2, loss_at="all", eval_tokens=50)
    runs = [planned("own", RunSpec(corpus="grammar-char", model=model, train=train, seed=seed)) for seed in (0, 1)]
    assert isinstance(pool.executor_for(runs, settings), pool.ThisProcess)
    found = {}
    assert pool.train_all(runs, settings, lambda run, record: found.update({run.spec.seed: record.test.nll})) == []
    assert found.keys() == {0, 1} and found[0] != found[1]


def test_an_unknown_device_is_said():
    with pytest.raises(ConfigError, match="did you mean 'cpu'"):
        pool.device("cpus")
