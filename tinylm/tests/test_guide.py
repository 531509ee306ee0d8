"""The guide to a new architecture, followed to the letter in a copy of the repository."""

import re
import shlex
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest

from tinylm import files

GUIDE = (files.DOCS / "new_architecture.md").read_text(encoding="utf-8")
TARGET = re.search(r"`(tinylm/architectures/\w+\.py)`", GUIDE)[1]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
SCRIPTS = Path(sysconfig.get_path("scripts"))


def blocks(language):
    return [text for found, text in BLOCK.findall(GUIDE) if found == language]


@pytest.fixture
def copy(tmp_path):
    """What the guide needs of the repository: neither ledger nor corpora."""
    shutil.copytree(files.ROOT / "tinylm", tmp_path / "tinylm", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "datasets/manifest.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(files.ROOT / name, tmp_path / name)
    return tmp_path


def said(command, folder, monkeypatch):
    """The output of a command line of the guide, run in a folder of its own `tinylm`."""
    program, *arguments = shlex.split(command)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    done = subprocess.run([SCRIPTS / program, *arguments], cwd=folder, capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def rows(text):
    """The cells of a table of runs, those that another machine may print differently left out: losses and seconds."""
    cells = [line.split() for line in text.splitlines() if re.search(r" [0-9a-f]{16}$", line)]
    return [[*line[:5], *line[-2:]] for line in cells], [float(line[6]) for line in cells]


def test_every_command_does_what_the_guide_says(copy, monkeypatch):
    (code,), (shown,) = blocks("python"), blocks("text")
    (copy / TARGET).write_text(code, encoding="utf-8")
    tests, flops, train = [said(command.strip(), copy, monkeypatch) for command in blocks("sh")]
    assert "1 skipped" not in tests and "passed" in tests
    assert "executed: convolutions" in flops
    assert rows(train)[0] == rows(shown)[0]
    assert rows(train)[1] == pytest.approx(rows(shown)[1], abs=0.1)
    for check in ("check", "format --check"):
        said(f"ruff {check} tinylm/architectures", copy, monkeypatch)
