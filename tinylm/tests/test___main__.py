"""The command line as a whole: help, unknown commands, exit codes. Only the two last tests start a process."""

import os
import subprocess
import sys

import pytest

import tinylm
from tinylm import study

pytestmark = pytest.mark.usefixtures("home")


def test_the_version_is_said(call):
    assert call("--version") == (0, f"tinylm {tinylm.__version__}\n", "")


COMMANDS = [
    "",
    "train",
    "generate",
    "chat",
    "evaluate",
    "flops",
    "ledger",
    "ledger import",
    "ledger verify",
    "ledger show",
    "bench",
    "status",
    "download",
    "export",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_examples(call, command):
    code, out, err = call(f"{command} --help")
    assert code == 0 and not err
    assert f"python -m tinylm {command}".strip() in out.partition("examples")[2]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", "arguments are required: COMMAND"),
        ("tarin", "COMMAND: unknown value 'tarin'; did you mean 'train'?"),
    ],
)
def test_an_unknown_command_is_one_clear_message(call, line, message):
    code, out, err = call(line)
    assert code == 2 and not out and message in err and "error: " in err.splitlines()[-1]


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
        "codes = [main(line.split()) for line in ('flops', 'status', 'ledger verify', 'download --list')]\n"
        "print(codes[0], codes[3], main(['train', '--corpus', 'grammar-char', '--model', 'mlp', '--steps', '999']))\n"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "0 0 2" and "training needs the package torch" in done.stderr


def test_a_reader_that_leaves_ends_the_command():
    done = subprocess.run([f"{sys.executable} -m tinylm flops --section sweeps | head -1"], shell=True, capture_output=True, text=True)
    assert done.stdout.startswith("run") and not done.stderr
