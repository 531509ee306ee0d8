"""The command line without training: help, messages, exit codes, tables. Nothing here starts a process but the two last tests."""

import json
import os
import re
import subprocess
import sys

import pytest
from records import made

from tinylm import data, files, flops, ledger, study
from tinylm.ledger import bundle

pytestmark = pytest.mark.usefixtures("home")


COMMANDS = [
    "",
    "train",
    "generate",
    "chat",
    "evaluate",
    "flops",
    "ledger",
    "ledger import",
    "ledger check",
    "ledger show",
    "bench",
    "status",
    "download",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_examples(call, command):
    code, out, err = call(f"{command} --help")
    assert code == 0 and not err
    assert f"python -m tinylm {command}".strip() in out


ONE = "--corpus grammar-char --model transformer"
MISTAKES = {
    "": "arguments are required: COMMAND",
    "tarin": "invalid choice: 'tarin'",
    "train": "say what to train: --quick for a first try, --missing",
    "train --missing --profile fast": "unknown profile 'fast'; choose one of full",
    "train --missing --section ropes": "unknown section 'ropes'; choose one of control",
    "train --missing --section rope --seeds 9": "no planned run has seed 9; choose from 0 1 2 3 4",
    "train --missing --seeds -1": "'-1' is not a whole number from 0 up",
    "train --missing --seeds x": "'x' is not a whole number from 0 up",
    "train --missing --heads 2": "--heads describes a single run and does not go with --missing",
    "train --missing --minutes 0": "'0' is not a number of minutes above zero",
    "train --missing --minutes nan": "'nan' is not a number of minutes",
    "train --missing --workers 0": "'0' is not a whole number from 1 up",
    "train --missing --device tpu": "invalid choice: 'tpu'",
    "train --missing --data-dir nowhere": "--data-dir nowhere is not a folder",
    "train --missing --out nowhere/a.tar": "cannot write nowhere/a.tar",
    "train --miss": "unrecognized arguments: --miss",
    "train --corpus grammar-char": "a single run needs --corpus, and --model or --recipe",
    "train --corpus grammar-char --recipe transformer": "--recipe needs a budget; say how many FLOPs, e.g. --budget 1e13",
    "train --corpus grammar-char --recipe mlp --budget 1e10 --lr 1": "--recipe says all but corpus, budget and seed; leave out --lr",
    "train --corpus grammar-word --recipe mlp --budget 1e10": "no recipe of 'mlp' for a corpus of words",
    "train --corpus shakespeare --model mlp": "'shakespeare' is neither a text file nor a corpus; name a file, or one of tiny_shakespeare",
    "train --corpus grammar-char --model rnn": "invalid choice: 'rnn'",
    f"train {ONE} --section rope": "--profile and --section go with --missing",
    f"train {ONE} --heads 3": "n_head=3 does not divide d_model=128; choose a divisor",
    f"train {ONE} --heads 0": "n_head must be at least 1",
    f"train {ONE} --kv-heads 3": "n_kv_head=3 does not divide n_head=4",
    f"train {ONE} --d-model 12 --position rope": "the head width d_model/n_head=3 is odd",
    f"train {ONE} --d-model 0": "d_model must be at least 1",
    f"train {ONE} --layers two": "argument --layers: 'two' is not a number",
    f"train {ONE} --layers 1.5": "needs a whole number, got 1.5",
    f"train {ONE} --layers -1": "must not be negative",
    f"train {ONE} --context-length 0": "context_length must be at least 1",
    f"train {ONE} --context-length 200000": "longer than the 200,000 training tokens",
    f"train {ONE} --steps 0": "argument --steps: '0' is not a whole number from 1 up",
    f"train {ONE} --set train.steps=0": "set exactly one of steps, epochs and flops above zero",
    "train --budget 0.5": "argument --budget: '0.5' is not a whole number from 1 up",
    f"train {ONE} --budget 1e99 --quick": "argument --quick: not allowed with argument --budget",
    f"train --quick --corpus grammar-char --seed {2**63}": "error: seed must be below 2**63",
    "train --missing --quick": "--quick describes a single run and does not go with --missing",
    "train --quick --corpus grammar-char --level word": "--level is for a text file; grammar-char is a corpus of characters",
    "train --quick --corpus text-0123456789ab": "the text of text-0123456789ab is not in",
    f"train {ONE} --steps 5 --epochs 2": "not allowed with argument",
    f"train {ONE} --budget 1e3": "a budget of 1e+03 FLOPs is too small for one step",
    f"train {ONE} --budget inf": "argument --budget: 'inf' is not a whole number",
    f"train {ONE} --lr nan": "needs a finite",
    f"train {ONE} --loss-at first": "invalid choice: 'first'",
    f"train {ONE} --set norm=rms": "--set norm=rms: write model.FIELD=VALUE",
    f"train {ONE} --set model.induction=3,2": "each above the one before",
    f"train {ONE} --set model.norm": "--set model.norm: write model.FIELD=VALUE",
    f"train {ONE} --set model.norm=batch --set train.lr=0.1": "unknown value 'batch'",
    f"train {ONE} --set model.pointer=1e8": "is wider than the states",
    f"train {ONE} --set model.norm=batch": "unknown value 'batch'; choose one of layer, rms",
    f"train {ONE} --set model.colour=red": "--set model.colour: transformer has no such field",
    f"train {ONE} --set model.d_model=wide": "--d-model: needs a whole number",
    "train --corpus grammar-char --model mlp --hidden-widths 8,x": "argument --hidden-widths: 'x' is not a number",
    "train --corpus grammar-char --model mlp --hidden-widths 8,8": "hidden_widths is for widths that differ",
    "train --corpus grammar-char --model linear --set model.embedding_init=identity": "needs d_model=",
    "train --corpus grammar-char --model linear --heads 2": "--heads: linear has no such field; its fields are context_length",
    "train --run Transformer --seeds 1": "write the seed as NAME@SEED",
    "train --run Transfomer": "no run is called 'Transfomer'",
    "flops --corpus ptb": "a single run needs --corpus, and --model or --recipe",
    "flops --profile full": "--profile needs --section",
    "flops --section rope --heads 2": "--heads describes a single run",
    "flops --section ropes": "unknown section 'ropes'",
    "status --profile fast": "unknown profile 'fast'",
    "status --section ropes": "unknown section 'ropes'",
    "download shakespeare": "unknown corpus 'shakespeare'",
    "download --list shakespeare": "unknown corpus 'shakespeare'",
    "ledger": "arguments are required: ACTION",
    "ledger import absent.tar": "cannot read absent.tar: No such file",
    "ledger check absent": "absent is not a folder",
    "ledger show 0123": "no record has a key that begins with '0123'",
    "ledger show absent.json": "absent.json: [Errno 2] No such file",
}


@pytest.mark.parametrize("line", MISTAKES)
def test_a_mistake_is_one_clear_message(call, line, home, monkeypatch):
    monkeypatch.chdir(home)
    code, out, err = call(line)
    assert code == 2 and not out
    assert MISTAKES[line] in err and "Traceback" not in err
    assert "error: " in err.splitlines()[-1]


def test_flops_of_the_paper(call):
    code, out, _ = call("flops")
    rows = {line[:24].strip(): line[24:].split() for line in out.splitlines()}
    assert code == 0 and len(rows) == 22
    assert rows["Linear"] == ["1,073,345", "9.58e11", "9.58e11", "4.12e13", "4.12e13", "42.99"]
    assert rows["Self-Attention"] == ["231,617", "5.28e12", "3.52e13", "1.19e13", "1.19e13", "0.34"]
    assert rows["Transformer"][1:3] == ["5.55e13", "7.55e13"]
    assert rows["PTB Transformer"][2:5] == ["1.14e14", "2.44e14", "2.44e14"]
    assert rows["RoPE"][-2] == "2.12e13"
    found = json.loads(call("flops --json")[1])
    assert [row["name"] for row in found][:4] == ["Linear", "MLP", "Self-Attention", "Transformer"]
    assert all(row["n_params_stated"] in (None, row["n_params"]) for row in found)


SPECS = [
    "mlp --steps 7",
    "mlp --hidden-widths 8,16,32 --activation gelu",
    "linear --epochs 2",
    "self-attention --epochs 1 --d-model 32",
    "transformer --budget 1e12 --loss-at all",
]


@pytest.mark.parametrize("flags", SPECS)
def test_parts_add_up_to_the_run(call, flags):
    (found,) = json.loads(call(f"flops --corpus ptb --json --model {flags}")[1])
    for convention, total in (("executed", found["flops"]), ("textbook", found["flops_textbook"])):
        parts = found["parts"][convention].values()
        assert sum(part["run"] for part in parts) == total > 0
        assert all(part["backward"] == flops.BACKWARD_PER_FORWARD * part["forward"] for part in parts)
    assert found["flops_6nd"] == 3 * found["flops_2nd"]
    text = call(f"flops --corpus ptb --model {flags}")[1]
    assert f"{found['n_params']:,} parameters" in text and "executed: head" in text and "textbook: total" in text


def test_the_presets_are_the_models_of_the_study(call):
    keys = {run.name: run.spec.key for run in study.section_plan("architectures", "full") if run.spec.seed == 0}
    for model, name, epochs in (("linear", "Linear", 3), ("mlp", "MLP", 3), ("self-attention", "Self-Attention", 4)):
        (found,) = json.loads(call(f"flops --json --corpus tiny_shakespeare --model {model} --epochs {epochs}")[1])
        assert found["key"] == keys[name]


def test_several_values_make_several_runs(call):
    found = json.loads(
        call("flops --json --corpus ptb --model transformer --layers 1 2 --lr 1e-3 3e-4 --seeds 0 1 --set model.norm=rms")[1]
    )
    assert len({row["key"] for row in found}) == 8
    assert {row["name"] for row in found} == {f"transformer n_layer={n} lr={lr}" for n in (1, 2) for lr in (0.001, 0.0003)}


def test_a_section(call):
    assert len(call("flops --section sweeps")[1].splitlines()) == 16
    assert "PTB KN-5" in call("flops --section words --profile full")[1]


def planned(name, seed=0, section="architectures"):
    return next(run for run in study.section_plan(section, "full") if run.name == name and run.spec.seed == seed)


def test_status_counts_what_is_left(call, home):
    code, out, _ = call("status --json")
    empty = json.loads(out)
    assert code == 1 and not empty["complete"] and not empty["broken"]
    section = empty["sections"]["rope"]
    assert section["planned"] == 10 and section["recorded"] == 0
    assert section["missing"] == {str(seed): ["Learned positions", "RoPE"] for seed in range(5)}
    ledger.write(made(spec=planned("Linear").spec), files.LEDGER / "architectures")
    ledger.write(made(spec=planned("MLP").spec, version="last-0 adam-0"), files.LOCAL_LEDGER)
    (files.LEDGER / "architectures" / "ptb-mlp-s0-0123456789abcdef.json").write_text("{")
    code, out, err = call("status --json --section architectures")
    section = json.loads(out)["sections"]["architectures"]
    assert code == 1 and "warning: skipped a broken ledger file" in err
    assert (section["recorded"], section["stale"], section["broken"]) == (1, {"0": ["MLP"]}, 1)
    assert section["flops_left"] == empty["sections"]["architectures"]["flops_left"] - made(spec=planned("Linear").spec).flops
    out = call("status")[1]
    assert "architectures 25 1 23 1 1" in re.sub(" +", " ", out)
    assert out.splitlines()[-1] == "Train what is left with: python -m tinylm train --missing"


def test_status_of_a_complete_section(call):
    for run in study.section_plan("rope", "smoke"):
        ledger.write(made(spec=run.spec), files.LOCAL_LEDGER / "rope")
    code, out, err = call("status --profile smoke --section rope")
    assert code == 0 and out.endswith("Nothing is left.\n") and not err
    assert call("train --missing --profile smoke --section rope")[:2] == (0, "2 runs, 2 recorded, 0 to train: 0 FLOPs\n")


def test_import_merges(call, home):
    bundle.pack([("rope", made(0)), ("words", made(1))], home / "a.tar")
    code, out, _ = call(f"ledger import {home / 'a.tar'}")
    assert code == 0 and out.splitlines()[-1] == "docs/ledger: 2 added"
    code, out, _ = call(f"ledger import {home / 'a.tar'}")
    assert (code, out) == (0, "docs/ledger: 2 kept\n")
    bundle.pack([("rope", made(0, seconds=5.0)), ("words", made(1, version="last-0 adam-0"))], home / "b.tar")
    code, out, _ = call(f"ledger import {home / 'b.tar'}")
    assert code == 1 and out.splitlines()[-1] == "docs/ledger: 1 differs, 1 refused" and "differs: rope/" in out
    assert call(f"ledger import {home / 'b.tar'} --into {home / 'other'}")[0] == 1
    assert len(list((home / "other" / "rope").iterdir())) == 1
    (home / "a.tar").write_bytes((home / "a.tar").read_bytes()[:3000])
    code, out, _ = call(f"ledger import {home / 'a.tar'}")
    assert code == 1 and "cut or damaged" in out


def test_import_into_a_place_that_cannot_be_written(call, home):
    bundle.pack([("rope", made())], home / "a.tar")
    (home / "docs").touch()
    code, _, err = call(f"ledger import {home / 'a.tar'}")
    assert code == 2 and "cannot write" in err


def test_check_names_broken_and_stale(call, home):
    assert call("ledger check")[:2] == (0, "0 records, 0 broken, 0 stale\n")
    good = ledger.write(made(0), files.LEDGER / "rope")
    assert call("ledger check")[0] == 0
    ledger.write(made(1, version="last-0 adam-0"), files.LEDGER)
    ledger.write(made(2, corpus_sha256="0" * 64), files.LOCAL_LEDGER)
    good.with_name("renamed-s0-x.json").write_bytes(good.read_bytes())
    good.with_name("deep-s0-x.json").write_text("[" * 100_000)
    good.with_name("cut-s0-x.json").write_bytes(good.read_bytes()[:100])
    code, out, err = call("ledger check")
    assert code == 1 and not err and out.splitlines()[-1] == "6 records, 4 broken, 1 stale"
    assert "docs/ledger/rope/renamed-s0-x.json: broken: its name should be" in out
    assert "stale: made by last-0 adam-0" in out and "another text" in out
    assert call(f"ledger check {files.LOCAL_LEDGER}")[1].splitlines()[-1] == "1 records, 1 broken, 0 stale"
    code, out, _ = call("ledger check --json")
    found = json.loads(out)
    problems = found.pop("problems")
    assert code == 1 and found == {"records": 6, "broken": 4, "stale": 1} and len(problems) == 5
    assert problems["docs/ledger/rope/renamed-s0-x.json"].startswith("broken: its name should be")


def test_show(call):
    path = ledger.write(made(3), files.LOCAL_LEDGER)
    out = call(f"ledger show {made(3).spec.key[:6]}")[1]
    assert out == call(f"ledger show {path}")[1]
    assert "3.2500 +- 0.0500" in out and "model.d_hidden = 8" in out and made(3).spec.key in out
    ledger.write(made(4), files.LOCAL_LEDGER)
    assert "2 records have a key" in call(["ledger", "show", ""])[2]
    assert call(f"ledger show {made(3).spec.key} --json")[1] == path.read_text()


def test_download(call, monkeypatch, home):
    assert "grammar-char" in call("download --list")[1]
    (found,) = json.loads(call("download --list --json grammar-char")[1])
    assert (found["corpus"], found["vocab_size"], found["state"]) == ("grammar-char", 35, "generated")
    assert set(found["n_tokens"]) == set(data.SPLITS)
    assert call("download --json")[2] == "error: --json goes with --list\n"
    fetched = []
    monkeypatch.setattr("tinylm.data.download.download", lambda name: fetched.append(name) or home / "datasets" / name)
    assert call("download grammar-word ptb-eos") == (
        0,
        "grammar-word: generated on this machine, nothing to fetch\nptb-eos: datasets/ptb-eos\n",
        "",
    )
    monkeypatch.setattr("tinylm.data.available", lambda name: name == "tiny_shakespeare")
    assert call("download")[0] == 0 and fetched == ["ptb-eos", "ptb", "wikitext-2"]
    monkeypatch.setattr("tinylm.data.available", lambda name: True)
    assert call("download")[1] == "every corpus is here\n"

    def fail(name):
        raise data.DataError("no network")

    monkeypatch.setattr("tinylm.data.download.download", fail)
    assert call("download ptb")[:2] == (1, "ptb: failed: no network\n")


def test_ctrl_c_is_quiet(call, monkeypatch):
    def interrupt(profile):
        raise KeyboardInterrupt

    monkeypatch.setattr(study, "plan", interrupt)
    assert call("status") == (130, "", "interrupted\n")


def python(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ | {"TINYLM_DATA": ""})


def test_help_and_tables_load_neither_torch_nor_anything_beyond_the_four_packages():
    """The command line works where only torch, numpy, tqdm and safetensors are installed, and answers without loading torch."""
    done = python(
        "import sys\n"
        "for name in ('pandas', 'matplotlib', 'scipy', 'IPython', 'rich', 'nbformat', 'torch', 'safetensors'): sys.modules[name] = None\n"
        "from tinylm.__main__ import main\n"
        "codes = [main(line.split()) for line in ('flops', 'status', 'ledger check', 'download --list')]\n"
        "print(codes[0], codes[3], main(['train', '--corpus', 'grammar-char', '--model', 'mlp', '--steps', '999']))\n"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "0 0 2" and "training needs the package torch" in done.stderr


def test_a_reader_that_leaves_ends_the_command():
    done = subprocess.run([f"{sys.executable} -m tinylm flops --section sweeps | head -1"], shell=True, capture_output=True, text=True)
    assert done.stdout.startswith("run") and not done.stderr
