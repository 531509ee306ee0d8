"""`train` from the command line: with a stand-in for the sweep, and once for real."""

import dataclasses
import html
import json
import re
import shlex
import signal
import subprocess
import sys

import commandline
import pytest
from records import made
from safetensors.numpy import save_file

from tinylm import explore, files, ledger, study
from tinylm.__main__ import main
from tinylm.config import LSTMConfig
from tinylm.flops import run_cost
from tinylm.ledger import bundle
from tinylm.study import recipes
from tinylm.training import forecast, pool

SMOKE = "train --missing --profile smoke"
ONE = "--corpus grammar-char --model transformer"
MISTAKES = {
    "train": "say what to train: --quick for a first try, --missing",
    "train --missing --profile fast": "unknown profile 'fast'; there are: full",
    "train --missing --section ropes": "unknown section 'ropes'; did you mean 'rope'? There are: answer",
    "train --missing --section rope --seeds 9": "no planned run has seed 9; choose from 0 1 2 3 4",
    "train --missing --seeds -1": "'-1' is not a whole number from 0 up",
    "train --missing --seeds x": "'x' is not a whole number from 0 up",
    "train --missing --heads 2": "--heads describes a single run and does not go with --missing",
    "train --missing --minutes 0": "'0' is not a number of minutes above 0",
    "train --missing --minutes nan": "'nan' is not a number of minutes",
    "train --missing --workers 0": "'0' is not a whole number from 1 up",
    "train --missing --device tpu": "unknown value 'tpu'",
    "train --missing --data-dir nowhere": "argument --data-dir: nowhere is not a folder",
    "train --missing --out nowhere/a.tar": "cannot write nowhere/a.tar",
    f"train {ONE} --cluster tls://a:1 --workers 2": "--workers and --data-dir are of this machine",
    "train --missing --out .": ". is not a plain file; name a new one, such as runs.tar",
    "train --missing --out /": "/ is not a plain file",
    "train --missing --out /dev/null": "/dev/null is not a plain file",
    "train --miss": "unrecognized arguments: --miss",
    f"train {ONE} --section rope": "--profile and --section go with --missing",
    "train --missing --quick": "--quick describes a single run and does not go with --missing",
    "train --run Transformer --seeds 1": "write the seed as NAME@SEED",
    "train --run KN-6": "KN-6 counts n-grams, which leaves no weights; use it: python -m tinylm generate --model",
    "train --run Transfomer": "no run is called 'Transfomer'; did you mean 'Transformer'?",
}


@pytest.mark.parametrize("line", MISTAKES)
def test_a_mistake_is_one_clear_message(refused, line):
    assert MISTAKES[line] in refused(line)


@pytest.fixture
def trained(monkeypatch):
    """A stand-in for the sweep that records runs without training them; `limit` runs a call, then it stops."""

    class Sweep:
        limit, calls, fields, after = 1000, [], {}, staticmethod(lambda run: None)

    def train_all(planned, settings, done, watch, executor):
        Sweep.calls.append((planned, settings))
        Sweep.executors.append(executor)
        for run in planned[: Sweep.limit]:
            record = made(spec=run.spec, **Sweep.fields)
            ledger.write(record, settings.folder / run.section)
            done(run, record)
            Sweep.after(run)
        return list(planned[Sweep.limit :])

    Sweep.calls, Sweep.executors = [], []
    monkeypatch.setattr(pool, "train_all", train_all)
    monkeypatch.setattr(forecast, "expected_speed", lambda settings, seconds: 1e9)
    return Sweep


def names(file):
    return [entry.name for entry in bundle.entries(file)]


def test_missing_runs_in_order_until_none_is_left(call, home, trained):
    trained.limit = 3
    plan = []
    for run in study.plan("smoke"):  # two of its sections share runs
        if run.spec.key not in {other.spec.key for other in plan}:
            plan.append(run)
    code, out, _ = call(f"{SMOKE} --minutes 9 --out {home / 'a.tar'}")
    (planned, settings) = trained.calls[0]
    assert code == 1 and planned == plan
    assert settings.folder == files.LOCAL_LEDGER and settings.checkpoints == files.CHECKPOINTS and 8 < settings.minutes <= 9
    assert out.startswith(f"{len(plan)} runs, 0 recorded, {len(plan)} to train: ") and "stopping after " in out
    assert out.splitlines()[-1].startswith(f"{len(plan) - 3} runs left; continue with: python -m tinylm train --missing --profile smoke")
    assert len(names(home / "a.tar")) == 3
    trained.limit = 1000
    assert main(shlex.split(out.splitlines()[-1].partition("tinylm ")[2])) == 0
    assert trained.calls[1][0] == plan[3:] and len(names(home / "a.tar")) == len(plan)


