"""The flags of single runs, and a text of one's own from file to continuation, through the command line."""

import argparse
import io
import json
import os
import shutil
import subprocess
import sys

import commandline
import pytest

from tinylm import files, study
from tinylm.cli import specs
from tinylm.config import LSTMConfig, MLPConfig, RunSpec, TrainConfig, TransformerConfig
from tinylm.data import own_texts
from tinylm.study import recipes, single
from tinylm.training import executors, machine
from tinylm.training.loop import Interrupted

TEXT = "".join(f"{n} and {n + 1} make {2 * n + 1}.\n" for n in range(400))
TINY = "--model transformer --layers 1 --d-model 8 --heads 2 --context-length 8 --steps 12 --eval-tokens 50"


ONE = "--corpus grammar-char --model transformer"
MISTAKES = {
    "train --corpus grammar-char": "a single run needs --corpus, and --model or --recipe",
    "train --corpus grammar-char --recipe transformer": "the recipe 'transformer' needs a budget; say how many FLOPs: --budget 1e11",
    "train --corpus grammar-char --recipe mlp --budget 1e10 --lr 1": "budget, seed and protocol; leave out --lr",
    "train --corpus grammar-char --recipe mlp --budget 1e10 --protocol paper": "unknown protocol 'paper'; there are: dense, full",
    "train --corpus grammar-char --recipe counts --budget 1e10": "counts are not trained; leave out --budget",
    "train --corpus grammar-char --model counts --set train.clip=1": "counts are not trained; leave out --set train.clip",
    "train --quick --corpus grammar-char --recipe mlp --search": "leave out --search",
    "train --quick --corpus grammar-char --recipe mlp --set train.beta2=0.9": "leave out --set train.beta2",
    "train --corpus grammar-word --recipe mlp --budget 1e10": "no recipe of 'mlp' for a corpus of words",
    "train --corpus shakespeare --model mlp": "'shakespeare' is neither a text file nor a corpus; did you mean 'tiny_shakespeare'? Name a",
    "train --corpus grammar-char --model rnn": "unknown value 'rnn'; there are: linear, mlp",
    f"train {ONE} --heads 3": "error: --heads 3 does not divide --d-model 128; choose a divisor",
    f"train {ONE} --heads 0": "error: --heads must be at least 1",
    f"train {ONE} --kv-heads 3": "error: --kv-heads 3 does not divide --heads 4",
    f"train {ONE} --d-model 12 --position rope": "a head is 3 wide, which is odd; change --heads or --d-model",
    f"train {ONE} --d-model 0": "error: --d-model must be at least 1",
    f"train {ONE} --layers two": "argument --layers: 'two' is not a number",
    f"train {ONE} --layers 1.5": "needs a whole number, got 1.5",
    f"train {ONE} --layers -1": "must not be negative",
    f"train {ONE} --context-length 0": "error: --context-length must be at least 1",
    f"train {ONE} --context-length 200000": "--context-length 200000 is too long: grammar-char has 200,000 ",
    f"train {ONE} --steps 0": "argument --steps: '0' is not a whole number from 1 up",
    f"train {ONE} --set train.steps=0": "error: set exactly one of --steps, --epochs and --budget above zero, got none",
    "train --budget 0.5": "argument --budget: '0.5' is not a whole number from 1 up",
    f"train {ONE} --budget 1e99 --quick": "argument --quick: not allowed with argument --budget",
    f"train --quick --corpus grammar-char --seed {2**63}": "error: --seed: must be below 2**63",
    "train --quick --corpus grammar-char --level word": "grammar-char is a corpus of characters; a level is for a text of your own",
    "train --quick --corpus text-0123456789ab": "the text of text-0123456789ab is not in",
    f"train {ONE} --steps 5 --epochs 2": "not allowed with argument",
    f"train {ONE} --budget 1e3": "a budget of 1e+03 FLOPs is too small for one step",
    f"train {ONE} --budget inf": "argument --budget: 'inf' is not a whole number",
    f"train {ONE} --lr nan": "needs a finite",
    f"train {ONE} --loss-at first": "unknown value 'first'; there are: last, all",
    f"train {ONE} --set norm=rms": "--set norm=rms: write model.FIELD=VALUE",
    f"train {ONE} --set model.induction=3,2": "each above the one before",
    f"train {ONE} --set train.lr=": "--set train.lr=: write model.FIELD=VALUE",
    f"train {ONE} --set model.norm": "--set model.norm: write model.FIELD=VALUE",
    f"train {ONE} --set model.norm=batch --set train.lr=0.1": "unknown value 'batch'",
    f"train {ONE} --set model.pointer=1e8": "is wider than the states",
    f"train {ONE} --set model.norm=batch": "error: --set model.norm: unknown value 'batch'; there are: layer, rms",
    f"train {ONE} --set model.colour=red": "--set model.colour: transformer has no such field",
    f"train {ONE} --set model.n_layers=2": "error: --set model.n_layers: transformer has no such field; did you mean '--layers'?",
    f"train {ONE} --optimizer adam --set train.weight_decay=1": "error: adam has no weight_decay; set --optimizer 'adamw'",
    f"train {ONE} --set model.d_model=wide": "--d-model: needs a whole number",
    "train --corpus grammar-char --model mlp --hidden-widths 8,x": "argument --hidden-widths: 'x' is not a number",
    "train --corpus grammar-char --model mlp --hidden-widths 8,8": "--hidden-widths is for widths that differ, in place of --d-hidden",
    "train --corpus grammar-char --model linear --set model.embedding_init=identity": "needs --d-model",
    "train --corpus grammar-char --model linear --heads 2": "--heads: linear has no such field; its fields are --context-length",
}


