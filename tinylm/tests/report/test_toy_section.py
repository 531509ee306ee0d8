"""A section is added by one file and its notebook: in a copy of the repository that has no other, it is planned, trained and reported."""

import os
import shutil
import subprocess
import sys

import nbformat

from tinylm import files
from tinylm.report import execution

SECTION = '''
"""A toy section."""

from tinylm.config import LinearConfig, RunSpec, TrainConfig
from tinylm.study.parameters import Section, checked
from tinylm.study.planned import Planned, with_seeds


@checked
def toy(*, corpus: str = "grammar-char", d_model: int = 64) -> list[Planned]:
    """Linear at one width."""
    spec = RunSpec(corpus=corpus, model=LinearConfig(context_length=8, d_model=d_model), train=TrainConfig(steps=20, eval_tokens=100))
    return with_seeds([Planned(section="toy", role="sweep", architecture="Linear", name="Linear, narrow", spec=spec)], [0, 1])


SECTION = Section(notebook="10_toy", plan=toy, smoke={"d_model": 4})
'''
CELLS = (
    ("markdown", "# A toy\n\n**Question.** Does a section need one file?", []),
    ("code", "import tinylm as tl", []),
    ("code", 'corpus = "grammar-char"\nd_model = 64', ["parameters"]),
    ("code", "plan = tl.study.toy(corpus=corpus, d_model=d_model)\nrecords = tl.run(plan)", []),
    ("code", 'tl.display.table(tl.tables.results(records), "toy-results", "Test NLL in nats per character.")', []),
    ("code", 'tl.display.text(f"{len(records)} runs.")', ["abstract"]),
)


def notebook():
    made = nbformat.v4.new_notebook(metadata=execution.KERNEL_METADATA)
    make = {"markdown": nbformat.v4.new_markdown_cell, "code": nbformat.v4.new_code_cell}
    made.cells = [make[kind](source, metadata={"tags": tags}) for kind, source, tags in CELLS]
    return made


def test_a_toy_section_is_planned_trained_executed_and_reported(tmp_path):
    shutil.copytree(files.ROOT / "tinylm", tmp_path / "tinylm", ignore=shutil.ignore_patterns("tests", "__pycache__", "*.safetensors"))
    for path in (tmp_path / "tinylm" / "study" / "sections").glob("[a-z]*.py"):
        path.unlink()
    for name in ("run_me.py", "datasets/manifest.json", "notebooks/report.toml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(files.ROOT / name, tmp_path / name)
    (tmp_path / "tinylm" / "study" / "sections" / "toy.py").write_text(SECTION)
    nbformat.write(notebook(), tmp_path / "notebooks" / "10_toy.ipynb")
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}  # the kernel's tinylm is the copy
    command = [sys.executable, "run_me.py", "--profile", "smoke"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 runs planned, 0 recorded, 2 to train" in done.stdout and "10_toy" in done.stdout
    out = tmp_path / "out" / "smoke"
    assert len(list((tmp_path / "out" / "ledger" / "toy").glob("*.json"))) == 2
    assert "Linear, narrow" in (out / "figures" / "toy-results.csv").read_text()
    assert "Linear, narrow" in (out / "report.html").read_text() and (out / "report.pdf").stat().st_size > 10_000