def test_the_full_profile_goes_to_the_published_ledger_in_a_clone(call, trained, home, monkeypatch):
    monkeypatch.setattr("tinylm.data.load", lambda name, folder: None)
    assert call(f"train --missing --section rope --seeds 1 3 --data-dir {home} --device cpu --workers 7")[0] == 0
    planned, settings = trained.calls[0]
    asked = [run for run in study.section_plan("rope", "full") if run.spec.seed in (1, 3)]
    assert sorted(run.title for run in planned) == sorted(run.title for run in asked)
    assert (settings.folder, settings.workers, settings.data_dir, settings.minutes) == (files.LEDGER, 7, home, 0.0)
    assert len(list((files.LEDGER / "rope").iterdir())) == len(asked)
    monkeypatch.setattr(files, "IS_CLONE", False)
    assert call("train --missing --section rope --seeds 2 --device cpu")[0] == 0
    assert trained.calls[1][1].folder == files.LOCAL_LEDGER


def test_a_bundle_does_not_replace_the_text_that_is_trained_on(call, refused, home):
    (home / "my.txt").write_text("the cat sat on the mat\n" * 300)
    code, _, err = call("train --quick --corpus my.txt --out my.txt")
    assert code == 2 and err.startswith("error: my.txt is there and is no bundle of run records")
    assert (home / "my.txt").read_text().startswith("the cat")
    assert ". is not a plain file" in refused(["train", "--missing", "--out", ""])


def test_the_bundle_is_whole_after_every_run(call, home, trained):
    sizes = []
    trained.after = lambda run: sizes.append(len(names(home / "a.tar")))
    assert call(f"{SMOKE} --section words --out {home / 'a.tar'}")[0] == 0
    assert sizes == list(range(1, len(sizes) + 1))
    assert [p.name for p in home.glob("*") if p.is_file()] == ["a.tar"]


def test_single_runs_are_found_again(call, trained):
    line = "train --corpus grammar-char --model self-attention --heads 1 2 --steps 20"
    code, out, _ = call(line)
    assert code == 0 and "Transformer(n_layer=1, n_head=2, d_ff=512), " in out and " (n_head=2)" in out
    assert len(list((files.LOCAL_LEDGER / "local").iterdir())) == 2
    code, out, _ = call(line)
    assert code == 0 and out.startswith("2 runs, 2 recorded, 0 to train") and "3.2500 +- 0.0348" in out
    assert len(trained.calls) == 1


def test_several_models_are_compared_under_the_same_flags(call, trained):
    assert call("train --corpus grammar-char --model mlp transformer --d-model 16 32 --budget 1e10")[0] == 0
    planned = trained.calls[0][0]
    kinds = [(run.architecture, run.spec.model.d_model) for run in planned]
    assert kinds == [(model, width) for model in ("MLP", "Transformer") for width in (16, 32)]
    assert {run.spec.train.flops for run in planned} == {10**10}


def test_an_lstm_with_muon_from_the_command_line(call, trained):
    line = "train --corpus grammar-char --model lstm --layers 1 --d-model 8 --d-embedding 6 --optimizer muon --steps 20"
    assert call(f"{line} --set train.adam_lr=2e-3 train.average=ema model.output_dropout=0.3")[0] == 0
    spec = trained.calls[0][0][0].spec
    assert spec.model == LSTMConfig(n_layer=1, d_model=8, d_embedding=6, output_dropout=0.3)
    assert (spec.train.optimizer, spec.train.adam_lr, spec.train.average) == ("muon", 2e-3, "ema")


def test_json_says_what_is_done_and_what_is_left(call, trained):
    trained.limit = 1
    line = "train --corpus grammar-char --model mlp --steps 5 --seeds 0 1 --json"
    code, out, err = call(line)
    (done, left) = json.loads(out)["runs"]
    assert code == 1 and json.loads(out)["left"] == 1 and "1 run left; continue with: " in err
    assert (done["status"], done["test_nll"], done["weights"], left["status"]) == ("done", 3.25, None, "left")
    assert set(left) < set(done) and done["key"] != left["key"]
    trained.fields = {"status": "diverged", "valid": None, "test": None}
    code, out, _ = call(line)
    assert code == 1 and json.loads(out)["runs"][1]["status"] == "diverged" and json.loads(out)["runs"][1]["test_nll"] is None