@pytest.mark.parametrize("line", MISTAKES)
def test_a_mistake_is_one_clear_message(refused, line):
    assert MISTAKES[line] in refused(line)


def test_the_presets_are_the_models_of_the_study(call):
    keys = {run.name: run.spec.key for run in study.section_plan("architectures", "full") if run.spec.seed == 0}
    for model, name, epochs in (("linear", "Linear", 3), ("mlp", "MLP", 3), ("self-attention", "Self-Attention", 4)):
        (found,) = json.loads(call(f"flops --json --corpus tiny_shakespeare --protocol paper --model {model} --epochs {epochs}")[1])
        assert found["key"] == keys[name]


def test_several_values_make_several_runs(call):
    found = json.loads(
        call("flops --json --corpus ptb --model transformer --layers 1 2 --lr 1e-3 3e-4 --seeds 0 1 --set model.norm=rms")[1]
    )
    assert len({row["key"] for row in found}) == 8
    assert {row["name"].rpartition(" (")[2] for row in found} == {f"n_layer={n}, lr={lr})" for n in (1, 2) for lr in (0.001, 0.0003)}


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A copy of the code with a run on `my.txt`, trained by a process of its own and its workers; what that printed as JSON."""
    folder = tmp_path_factory.mktemp("copy")
    shutil.copytree(files.ROOT / "tinylm", folder / "tinylm", ignore=shutil.ignore_patterns("__pycache__", "tests"))
    (folder / "datasets").mkdir()
    shutil.copy(files.ROOT / "datasets" / "manifest.json", folder / "datasets")
    (folder / "my.txt").write_text(TEXT, encoding="utf-8")
    line = [sys.executable, "-m", "tinylm", *f"train --corpus my.txt {TINY} --device cpu --json".split()]
    done = subprocess.run(line, cwd=folder, env=os.environ | {"PYTHONPATH": str(folder)}, capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, done.stderr
    return folder, done


@pytest.fixture
def run(copy, monkeypatch):
    """The trained run, with its copy for a home."""
    folder, done = copy
    monkeypatch.chdir(commandline.move_home(monkeypatch, folder))
    return json.loads(done.stdout)["runs"][0]


def test_train_says_what_came_out(run, copy):
    found = json.loads(copy[1].stdout)
    assert found["left"] == 0 and len(found["runs"]) == 1
    assert (run["status"], run["steps"], run["model"], run["seed"]) == ("done", 12, "transformer", 0)
    assert run["weights"] == f"out/weights/{run['key']}.safetensors" and (files.ROOT / run["weights"]).is_file()
    assert all(isinstance(run[name], float) for name in ("valid_nll", "test_nll", "test_se", "seconds"))
    assert f"my.txt ({run['corpus']}): 19 distinct characters; train " in copy[1].stderr
    assert f"generate text with: python -m tinylm generate --model {run['key']}" in copy[1].stderr


def test_the_file_may_move(run, call, monkeypatch):
    moved = files.ROOT / "moved.md"
    (files.ROOT / "my.txt").rename(moved)
    try:
        code, out, _ = call(f"train --corpus {moved} {TINY}")
        assert code == 0 and "1 run, 1 recorded, 0 to train" in out
        assert "1 recorded, 0 to train" in call(f"train --corpus {run['corpus']} {TINY}")[1]
        assert "1 recorded, 0 to train" in call(f"train --run {run['key']}")[1]
        assert call(f"generate --model {run['key']} --prompt 1 --length 20")[0] == 0
        for split in ("valid", "test"):
            found = json.loads(call(f"evaluate --model {run['key']} --split {split} --json")[1])
            assert found["nll"] == pytest.approx(found["record_nll"], rel=1e-6) == pytest.approx(run[f"{split}_nll"], rel=1e-6)
        assert call(f"evaluate --model {run['key']} --file {moved}")[0] == 0
        monkeypatch.setattr("sys.stdin", io.StringIO("1 and\n"))
        assert call(f"chat --model {run['key']} --length 5")[1].startswith("1 and")
        assert "from my.txt" in call("download --list")[1]
    finally:
        moved.rename(files.ROOT / "my.txt")


def test_a_changed_file_is_another_corpus(run, call):
    (files.ROOT / "changed.txt").write_text(TEXT.replace("7", "8"), encoding="utf-8")
    (other,) = json.loads(call(f"flops --corpus changed.txt {TINY} --json")[1])
    (same,) = json.loads(call(f"flops --corpus my.txt {TINY} --json")[1])
    assert same["key"] == run["key"] != other["key"] and same["corpus"] != other["corpus"]


def test_a_stopped_run_goes_on_to_the_same_bits(home):
    (home / "my.txt").write_text(TEXT, encoding="utf-8")
    model = TransformerConfig(context_length=8, n_layer=1, n_head=2, d_model=8, d_ff=8)
    spec = RunSpec(corpus=own_texts.add(home / "my.txt", "word"), model=model, train=TrainConfig(steps=70, eval_tokens=50))
    settings = [machine.Settings(checkpoints=home / name, weights=home / name / "weights") for name in ("stopped", "straight")]
    with pytest.raises(Interrupted, match=r"stopped at step \d+ of 70"):
        executors.run_one(spec, settings[0], lambda progress: None, lambda: True)
    (home / "my.txt").unlink()
    records = [executors.run_one(spec, each, lambda progress: None, lambda: False) for each in settings]
    assert records[0].test == records[1].test and records[0].corpus_sha256 == records[1].corpus_sha256


FILES = {
    "--corpus absent.txt": "there is no file absent.txt; name a file, or one of: tiny_shakespeare",
    "--corpus bref.txt": "there is no file bref.txt; did you mean 'brief.txt'?",
    "--corpus folder": "cannot read folder: Is a directory; name a text file",
    "--corpus binary.txt": "binary.txt is not UTF-8 (byte 1); name a text file, or save it as UTF-8",
    "--corpus empty.txt": "empty.txt is empty; take a text with words in it",
    "--corpus short.txt": "short.txt is too short",
    "--corpus brief.txt": ") is too short for a recipe: its least split has 18 characters, and 256 are context only; take a longer text",
    "--corpus brief.txt --model mlp": "--context-length 128 leaves nothing to score: valid or test of text-",
    "--corpus brief.txt --level words": "unknown value 'words'; did you mean 'word'?",
}


@pytest.mark.parametrize("command", ["train", "flops"])
@pytest.mark.parametrize("line", FILES)
def test_a_bad_file_is_one_clear_message(call, home, monkeypatch, command, line):
    monkeypatch.chdir(home)
    (home / "folder").mkdir()
    for name, content in {"binary": b"a\xff\n", "empty": b"", "short": b"a cat", "brief": TEXT[:400].encode()}.items():
        (home / f"{name}.txt").write_bytes(content)
    code, _, err = call(f"{command} {line} --quick")
    assert code == 2 and FILES[line] in err and "Traceback" not in err and "error: " in err.splitlines()[-1]


def test_quick_is_a_recipe_at_a_budget(call, home, monkeypatch):
    monkeypatch.chdir(home)
    (home / "my.txt").write_text(TEXT, encoding="utf-8")
    budget = specs.QUICK.budgets[0]

    def keys(line):
        return [row["key"] for row in json.loads(call(f"flops --json {line}")[1])]

    assert keys("--quick") == keys(f"--corpus tiny_shakespeare --recipe transformer --budget {budget}")
    assert keys("--quick --corpus my.txt") == keys("--corpus my.txt --recipe transformer --budget 2e10")
    assert (
        keys("--quick --corpus my.txt --recipe mlp")
        == keys("--corpus my.txt --model mlp --quick")
        == keys("--corpus my.txt --recipe mlp --budget 2e10")
    )
    assert keys("--quick --corpus my.txt --model mlp --d-model 8") == keys(f"--corpus my.txt --model mlp --d-model 8 --budget {budget}")
    assert keys("--corpus my.txt --model mlp --context-lengths 4 8") == keys("--corpus my.txt --model mlp --context-length 4 8")


def test_a_search_is_a_section_of_its_own(home, call):
    code, out, _ = call("train --corpus grammar-char --model counts --order 2 3 --search --workers 1")
    written = sorted((files.LOCAL_LEDGER / "search").glob("*.json"))
    assert code == 0 and "2 runs, 0 recorded, 2 to train" in out and "(seed 100): valid NLL" in out and "(seed 100): test NLL" not in out
    assert [json.loads(path.read_text())["test"] for path in written] == [None, None]


def test_the_widths_that_flags_and_python_set_by_themselves_are_told_apart_in_the_help(call):
    widths = {}
    for model in ("transformer", "self-attention"):
        (run,) = specs.SingleRuns(corpus="grammar-char", models=(model,), fields={"model.n_layer": (1,), "model.d_model": (16,)}).planned()
        widths[model] = run.spec.model.d_ff
    assert widths == {"transformer": 32, "self-attention": 64} and TransformerConfig(n_layer=1, d_model=16).d_ff == 256
    said = " ".join(call("train --help")[1].split())
    assert "width of the FFN (self-attention 4, transformer 2 times the width; in Python 256)" in said


def quick(line):
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", nargs="+", type=int)
    specs.add_flags(parser)
    return specs.single_runs(parser.parse_args(["--quick", *line.split()])).planned()


def test_a_quick_model_has_its_recipe_unless_it_is_described():
    lstm, mlp, counts = quick("--model lstm mlp counts")
    assert lstm.spec == recipes.recipe("lstm", "tiny_shakespeare", 10**12) and mlp.spec == recipes.recipe("mlp", "tiny_shakespeare", 10**12)
    assert counts.spec == recipes.recipe("counts", "tiny_shakespeare", 0)
    (described,) = quick("--model lstm --layers 2")
    assert described.spec == single.spec("tiny_shakespeare", LSTMConfig(n_layer=2), flops=10**12)
    (words,) = quick("--model mlp --corpus grammar-word")  # which has no recipe
    assert words.spec.model == MLPConfig()


def test_a_quick_run_reads_a_short_text_few_times(home):
    (home / "my.txt").write_text("".join(f"the cat {i} sat on the mat\n" for i in range(1500)))
    (run,) = quick(f"--corpus {home / 'my.txt'}")
    assert run.spec.train.flops == 10**11 and 2 < recipes.passes(run.spec) <= recipes.MANY_PASSES