def test_a_search_shows_no_test_score_of_a_run_that_is_recorded_elsewhere(call, home, trained):
    line = "train --corpus grammar-char --model mlp --steps 5"
    assert "3.2500 +- 0.0348" in call(line)[1]
    code, out, _ = call(f"{line} --search --seed 0 --out {home / 'a.tar'}")
    assert code == 0 and "recorded, in local; it is not trained again, and a search does not show its test NLL" in out and "+-" not in out
    assert json.loads(call(f"{line} --search --seed 0 --json")[1])["runs"][0]["test_nll"] is None
    assert [entry.problem for entry in bundle.entries(home / "a.tar")] == [""] and len(trained.calls) == 1
    call(f"{line} --search")
    assert "recorded, in search, where no test NLL is kept; another seed has one" in call(f"{line} --seed 100")[1]


def test_a_diverged_single_run_is_a_failure(call, trained):
    trained.fields = {"status": "diverged", "valid": None, "test": None}
    code, out, _ = call("train --corpus grammar-char --model mlp")
    assert code == 1 and "diverged" in out


def test_a_killed_process_leaves_runs(call, trained):
    def die(run):
        raise pool.PoolError("a training process was killed")

    trained.after = die
    code, out, err = call("train --corpus grammar-char --model mlp --seeds 0 1 --steps 5")
    assert code == 1 and err == "failed: a training process was killed\n" and "1 run left" in out


def test_sigterm_is_heard_as_ctrl_c(call, trained):
    trained.after = lambda run: signal.raise_signal(signal.SIGTERM)
    before = signal.getsignal(signal.SIGTERM)
    assert call("train --corpus grammar-char --model mlp --steps 5")[0] == 130
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize(("flag", "threads"), [("", 1), (" --workers 1", 4)])
def test_a_run_alone_has_one_thread_unless_told(call, trained, monkeypatch, flag, threads):
    monkeypatch.setattr("tinylm.training.machine.n_cores", lambda: 4)
    code, out, _ = call(f"train --corpus grammar-char --model linear --context-length 4 --steps 3 --device cpu{flag}")
    assert code == 0 and trained.calls[0][1].n_threads == threads and "1 process on cpu" in out


def test_what_is_left_of_a_training_has_the_threads_that_all_of_it_had(call, trained, monkeypatch):
    monkeypatch.setattr("tinylm.training.machine.n_cores", lambda: 4)
    trained.limit = 1
    for _ in range(2):
        call("train --corpus grammar-char --model linear --context-length 4 --steps 3 --seeds 0 1 --device cpu --workers 2")
    assert [(len(planned), settings.n_threads) for planned, settings in trained.calls] == [(2, 2), (1, 2)]


def test_a_cluster_is_the_executor_of_the_runs(call, trained, monkeypatch):
    pytest.importorskip("distributed")
    code, _, err = call(f"train {ONE} --steps 3 --cluster tcp://10.0.0.1:8786")
    assert code == 2 and "error: tcp://10.0.0.1:8786 is not encrypted, and a scheduler runs whatever it is sent" in err

    class Two(pool.clusters().Cluster):
        workers = ("a", "b")

        def __init__(self, address, device):
            self.address, self.device = address, "cuda"

    monkeypatch.setattr(pool.clusters(), "Cluster", Two)
    code, out, err = call(f"train {ONE} --steps 3 --cluster tls://head:1")
    assert code == 0 and "; 2 workers at tls://head:1 train on cuda" in out, err
    assert [*map(type, trained.executors)] == [Two] and trained.calls[0][1].device == "cuda"


def test_a_device_that_is_not_there(call, trained, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    code, _, err = call(f"{SMOKE} --device cuda")
    assert code == 2 and "finds no CUDA device" in err
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert call(f"{SMOKE} --device auto")[0] == 0 and trained.calls[0][1].device == "cuda" and trained.calls[0][1].n_workers == 1


def test_a_tiny_run_for_real(call, home):
    line = "train --corpus grammar-char --model transformer --layers 1 --d-model 8 --heads 2 --context-length 8 --steps 12 --eval-tokens 50"
    code, out, err = call(f"{line} --workers 1 --device cpu --out {home / 'a.tar'}")
    assert code == 0, err
    (entry,) = bundle.entries(home / "a.tar")
    assert entry.section == "local" and entry.record.steps == 12 and entry.record.status == "done"
    assert str(entry.record.test) in out and entry.record.spec.key in out
    assert ledger.read(files.LOCAL_LEDGER / entry.name) == entry.record
    assert not list(files.CHECKPOINTS.glob("*"))


def test_a_recipe_says_what_to_expect_of_a_budget(call, trained):
    line = "train --corpus grammar-char --recipe transformer --budget 1e9 1e11 --seeds 0 1"
    code, out, _ = call(line)
    (planned, _) = trained.calls[0]
    assert code == 0 and len(planned) == 4 and {run.spec.train.flops for run in planned} == {10**9, 10**11}
    assert "no run of this recipe on grammar-char is recorded" in out
    _, out, _ = call(line.replace("1e9 1e11", "1e10"))
    nll = made(spec=planned[0].spec).valid.nll
    between = "from 4 recorded runs of this recipe with 1e9 and 1e11 FLOPs"
    assert f"1e10 FLOPs: valid NLL of {nll:.2f} to {nll:.2f} (95 %), {between}" in out


def recorded(spec, nll):
    """A record of a spec on the tokens that recipes are scored on."""
    score = dataclasses.replace(made().valid, nll=nll, start=recipes.EVAL_START)
    ledger.write(made(spec=spec, n_params=9, valid=score, test=score), files.LOCAL_LEDGER / "local")


def test_a_recipe_is_trained_though_counts_are_recommended_in_one_line(call, trained):
    given = "--recipe transformer --budget 1e12"
    for flops, nll in {10**11: 2.0, 10**13: 1.4}.items():
        recorded(recipes.recipe("transformer", "grammar-char", flops), nll)
    recorded(recipes.recipe("counts", "grammar-char", 0), 1.6)
    code, out, _ = call(f"train --corpus grammar-char {given}")
    (said,) = [line for line in out.splitlines() if "recommend" in line]
    assert said == (
        "1e12 FLOPs: the records recommend Counts (KN-8 x 1.15 + unbounded cache) instead, with a valid NLL of 1.60; "
        "train it with: python -m tinylm train --recipe counts --corpus grammar-char"
    )
    assert "counts and a network mixed are often better than either; what mixes them is said at the end\n" in out
    assert code == 0 and [run.architecture for run in trained.calls[0][0]] == ["Transformer"]
    assert said.endswith(html.unescape(re.findall("<pre>(.*?)</pre>", explore.Budget("grammar-char").advice.value)[0])), (
        "as the explorer says"
    )
    code, out, err = call(f"train --corpus grammar-char {given} --seed 1 --json")
    assert code == 0 and said in err and len(json.loads(out)["runs"]) == 1
    assert "recommend" not in call("train --corpus grammar-char --recipe transformer --budget 1e13")[1]
    assert "the records recommend Transformer instead" in call("train --corpus grammar-char --recipe mlp --budget 1e13")[1]


def test_counts_that_are_made_anyway_are_not_recommended(call, trained):
    recorded(recipes.recipe("counts", "grammar-char", 0), 1.6)
    out = call("train --corpus grammar-char --quick")[1]
    assert "counts of the text come first, and at the end each network is mixed with them" in out and "recommend" not in out


@pytest.mark.parametrize("counted", ["counts", "gated-counts --budget 1e9"])
def test_counts_alone_are_mixed_with_nothing(call, trained, counted):
    code, _, err = call(f"train --corpus grammar-char --recipe {counted} --mix counts")
    assert code == 2 and "--mix needs a network" in err and not trained.calls


def test_a_short_own_text_gets_a_smaller_budget_and_counts_to_compare_with(call, trained, home):
    (home / "my.txt").write_text("".join(f"the cat {i} sat on the mat\n" for i in range(1500)))
    code, out, _ = call("train --recipe transformer --corpus my.txt --budget 1e12")
    assert code == 0 and re.match(r"my.txt \(text-[0-9a-f]{12}\): 2[0-9] distinct characters; train ", out)
    assert "1e12 FLOPs: the records recommend Counts (KN-8 x 1.15 + unbounded cache) instead, with a valid NLL of 0." in out
    assert re.search(r"Transformer, .*: it reads its text 4[0-9] times; after more than 20 a network may know a text by heart", out)
    out = call("train --quick --corpus my.txt")[1]
    assert "1e11 FLOPs in place of 1e12: more would read this short text more than 20 times" in out
    out = call("train --recipe transformer --corpus my.txt --budget 3e12")[1]
    assert "may reach a higher one, since it reads the text too often" in out


def test_what_is_recorded_without_weights_says_what_is_there_and_what_to_do(call, trained):
    line = "train --recipe transformer --budget 1e12 --corpus grammar-char"
    for _ in range(2):
        code, out, _ = call(line)
    assert code == 0 and ": recorded\n" in out and "the run is recorded, and nothing was trained" in out.splitlines()[-1]
    assert re.search("Train it here with: python -m tinylm train --run [0-9a-f]{16}$", out)


def test_a_test_of_few_tokens_is_said_to_say_little(call, home):
    (home / "my.txt").write_text("the cat sat on the mat\n" * 60)
    code, out, _ = call("train --model counts --corpus my.txt")
    assert code == 0 and "+-" not in out and "a test NLL without an error is of 250 tokens or fewer, which says little" in out


def test_the_recipe_of_counts_needs_no_budget_and_says_nothing_of_one(call, home):
    code, out, err = call("train --recipe counts --corpus grammar-char")
    assert code == 0 and not err and "KN-8 x 1.15 + unbounded cache" in out
    assert "recommend" not in out and "recorded, so its loss" not in out
    assert "generate text with: python -m tinylm generate --model" in out
    assert call("train --recipe counts --corpus grammar-char")[1].startswith("1 run, 1 recorded, 0 to train")


def test_a_recorded_run_is_trained_again_for_its_weights(call, home, monkeypatch):
    record = made()
    ledger.write(record, files.LEDGER / "local")
    asked = []
    monkeypatch.setattr(pool, "train_all", lambda planned, _, done, *how: asked.extend(planned) or done(planned[0], record) or [])
    monkeypatch.setattr(forecast, "expected_speed", lambda settings, seconds: 1e9)
    code, out, _ = call(f"train --run {record.spec.key}")
    assert code == 0 and [run.spec for run in asked] == [record.spec] and "1 to train" in out
    files.WEIGHTS.mkdir(parents=True)
    weights = files.WEIGHTS / f"{record.spec.key}.safetensors"
    weights.touch()
    assert "1 to train" in call(f"train --run {record.spec.key}")[1], "a file that is cut counts as none"
    save_file({}, weights)
    assert "1 recorded, 0 to train" in call(f"train --run {record.spec.key}")[1]


def test_a_cost_is_counted_once(call, trained, monkeypatch):
    counted = []
    monkeypatch.setattr("tinylm.study.planned.run_cost", lambda spec, info: counted.append(spec.key) or run_cost(spec, info))
    assert call("train --corpus grammar-char --model mlp transformer --budget 1e12")[0] == 0
    runs = trained.calls[0][0]
    assert counted == [run.spec.key for run in runs] and all(0 < run.cost.flops <= run.spec.train.flops == 10**12 for run in runs)


# Of signals that end a process, those that the tests' own was started to ignore, as by `nohup`, are heard again.
MOVED = """
import pathlib, signal, sys
from tinylm import files
signal.signal(signal.SIGHUP, signal.SIG_DFL)
for name, place in {folders}.items():
    setattr(files, name, pathlib.Path({home!r}) / place)
from tinylm.__main__ import main
sys.exit(main())
"""


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_single_run_saves_its_state_when_it_is_told_to_end(home, sent):
    code = MOVED.format(folders=commandline.FOLDERS, home=str(home))
    line = "train --corpus grammar-char --model linear --d-model 4 --context-length 4 --steps 100000000 --set train.n_evals=1 --device cpu"
    command = [sys.executable, "-c", code, *line.split()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        said = ""
        while "NLL" not in said:  # of the progress bar: the run is on its way
            said += (letter := running.stderr.read(1))
            assert letter, said
        running.send_signal(sent)
        out, err = running.communicate(timeout=60)
    assert running.returncode == 1 and "Traceback" not in err, err
    assert "stopping: the runs in progress save their states" in out
    assert out.splitlines()[-1].startswith("1 run left; continue with: python -m tinylm train --corpus grammar-char")
    assert len(list(files.CHECKPOINTS.glob("*.safetensors"))) == 1
